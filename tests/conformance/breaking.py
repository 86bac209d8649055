"""Kinds that each break one promise: `@breaks(check, why)` names the check that must notice it.

`why` stands in what that check says.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.backends import Upstream
from gateway.backends.wire import Wire
from tests.conformance.sound import SoundKind

# By its scheme: the kind, the check that fails, and what it says.
BROKEN: dict[str, tuple[type[SoundKind], str, str]] = {}


def breaks(check: str, why: str) -> Callable[[type], type]:
    def register(cls: type) -> type:
        scheme = cls.__name__.lower()
        if issubclass(cls, SoundKind):
            kind: type[SoundKind] = type(cls.__name__, (cls,), {"schemes": (scheme,)})
        else:
            made = {"schemes": (scheme,), "backend": lambda self: cls()}
            kind = type(cls.__name__, (SoundKind,), made)
        BROKEN[scheme] = kind, check, why
        return cls

    return register


class Changed(Upstream):
    """An upstream that subclasses change; `wire` is the one underneath."""

    def __init__(self, found: Upstream, wire: Wire) -> None:
        super().__init__(found.connection, wire, found.early)
        self.wire = wire
