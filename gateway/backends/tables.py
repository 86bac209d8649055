"""What a kind's own table in an entry may say: checked by a pydantic model, told in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from gateway.backends.targets import Console

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


class Options(BaseModel):
    """A table's keys; those that are missing are told, those that are unknown too.

    Secrets are `SecretStr` fields. They are never written into the inventory itself: the entry
    says `{ file = "…" }` or `{ env = "…" }`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoOptions(Options):
    """For kinds that have nothing to say beyond the entry."""


Read = TypeVar("Read", bound=Options)


def read_table(options: type[Read], table: Mapping[str, Any], scheme: str) -> Read:
    """Raises: ValueError, `scheme.key: why`, for the first thing that is wrong."""
    try:
        return options.model_validate(dict(table))
    except ValidationError as error:
        raise ValueError(_explain(error, options, scheme)) from None


def _explain(error: ValidationError, options: type[Options], scheme: str) -> str:
    """Without the value: it may be a secret."""
    problem = error.errors(include_input=False)[0]
    key = ".".join(map(str, (scheme, *problem["loc"])))
    if problem["type"] == "extra_forbidden":
        known = ", ".join(options.model_fields) or "none"
        return f"{key}: unknown key; known are {known}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    return f"{key}: {problem['msg']}"


def no_user(console: Console) -> None:
    """Raises: ValueError where the entry names an account."""
    if console.user is not None:
        raise ValueError(f"user: {console.scheme} knows no accounts")


def written_secret(value: object) -> object:
    """A validator: refuses a secret that was written into the inventory. Raises: ValueError."""
    if isinstance(value, SecretStr):
        return value
    raise ValueError('is a secret: write { file = "…" } or { env = "…" }')


def plain_secret(console: Console, what: str) -> None:
    """Raises: ValueError unless the entry has a password that can stand in an HTTP header."""
    if console.password is None:
        raise ValueError(f"password_file: missing; it must hold {what}")
    if not console.password.isascii() or not console.password.isprintable():
        raise ValueError(f"password_file: {what} may hold printable ASCII only")


def plain_pin(text: str) -> str:
    """A certificate's SHA-256 fingerprint as 64 lower-case hex digits. Raises: ValueError."""
    pin = text.lower().removeprefix("sha256:").replace(":", "")
    if not _FINGERPRINT.fullmatch(pin):
        raise ValueError("must be the SHA-256 fingerprint, 64 hex digits")
    return pin
