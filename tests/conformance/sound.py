"""A small kind that keeps every promise: VNC behind a key. Each broken one differs in one thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult

from pydantic import SecretStr

from gateway.backends import Console, Progress, Target, Upstream
from gateway.backends.tables import Options, no_user, plain_secret, read_table
from gateway.backends.tcp import Dialler
from gateway.backends.upstream import shake_hands
from gateway.backends.wire import Wire
from gateway.policy.places import ConsolePlace, check_plain, host_and_port

_PATH = re.compile(r"/[a-z0-9]{1,32}", re.ASCII)


class SoundOptions(Options):
    key: SecretStr
    tenant: str = "north"


class SoundKind:
    schemes: tuple[str, ...] = ("sound",)

    def place(self, url: SplitResult) -> ConsolePlace:
        check_plain(url)
        host, port = host_and_port(url, 5900, "sound://host:5900/vm")
        if not _PATH.fullmatch(url.path):
            raise ValueError("must look like sound://host:5900/vm")
        return ConsolePlace(host=host, port=port, path=url.path)

    def read(self, table: Mapping[str, Any], console: Console) -> Any:
        no_user(console)
        plain_secret(console, "the VNC password")
        return read_table(SoundOptions, table, console.scheme)

    def backend(self) -> Any:
        return SoundBackend()


class SoundBackend:
    Made: Callable[[Any, Wire], Upstream] = staticmethod(lambda found, wire: found)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        wire = await self.open(target.console)
        found = await self.greet(wire, target.console, progress)
        return type(self).Made(found, wire)

    async def open(self, console: Console) -> Wire:
        assert console.host is not None and console.port is not None
        return await Dialler().open(console.host, console.port)

    async def greet(self, wire: Wire, console: Console, progress: Progress) -> Upstream:
        return await shake_hands(
            wire, progress, password=console.password, desktop_name=console.desktop_name
        )
