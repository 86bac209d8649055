"""Whether somebody who was admitted may still be there: everything is read again.

A viewer that is connected counts as use: its grant may be returned to, and its sign-in does not
fall idle while its screen is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.actions.services import Services
from gateway.identity.sign_ins import why_over, worth_touching
from gateway.inventory import Machine
from gateway.policy.consents import consent_end
from gateway.policy.consoles import grant_end, open_grants, visit_end
from gateway.policy.facts import Consent, EndCode, Visit
from gateway.store import Unit

SEEN_EVERY = timedelta(seconds=30)
"""How often a connected operator's grant is noted as seen: each time costs a disk flush."""


@dataclass(frozen=True, slots=True)
class SessionCheck:
    """The console session's, whoever watches: the consent, the machine, an operator's grant."""

    s: Services
    consent_id: str
    machine: Machine

    async def session_end(self) -> EndCode | None:
        """Why the session must end, or None. Raises: StoreUnavailable."""
        async with self.s.store.reading() as unit:
            return await self._session_end(unit, self.s.clock())

    async def _session_end(self, unit: Unit, now: datetime) -> EndCode | None:
        consent = await unit.consents.get(self.consent_id)
        if consent is None:
            return EndCode.REVOKED
        if (code := consent_end(consent, now)) is not None:
            return code
        # Who watches, watches an operator; whether one is merely away is the sweep's to judge.
        if not open_grants(await unit.grants.for_consent(self.consent_id)):
            return EndCode.LEFT
        return _machine_end(self.s, consent, self.machine)


@dataclass(frozen=True, slots=True)
class OperatorCheck(SessionCheck):
    """The grant's: its consent, its step-up's sign-in, its workstation, its machine."""

    grant_id: str

    async def why_not(self) -> EndCode | None:
        """Why the operator must go, or None. Raises: StoreUnavailable."""
        now = self.s.clock()
        async with self.s.store.reading() as unit:
            consent = await unit.consents.get(self.consent_id)
            grant = await unit.grants.get(self.grant_id)
            if consent is None or grant is None:
                return EndCode.REVOKED
            safelist = await unit.safelist.list(consent.node)
            code = (
                grant_end(grant, consent, safelist, now)
                or await _sign_in_end(unit, grant.sign_in_id, now)
                or _machine_end(self.s, consent, self.machine)
            )
        if code is None and (grant.last_seen_at or grant.stepped_up_at) + SEEN_EVERY <= now:
            await self._seen(now)
        return code

    async def left(self) -> None:
        """Note when the operator was last here. Raises: StoreUnavailable."""
        await self._seen(self.s.clock())

    async def _seen(self, now: datetime) -> None:
        async with self.s.store.unit() as unit:
            grant = await unit.grants.get(self.grant_id)
            if grant is not None and grant.ended_at is None:
                await unit.grants.update(replace(grant, last_seen_at=now))
                await _touch(unit, grant.sign_in_id, now)


@dataclass(frozen=True, slots=True)
class WatcherCheck(SessionCheck):
    """A tenant's or an admin's: the session's, and their sign-in."""

    sign_in_id: str

    async def why_not(self) -> EndCode | None:
        """Why the watcher must go, or None. Raises: StoreUnavailable."""
        now = self.s.clock()
        async with self.s.store.reading() as unit:
            code = await self._session_end(unit, now)
            code = code or await _sign_in_end(unit, self.sign_in_id, now)
            sign_in = await unit.sign_ins.get(self.sign_in_id)
        if code is None and sign_in is not None and worth_touching(sign_in, now):
            async with self.s.store.unit() as unit:
                await _touch(unit, self.sign_in_id, now)
        return code

    async def left(self) -> None:
        """Nothing to note."""


@dataclass(frozen=True, slots=True)
class GuestCheck(SessionCheck):
    """A guest's: the session's, their link and their visit."""

    visit: Visit
    link_id: str

    async def why_not(self) -> EndCode | None:
        """Why the guest must go, or None. Raises: StoreUnavailable."""
        now = self.s.clock()
        async with self.s.store.reading() as unit:
            link = await unit.links.get(self.link_id)
            # The consent's end comes first: it ends the link too, and says more.
            return await self._session_end(unit, now) or (
                EndCode.LINK_REVOKED if link is None else visit_end(self.visit, link, now)
            )

    async def left(self) -> None:
        """Nothing to note."""


async def _sign_in_end(unit: Unit, sign_in_id: str, now: datetime) -> EndCode | None:
    sign_in = await unit.sign_ins.get(sign_in_id)
    if sign_in is None or why_over(sign_in, now) is not None:
        return EndCode.SIGN_IN_ENDED
    account = await unit.accounts.by_id(sign_in.account_id)
    return EndCode.SIGN_IN_ENDED if account is None or account.disabled else None


async def _touch(unit: Unit, sign_in_id: str, now: datetime) -> None:
    sign_in = await unit.sign_ins.get(sign_in_id)
    if sign_in is not None and why_over(sign_in, now) is None:
        await unit.sign_ins.touch(sign_in_id, now)


def _machine_end(s: Services, consent: Consent, machine: Machine) -> EndCode | None:
    """The very machine: one whose console has moved is another one (CVE-2013-0335)."""
    return None if s.inventory.get(consent.resource_id) == machine else EndCode.VM_GONE
