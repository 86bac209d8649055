"""VNC authentication: a challenge encrypted with the password (RFC 6143 §7.2.2)."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

CHALLENGE_SIZE = 16
_KEY_SIZE = 8
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def respond(challenge: bytes | memoryview, password: str) -> bytes:
    """The 16 bytes that prove the password; only its first 8 bytes count."""
    # RFC 6143 §7.2.2: cut to eight characters, padded with zeros. In practice the bits of each
    # byte are mirrored.
    key = password.encode()[:_KEY_SIZE].ljust(_KEY_SIZE, b"\0").translate(_MIRRORED)
    # Triple DES with three equal keys is DES.
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(bytes(challenge)) + encryptor.finalize()
