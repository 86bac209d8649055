"""The extension handlers that the gateway carries out, and which of their versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import ExtensionRefused, InvalidInput

_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}")


class GuestOs(StrEnum):
    """The family of operating systems that a handler is made for."""

    WINDOWS = "windows"
    LINUX = "linux"


@dataclass(frozen=True, slots=True)
class Handler:
    """One handler as the extension repository lists it; `versions` stand oldest first."""

    publisher: str
    type: str
    os: GuestOs
    versions: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """`Publisher.Type`: the name that instance views and error texts use."""
        return f"{self.publisher}.{self.type}"


WINDOWS: Final = Handler("Microsoft.Compute", "VMAccessAgent", GuestOs.WINDOWS, ("2.4.11",))
LINUX: Final = Handler("Microsoft.OSTCExtensions", "VMAccessForLinux", GuestOs.LINUX, ("1.5.25",))
HANDLERS: Final = (WINDOWS, LINUX)


def find_handler(publisher: str, type: str) -> Handler | None:  # noqa: A002 - ARM's own word
    """The handler of that publisher and type, whatever their case; None where there is none."""
    wanted = (publisher.casefold(), type.casefold())
    return next(
        (h for h in HANDLERS if (h.publisher.casefold(), h.type.casefold()) == wanted), None
    )


def handler_for(os: GuestOs) -> Handler:
    """The handler that serves guests of that family."""
    return next(h for h in HANDLERS if h.os is os)


def resolve_version(handler: Handler, wanted: str, *, auto_upgrade: bool) -> str:
    """The newest version that satisfies `wanted` ("2.0", "2.4", "2.4.11").

    Without `auto_upgrade` the parts that were named are kept as they are; with it a newer minor
    version of the same major one will do: "2.0" gets "2.4.11".

    Raises:
        InvalidInput: `wanted` is no version.
        ExtensionRefused: `ArtifactVersionNotFound`, in Resource Manager's words.
    """
    if not _VERSION.fullmatch(wanted):
        raise InvalidInput(
            "properties.typeHandlerVersion", "must be a version such as '2.4', in quotes"
        )
    parts = _parts(wanted)
    for version in reversed(handler.versions):
        has = _parts(version)
        if has[: len(parts)] == parts or (auto_upgrade and has[0] == parts[0] and parts <= has):
            return version
    raise ExtensionRefused(
        "ArtifactVersionNotFound",
        "No version found in the artifact repository that satisfies the requested version "
        f"'{wanted}' for VM extension with publisher '{handler.publisher}' and type "
        f"'{handler.type}'.",
    )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
