"""What a domain's XML says of its screen. All of it is hostile: no entities, nothing unbounded."""

from __future__ import annotations

from typing import NamedTuple
from xml.parsers import expat

_MOST = 4 * 1024 * 1024  # libvirt, remote_protocol.x: REMOTE_STRING_MAX
_DEEPEST = 64
_MOST_SCREENS = 16
_GRAPHICS = ("domain", "devices", "graphics")


class Graphics(NamedTuple):
    """A `<graphics>`, as far as a VNC client cares."""

    number: int  # among all that the domain has, from 0
    kind: str
    listen: str | None  # an address or a name; None where nothing but a socket is said
    port: int | None
    password: str | None


class Domain(NamedTuple):
    """What was found."""

    graphics: list[Graphics]
    windows: bool  # as whoever made the domain said

    def vnc(self) -> Graphics | None:
        """The first VNC server."""
        return next((each for each in self.graphics if each.kind == "vnc"), None)


class UnreadableError(ValueError):
    """It is no domain's XML, or more of it than anybody needs."""


def read_domain(xml: str) -> Domain:
    """Raises: UnreadableError."""
    if _MOST < len(xml):
        raise UnreadableError
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse  # entities are declared nowhere else
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise UnreadableError from error
    return Domain(reader.graphics, reader.windows)


def _refuse(*_: object) -> None:
    raise UnreadableError


class _Reader:
    def __init__(self) -> None:
        self.graphics: list[Graphics] = []
        self.windows = False
        self._path: list[str] = []

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if _DEEPEST < len(self._path):
            raise UnreadableError
        if tuple(self._path) == _GRAPHICS:
            self._screen(attributes)
        elif tuple(self._path[:-1]) == _GRAPHICS and name == "listen":
            self._listen(attributes)
        elif self._path[:2] == ["domain", "metadata"] and name.rpartition(":")[2] == "os":
            # libosinfo, which virt-install and virt-manager keep there.
            self.windows |= attributes.get("id", "").startswith("http://microsoft.com/win")

    def end(self, _name: str) -> None:
        self._path.pop()

    def _screen(self, given: dict[str, str]) -> None:
        if _MOST_SCREENS <= len(self.graphics):
            raise UnreadableError
        listen = given.get("listen")
        found = Graphics(
            len(self.graphics),
            given.get("type", "")[:16],
            None if listen is None else listen[:255],
            _port(given.get("port")),
            given.get("passwd"),
        )
        self.graphics.append(found)

    def _listen(self, given: dict[str, str]) -> None:
        """The element says the same as the attribute, which older ones have alone."""
        last = self.graphics[-1]
        address = given.get("address")
        if last.listen is None and given.get("type") in ("address", "network") and address:
            self.graphics[-1] = last._replace(listen=address[:255])


def _port(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal() or 5 < len(text):
        return None  # "-1" is a port that is not chosen yet
    return int(text) if 0 < int(text) < 65536 else None
