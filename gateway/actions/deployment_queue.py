"""Sees this node's deployments through, each by itself.

The rows are the queue: nothing that was begun is lost with the process, or with an unheard fact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from gateway.actions.advance_deployment import advance_deployment, give_up
from gateway.actions.kept import Kept
from gateway.actions.services import Services
from gateway.bus import DeploymentChanged, Fact, RecoveryChanged
from gateway.errors import GatewayError, StoreUnavailable
from gateway.store import Deployment, Unit

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 5.0  # seconds; facts make it look at once
MOST_AT_ONCE: Final = 16


class DeploymentQueue:
    """INVARIANT: each deployment is advanced by one task at a time."""

    def __init__(self) -> None:
        self._worth_looking = asyncio.Event()
        self._stopping = False
        self._busy: set[str] = set()
        self._heard = 0  # facts so far

    def stop(self) -> None:
        """Begin nothing new; `run` ends soon after."""
        self._stopping = True
        self._worth_looking.set()

    async def run(self, s: Services) -> None:
        """Advance what is not over until told to stop."""
        rows = Kept(s.store, partial(_active, node=s.node))
        unsubscribe = [
            s.bus.subscribe(DeploymentChanged, self._look),
            s.bus.subscribe(RecoveryChanged, self._look),
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                while not self._stopping:
                    self._worth_looking.clear()
                    for deployment in await self._next(rows):
                        self._busy.add(deployment.id)
                        name = f"deployment {deployment.id}"
                        tasks.create_task(self._one(s, deployment.id), name=name)
                    await self._wait()
        finally:
            for each in unsubscribe:
                each()

    def _look(self, _fact: Fact) -> None:
        self._heard += 1
        self._worth_looking.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await self._worth_looking.wait()
        except TimeoutError:
            pass

    async def _next(self, rows: Kept[Sequence[Deployment]]) -> Sequence[Deployment]:
        try:
            active = await rows.get()
        except StoreUnavailable as error:
            log.warning("deployment.queue", error=str(error))
            return ()
        free = [each for each in active if each.id not in self._busy]
        return free[: max(0, MOST_AT_ONCE - len(self._busy))]

    async def _one(self, s: Services, deployment_id: str) -> None:
        heard = self._heard
        try:
            await advance_deployment(s, deployment_id)
        except GatewayError as error:
            # The row says how far it came: it goes on from there in a while.
            log.warning("deployment.put_off", deployment=deployment_id, error=str(error))
        except Exception:
            # A fault of ours; here is the one place that can act: the row must not wait for ever.
            log.exception("deployment.failed", deployment=deployment_id)
            await self._give_up(s, deployment_id)
        finally:
            self._busy.discard(deployment_id)
            if heard < self._heard:
                # It may have been about this one, after it was looked at.
                self._worth_looking.set()

    async def _give_up(self, s: Services, deployment_id: str) -> None:
        try:
            await give_up(s, deployment_id)
        except GatewayError as error:
            log.warning("deployment.put_off", deployment=deployment_id, error=str(error))


async def _active(unit: Unit, node: str) -> Sequence[Deployment]:
    return await unit.deployments.active(node)
