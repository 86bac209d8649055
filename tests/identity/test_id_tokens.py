"""Id tokens: signed by the secret key's own key, checked by what is published."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from gateway.identity.directory import object_id, tenant_id
from gateway.identity.id_tokens import IdTokens
from gateway.identity.secrets import KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
CLAIMS = {"iss": "https://gateway.example/adfs", "sub": "1"}


def signer(*keys: bytes) -> IdTokens:
    current, *retired = keys
    return IdTokens(KeyRing(current, retired, clock=lambda: datetime.now(UTC)).purpose_keys)


def published(tokens: IdTokens) -> KeySet:
    return KeySet.import_key_set(tokens.public_keys())


def test_what_was_signed_is_checked_by_what_is_published() -> None:
    tokens = signer(NEW)
    found = jwt.decode(tokens.sign(CLAIMS), published(tokens), algorithms=["ES256"])
    assert found.claims == CLAIMS


def test_the_header_names_algorithm_and_key() -> None:
    # RFC 7515 §7.1: BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(signature)
    header, payload, signature = signer(NEW).sign(CLAIMS).split(".")
    (key,) = signer(NEW).public_keys()["keys"]
    assert json.loads(_plain(header)) == {"typ": "JWT", "alg": "ES256", "kid": key["kid"]}
    assert json.loads(_plain(payload)) == CLAIMS
    assert len(_plain(signature)) == 64  # RFC 7518 §3.4: r and s, 32 bytes each


def test_nodes_with_one_secret_key_sign_with_one_key_and_others_with_another() -> None:
    assert signer(NEW).public_keys() == signer(NEW).public_keys()
    with pytest.raises(InvalidKeyIdError):
        jwt.decode(signer(OLD).sign(CLAIMS), published(signer(NEW)), algorithms=["ES256"])


def test_a_retired_keys_tokens_are_checked_still() -> None:
    both = signer(NEW, OLD)
    assert len(both.public_keys()["keys"]) == 2
    before = signer(OLD).sign(CLAIMS)
    assert jwt.decode(before, published(both), algorithms=["ES256"]).claims == CLAIMS
    assert both.sign(CLAIMS).split(".")[0] == signer(NEW).sign(CLAIMS).split(".")[0]


def test_no_private_part_is_published() -> None:
    for key in signer(NEW, OLD).public_keys()["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_the_directory_has_one_guid_for_as_long_as_its_address() -> None:
    # Clients keep it: a changed derivation would sign everybody out of everything.
    assert tenant_id("https://gateway.example") == "df44c5bc-21a2-594f-bfb6-c5759a2696ee"
    assert tenant_id("https://gateway.example") != tenant_id("https://gateway.example:8443")
    assert object_id("0123456789abcdef0123456789abcdef") == "01234567-89ab-cdef-0123-456789abcdef"


def _plain(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
