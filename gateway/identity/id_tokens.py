"""Id tokens: who signed in, as a signed JWT (OpenID Connect Core §2). They open nothing here.

The signing key is drawn from the secret key, so that every node that shares it signs with the same
one, and there is no second key file to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ALGORITHM: Final = "ES256"  # RFC 7518 §3.4
# FIPS 186-5, table 2: the order of the base point of P-256.
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PURPOSES: Final = ("id token key, first half", "id token key, second half")


class IdTokens:
    """Signs id tokens, and publishes what checks them."""

    def __init__(self, purpose_keys: Callable[[str], tuple[bytes, ...]]) -> None:
        """`purpose_keys`: 32 bytes for a purpose per secret key, the current one first."""
        halves = (purpose_keys(purpose) for purpose in PURPOSES)
        self._keys = [_signing_key(first + second) for first, second in zip(*halves, strict=True)]

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the JWT of `claims`, in JWS's compact form (RFC 7515 §7.1)."""
        key = self._keys[0]
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key)

    def public_keys(self) -> dict[str, Any]:
        """Return the keys that check what was signed, as a JWK set (RFC 7517 §5)."""
        return dict(KeySet(list(self._keys)).as_dict(private=False))


def _signing_key(seed: bytes) -> ECKey:
    """A key of P-256 from 64 random bytes.

    FIPS 186-5 §A.2.1: with 64 bits more than the order has, no key is likelier than another.
    """
    secret = int.from_bytes(seed, "big") % (ORDER - 1) + 1
    key = ECKey.import_key(
        ec.derive_private_key(secret, ec.SECP256R1()), {"use": "sig", "alg": ALGORITHM}
    )
    key.ensure_kid()
    return key
