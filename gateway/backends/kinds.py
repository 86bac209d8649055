"""The kinds of consoles: which addresses there are, and who dials them.

Another hypervisor is a class like those named here, in a package of its own that names it in the
entry-point group `gateway.backends`; docs/backends.md shows one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import SplitResult

from gateway.backends.demo_kind import DemoKind
from gateway.backends.dialling import Backend
from gateway.backends.kubevirt import KubevirtKind
from gateway.backends.libvirt import LibvirtKind
from gateway.backends.openstack import OpenstackKind
from gateway.backends.proxmox import ProxmoxKind
from gateway.backends.rdp import RdpKind
from gateway.backends.targets import Console
from gateway.backends.vnc import VncKind
from gateway.backends.wss import WssKind
from gateway.backends.xenserver import XenserverKind
from gateway.errors import SettingsError
from gateway.policy.places import ConsolePlace

GROUP: Final = "gateway.backends"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986 §3.1, in lower case


@runtime_checkable
class Kind(Protocol):
    """One kind of console: understands its addresses, and makes what dials them."""

    @property
    def schemes(self) -> Sequence[str]:
        """What the kind's addresses begin with, each in lower case."""

    def place(self, url: SplitResult, /) -> ConsolePlace:
        """Where the console is, spelled one way, so that no two entries share one unnoticed.

        Neither user, password nor fragment are in `url`.
        Raises: ValueError, in words for the inventory's author.
        """

    def read(self, table: Mapping[str, Any], console: Console, /) -> Hashable | None:
        """What `[machine.SCHEME]` settles (`{}` where there is none): becomes `console.options`.

        A value written as `{ file = "…" }` or `{ env = "…" }` comes as a `SecretStr`. `console` is
        the entry's, for a kind that wants a user or a password; its options are not there yet.
        Raises: ValueError, `key: what is wrong with it`, without the value.
        """

    def backend(self) -> Backend:
        """What dials these consoles; asked for once per gateway."""


BUILT_IN: Final[tuple[Callable[[], Kind], ...]] = (
    VncKind,
    WssKind,
    ProxmoxKind,
    KubevirtKind,
    OpenstackKind,
    XenserverKind,
    LibvirtKind,
    RdpKind,
    DemoKind,
)


def load_kinds() -> dict[str, Kind]:
    """Every kind by each of its schemes: the built-in ones, then those that are installed.

    Raises: SettingsError, naming the one that is broken or in another's way.
    """
    found: dict[str, Kind] = {}
    for kind, origin in (*_built_in(), *_installed()):
        _check(kind, origin)
        for scheme in kind.schemes:
            if scheme in found:
                raise SettingsError(f"{origin}: {scheme} is dialled by another backend already")
            found[scheme] = kind
    return found


def backends_of(kinds: Mapping[str, Kind]) -> dict[str, Backend]:
    """A backend by each scheme, one for all schemes of a kind.

    Raises: SettingsError, naming the kind that cannot make its backend.
    """
    made: dict[int, Backend] = {}
    for scheme, kind in kinds.items():
        if id(kind) not in made:
            try:
                made[id(kind)] = kind.backend()
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                raise SettingsError(f"the backend for {scheme} cannot be made: {why}") from error
    return {scheme: made[id(kind)] for scheme, kind in kinds.items()}


def _built_in() -> Iterator[tuple[Kind, str]]:
    for make in BUILT_IN:
        yield make(), "a built-in backend"


def _installed() -> Iterator[tuple[Kind, str]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        origin = _origin(point)
        try:
            kind = point.load()()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise SettingsError(f"{origin} cannot be loaded: {why}") from error
        yield kind, origin


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist is not None else ""
    return f"the backend {point.name!r}{package} ({point.value})"


def _check(kind: object, origin: str) -> None:
    if not isinstance(kind, Kind):
        raise SettingsError(f"{origin} is no kind: it lacks schemes, place, read or backend")
    schemes: object = kind.schemes
    if not isinstance(schemes, tuple | list) or not schemes:
        raise SettingsError(f"{origin}: schemes must be a tuple with a scheme in it")
    for scheme in schemes:
        if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
            raise SettingsError(f"{origin}: {scheme!r} is no scheme")
