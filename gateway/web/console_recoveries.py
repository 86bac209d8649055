"""What is proposed and done inside the guest under a consent, for who looks at its screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from gateway.actions.recover import list_recoveries
from gateway.actions.services import Services
from gateway.bus import RecoveryChanged
from gateway.errors import StoreUnavailable
from gateway.policy.facts import Actor
from gateway.web.access import Access
from gateway.web.recovery_lines import line_of

SHOWN: Final = 10


class ConsoleRecoveries:
    """Read anew where something changed; a guest who came by a link sees none."""

    def __init__(self, services: Services, access: Access) -> None:
        self._services = services
        self._access = access
        self._stale = True
        self._lines: list[dict[str, Any]] = []

    def hear(self, fact: RecoveryChanged) -> None:
        self._stale = self._stale or fact.consent_id == self._access.consent.id

    async def lines(self, *, again: bool = False) -> list[dict[str, Any]]:
        """Newest first, as JSON; `again` reads them whatever was heard."""
        if self._access.session is not None and (again or self._stale):
            self._stale = False
            await self._read(self._access.session.actor)
        return self._lines

    async def _read(self, actor: Actor) -> None:
        services, consent_id = self._services, self._access.consent.id
        try:
            found = await list_recoveries(
                services, actor, consent_id=consent_id, limit=SHOWN, now=services.clock()
            )
        except StoreUnavailable:
            self._stale = True  # what is shown stays until the store answers
            return
        self._lines = [line_of(services, one).as_json() for one in found]


@contextmanager
def recoveries_of(services: Services, access: Access) -> Iterator[ConsoleRecoveries]:
    """Listens for changes until the block ends."""
    made = ConsoleRecoveries(services, access)
    leave = services.bus.subscribe(RecoveryChanged, made.hear)
    try:
        yield made
    finally:
        leave()
