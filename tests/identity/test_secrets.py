"""Secrets, keys and signatures: good for what they were made for and for nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadSignature, SignatureExpired

from gateway.errors import SettingsError
from gateway.identity.secrets import (
    KeyRing,
    digest_of,
    load_or_make_key,
    new_secret,
    same_digest,
)
from tests.identity.conftest import SECRET_KEY, Clock

NEW_KEY = b"a newer key of thirty-two bytes!"


def test_a_secret_is_kept_as_its_sha256() -> None:
    secret, digest = new_secret()
    assert digest == hashlib.sha256(secret.encode()).hexdigest()
    assert 43 <= len(secret) and secret != new_secret()[0]
    assert same_digest(digest, digest_of(secret))
    assert not same_digest(digest, digest_of(secret + "x"))


@given(st.text(st.characters(codec=None)))
def test_whatever_a_cookie_holds_has_a_digest(text: str) -> None:
    assert len(digest_of(text)) == 64


def test_each_purpose_has_its_own_key(clock: Clock) -> None:
    ring = KeyRing(SECRET_KEY, clock=clock)
    keys = {ring.purpose_keys(purpose) for purpose in ("seal", "sign csrf", "sign flash")}
    assert len(keys) == 3
    assert all(key != SECRET_KEY for (key,) in keys)


def test_what_is_sealed_is_hidden_and_comes_back(clock: Clock) -> None:
    ring = KeyRing(SECRET_KEY, clock=clock)
    sealed = ring.seal("JBSWY3DP")
    assert "JBSWY3DP" not in sealed and sealed != ring.seal("JBSWY3DP")
    assert ring.unseal(sealed) == "JBSWY3DP"


def test_a_retired_key_opens_until_all_is_sealed_anew(clock: Clock) -> None:
    sealed = KeyRing(SECRET_KEY, clock=clock).seal("JBSWY3DP")
    both = KeyRing(NEW_KEY, [SECRET_KEY], clock=clock)
    alone = KeyRing(NEW_KEY, clock=clock)
    with pytest.raises(SettingsError, match="retired"):
        alone.unseal(sealed)
    assert both.unseal(sealed) == alone.unseal(both.reseal(sealed)) == "JBSWY3DP"


def test_a_short_key_is_refused(clock: Clock) -> None:
    with pytest.raises(SettingsError, match="32"):
        KeyRing(b"too short", clock=clock)


def test_a_signed_value_is_good_for_its_purpose_alone(clock: Clock) -> None:
    # SECURITY C6.
    ring = KeyRing(SECRET_KEY, clock=clock)
    signed = ring.signer("csrf").dumps({"form": "consent"})
    assert ring.signer("csrf").loads(signed, max_age=60) == {"form": "consent"}
    for other in (ring.signer("flash"), KeyRing(NEW_KEY, clock=clock).signer("csrf")):
        with pytest.raises(BadSignature):
            other.loads(signed, max_age=60)


def test_a_signed_value_ages_by_the_gateways_clock(clock: Clock) -> None:
    signer = KeyRing(SECRET_KEY, clock=clock).signer("flash")
    signed = signer.dumps("saved")
    clock.advance(seconds=60)
    assert signer.loads(signed, max_age=60) == "saved"
    clock.advance(seconds=1)
    with pytest.raises(SignatureExpired):
        signer.loads(signed, max_age=60)


def test_a_retired_key_still_verifies_what_it_signed(clock: Clock) -> None:
    signed = KeyRing(SECRET_KEY, clock=clock).signer("csrf").dumps("x")
    both = KeyRing(NEW_KEY, [SECRET_KEY], clock=clock)
    assert both.signer("csrf").loads(signed) == "x"
    assert KeyRing(NEW_KEY, clock=clock).signer("csrf").loads(both.signer("csrf").dumps("y")) == "y"


def test_the_key_file_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    made = load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_key(path) == made and 32 <= len(made)
    assert [each.name for each in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(b"short", 0o600, "fewer than 32"), (SECRET_KEY, 0o640, "others may read")],
)
def test_a_key_file_that_is_no_secret_is_refused(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=words):
        load_or_make_key(path)


def test_a_key_file_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="secret key"):
        load_or_make_key(tmp_path / "missing" / "secret.key")
