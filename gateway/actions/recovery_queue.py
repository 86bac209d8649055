"""Has requested recovery actions carried out, each VM's one at a time, in the order asked for.

The rows are the queue: a call to `start` only says that it is worth looking. So nothing that was
requested is lost with the process, or with a fact that nobody heard.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import structlog

from gateway.actions.carry_out import carry_out, give_up
from gateway.actions.kept import Kept
from gateway.actions.services import Services
from gateway.errors import GatewayError, StoreUnavailable
from gateway.policy.recovery import ActionState
from gateway.store import RecoveryAction, Unit

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 5.0  # seconds; also finds what other nodes noted for this one
MOST_AT_ONCE: Final = 128
GRACE: Final = 5.0  # seconds that what is under way has to end when the gateway stops


class RecoveryQueue:
    """INVARIANT: of each VM at most one action is under way."""

    def __init__(self) -> None:
        self._worth_looking = asyncio.Event()
        self._stopping = False
        self._busy: dict[str, str] = {}  # the VM's key → the action under way

    def start(self, action_id: str) -> None:  # noqa: ARG002 - the rows say more
        """It was committed as requested: begin as soon as its VM is free."""
        self._worth_looking.set()

    def stop(self) -> None:
        """Begin nothing new; `run` ends soon after."""
        self._stopping = True
        self._worth_looking.set()

    async def run(self, s: Services) -> None:
        """Carry out what is requested until told to stop."""
        rows = Kept(s.store, partial(_requested, node=s.node))
        async with asyncio.TaskGroup() as tasks:
            under_way: set[asyncio.Task[None]] = set()
            while not self._stopping:
                self._worth_looking.clear()
                for action in await self._next(rows):
                    self._busy[action.vm_key] = action.id
                    task = tasks.create_task(self._one(s, action), name=f"recovery {action.id}")
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await self._wait()
            if under_way:
                await asyncio.wait(under_way, timeout=GRACE)
            for task in under_way:
                task.cancel()  # its row says how far it came

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await self._worth_looking.wait()
        except TimeoutError:
            pass

    async def _next(self, rows: Kept[tuple[RecoveryAction, ...]]) -> list[RecoveryAction]:
        """The oldest request of each VM that is free."""
        try:
            requested = await rows.get()
        except StoreUnavailable as error:
            log.warning("recovery.queue", error=str(error))
            return []
        first: dict[str, RecoveryAction] = {}
        for action in requested:
            if action.vm_key not in self._busy:
                first.setdefault(action.vm_key, action)
        return list(first.values())[: max(0, MOST_AT_ONCE - len(self._busy))]

    async def _one(self, s: Services, action: RecoveryAction) -> None:
        try:
            await carry_out(s, action.id)
            self._worth_looking.set()
        except GatewayError as error:
            # Nothing was sent: the row stays requested, and is found again in a while.
            log.warning("recovery.put_off", action=action.id, error=str(error))
        except Exception:
            # A fault of ours; here is the one place that can act: the row must not wait for ever.
            log.exception("recovery.failed", action=action.id)
            await self._give_up(s, action)
        finally:
            del self._busy[action.vm_key]

    async def _give_up(self, s: Services, action: RecoveryAction) -> None:
        try:
            await give_up(s, action.id, s.clock())
        except GatewayError as error:
            log.warning("recovery.put_off", action=action.id, error=str(error))


async def _requested(unit: Unit, node: str) -> tuple[RecoveryAction, ...]:
    return await unit.recovery_actions.in_states({ActionState.REQUESTED}, node=node)
