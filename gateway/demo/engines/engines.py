"""All engines of a demo: started side by side, those that fail left out with a remark."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from typing import Final, Self

import structlog

from gateway.demo.engines.engine import Engine
from gateway.demo.engines.keeper import PATIENCE, EngineFailed, Keeper
from gateway.demo.engines.qemu import UnixVnc, WebSocketVnc
from gateway.demo.engines.rdp import ShadowedDesktop

log = structlog.get_logger(__name__)

ENGINES: Final[tuple[Engine, ...]] = (
    UnixVnc("boot01"),
    WebSocketVnc("boot02"),
    ShadowedDesktop("jump01"),
)
_ATTEMPTS: Final = 2  # a port may be somebody else's by the time that it is used


class Engines:
    """Running engines; they end with the block."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.wanted = engines
        self._entries: dict[str, str] = {}  # by the VM's name
        self._stack = contextlib.AsyncExitStack()
        self.failed: dict[str, str] = {}  # by the VM's name: why it is left out

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._stack.aclose()

    @property
    def shown(self) -> list[Engine]:
        """Those that serve."""
        return [each for each in self.wanted if each.vm in self._entries]

    @property
    def missing(self) -> list[Engine]:
        """Those whose programs are not installed."""
        known = self._entries.keys() | self.failed.keys()
        return [each for each in self.wanted if each.vm not in known]

    async def start(self) -> None:
        """Start those that are installed, all at once, and wait until each serves or fails."""
        async with asyncio.TaskGroup() as tasks:
            for engine in self.wanted:
                if all(shutil.which(program) for program in engine.programs):
                    tasks.create_task(self._start(engine), name=f"engine of {engine.vm}")

    def inventory(self, node: str, subscription_id: str) -> str:
        """An inventory in TOML."""
        prefix = (
            f"/subscriptions/{subscription_id}/resourceGroups/demo"
            "/providers/Microsoft.Compute/virtualMachines"
        )
        return "\n".join(
            f'[[machine]]\nresource_id = "{prefix}/{engine.vm}"\nnode = "{node}"\n'
            f"{self._entries[engine.vm]}"
            for engine in self.shown
        )

    async def _start(self, engine: Engine) -> None:
        why = ""
        for _ in range(_ATTEMPTS):
            try:
                keeper = await Keeper.start(engine)
                self._stack.push_async_callback(keeper.close)
                self._entries[engine.vm] = keeper.entry
                return
            except TimeoutError:
                why = f"it does not serve within {PATIENCE:g} s"
                break  # once is long enough
            except (EngineFailed, OSError) as error:
                why = str(error)
        self.failed[engine.vm] = why
        log.warning("demo.engine_failed", vm=engine.vm, why=why)
