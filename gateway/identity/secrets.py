"""Secrets: how they are made, how they lie, and the keys that are drawn from the one secret key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from gateway.errors import SettingsError

MIN_KEY = 32  # bytes
SECRET = 32  # bytes of randomness; ASVS 7.2.3 asks for 16


def new_secret() -> tuple[str, str]:
    """Return a fresh secret and its digest: the one to give away, the other to keep."""
    secret = secrets.token_urlsafe(SECRET)
    return secret, digest_of(secret)


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal. For random secrets only, never passwords."""
    # A cookie may hold anything: what is no text has a digest too, and no row.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same_digest(one: str, other: str) -> bool:
    """Compare two digests in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def load_or_make_key(path: Path) -> bytes:
    """Return the secret key that a file holds; make the file, mode 0600, where it is missing.

    Raises: SettingsError where it cannot be read, is too short, or is anybody else's to read.
    """
    try:
        _make_key(path)
    except OSError as error:
        raise SettingsError(f"secret key: {path}: {error.strerror}") from error
    return load_key(path)


def load_key(path: Path) -> bytes:
    """Return the secret key that a file holds, such as a retired one.

    Raises: SettingsError where it cannot be read, is too short, or is anybody else's to read.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"secret key: others may read {path}; chmod it to 0600")
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"secret key: {path}: {error.strerror}") from error
    if len(key) < MIN_KEY:
        raise SettingsError(f"secret key: {path} holds fewer than {MIN_KEY} bytes")
    return key


def _make_key(path: Path) -> None:
    if path.exists():
        return
    # Whole or not at all: it is written beside its place, flushed, then linked into it.
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(secrets.token_urlsafe(SECRET).encode() + b"\n")
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft.name, path)


class KeyRing:
    """Keys for single purposes, drawn from one secret key (HKDF, RFC 5869).

    The first key makes; retired ones still open what they made, until it is made anew.
    """

    def __init__(
        self,
        secret_key: bytes,
        retired_keys: Sequence[bytes] = (),
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = (secret_key, *retired_keys)
        if any(len(key) < MIN_KEY for key in self._keys):
            raise SettingsError(f"secret key: give at least {MIN_KEY} random bytes")
        self._clock = clock
        self._fernet = MultiFernet(
            [Fernet(base64.urlsafe_b64encode(key)) for key in self.purpose_keys("seal")]
        )

    def purpose_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Return 32 bytes for `purpose` per key, the current one first."""
        return tuple(_draw(key, purpose) for key in self._keys)

    def seal(self, text: str) -> str:
        """Encrypt a text that must lie in the store and be read again."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """Return what was sealed.

        Raises: SettingsError where none of our keys sealed it.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SettingsError(
                "secret key: it cannot open what the store holds; add the former one as retired"
            ) from None

    def reseal(self, sealed: str) -> str:
        """Seal anew with the current key what any of our keys sealed."""
        return self.seal(self.unseal(sealed))

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return a serializer whose values are good for `purpose` alone.

        `loads(value, max_age=seconds)` judges by the gateway's clock.
        """
        signing: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeTimedSerializer(
            # itsdangerous wants the oldest key first and signs with the last.
            list(reversed(self.purpose_keys(f"sign {purpose}"))),
            salt=purpose,
            signer=_ClockedSigner,
            signer_kwargs={**signing, "clock": self._clock},
        )


class _ClockedSigner(TimestampSigner):
    """itsdangerous' signer, told the time rather than asking for it."""

    def __init__(self, *args: Any, clock: Callable[[], datetime], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock().timestamp())


def _draw(key: bytes, purpose: str) -> bytes:
    info = f"eva-gateway {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
