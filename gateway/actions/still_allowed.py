"""Whether somebody who was admitted may still be there.

A viewer that is connected counts as use: its grant may be returned to, and its sign-in does not
fall idle while its screen is shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.actions.grounds import Grounds, Wanted, read_grounds
from gateway.actions.services import Services
from gateway.identity.sign_ins import why_over, worth_touching
from gateway.inventory import Machine
from gateway.policy.consents import consent_end
from gateway.policy.consoles import grant_end, open_grants, visit_end
from gateway.policy.facts import Consent, EndCode, Visit
from gateway.store import Store

SEEN_EVERY = timedelta(seconds=30)
"""How often a connected operator's grant is noted as seen: each time costs a disk flush."""


@dataclass(frozen=True, slots=True)
class SessionCheck:
    """The console session's, whoever watches: the consent, the machine, an operator's grant."""

    s: Services
    consent_id: str
    machine: Machine

    @property
    def wanted(self) -> Wanted:
        """The rows to judge it by."""
        return Wanted(frozenset({self.consent_id}))

    async def why_not(self) -> EndCode | None:
        """Why it must end, or None, by a reading of its own. Raises: StoreUnavailable."""
        grounds = await read_grounds(self.s.store, self.wanted)
        now = self.s.clock()
        code = self.judge(grounds, now)
        if code is None and self.unseen(grounds, now):
            await note_seen(self.s.store, [self], now)
        return code

    def judge(self, grounds: Grounds, now: datetime) -> EndCode | None:
        """Why it must end, or None. INVARIANT: what is missing from `grounds` allows nothing."""
        consent = grounds.consents.get(self.consent_id)
        if consent is None:
            return EndCode.REVOKED
        if (code := consent_end(consent, now)) is not None:
            return code
        # Who watches, watches an operator; whether one is merely away is the sweep's to judge.
        if not open_grants(grounds.drawn.get(self.consent_id, ())):
            return EndCode.LEFT
        return self._machine_end(consent)

    def unseen(self, grounds: Grounds, now: datetime) -> bool:  # noqa: ARG002
        """Whether it lies back long enough that its viewer was noted as here."""
        return False

    def _machine_end(self, consent: Consent) -> EndCode | None:
        """The very machine: one whose console has moved is another one (CVE-2013-0335)."""
        found = self.s.inventory.get(consent.resource_id)
        return None if found == self.machine else EndCode.VM_GONE


@dataclass(frozen=True, slots=True)
class OperatorCheck(SessionCheck):
    """The grant's: its consent, its step-up's sign-in, its workstation, its machine."""

    grant_id: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(frozenset({self.consent_id}), grants=frozenset({self.grant_id}))

    def judge(self, grounds: Grounds, now: datetime) -> EndCode | None:
        consent = grounds.consents.get(self.consent_id)
        grant = grounds.grants.get(self.grant_id)
        if consent is None or grant is None:
            return EndCode.REVOKED
        return (
            grant_end(grant, consent, grounds.safelist, now)
            or grounds.sign_in_end(grant.sign_in_id, now)
            or self._machine_end(consent)
        )

    def unseen(self, grounds: Grounds, now: datetime) -> bool:
        grant = grounds.grants[self.grant_id]
        return (grant.last_seen_at or grant.stepped_up_at) + SEEN_EVERY <= now

    async def left(self) -> None:
        """Note when the operator was last here. Raises: StoreUnavailable."""
        await note_seen(self.s.store, [self], self.s.clock())


@dataclass(frozen=True, slots=True)
class WatcherCheck(SessionCheck):
    """A tenant's or an admin's: the session's, and their sign-in."""

    sign_in_id: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(frozenset({self.consent_id}), sign_ins=frozenset({self.sign_in_id}))

    def judge(self, grounds: Grounds, now: datetime) -> EndCode | None:
        # Named: `super()` does not know the class that slots are made for.
        return SessionCheck.judge(self, grounds, now) or grounds.sign_in_end(self.sign_in_id, now)

    def unseen(self, grounds: Grounds, now: datetime) -> bool:
        return worth_touching(grounds.sign_ins[self.sign_in_id], now)

    async def left(self) -> None:
        """Nothing to note."""


@dataclass(frozen=True, slots=True)
class GuestCheck(SessionCheck):
    """A guest's: the session's, their link and their visit."""

    visit: Visit
    link_id: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(frozenset({self.consent_id}), links=frozenset({self.link_id}))

    def judge(self, grounds: Grounds, now: datetime) -> EndCode | None:
        link = grounds.links.get(self.link_id)
        # The consent's end comes first: it ends the link too, and says more.
        return SessionCheck.judge(self, grounds, now) or (
            EndCode.LINK_REVOKED if link is None else visit_end(self.visit, link, now)
        )

    async def left(self) -> None:
        """Nothing to note."""


async def note_seen(store: Store, checks: Collection[SessionCheck], now: datetime) -> None:
    """Note in one commit that their viewers are here: grants that go on, sign-ins that count.

    Raises: StoreUnavailable.
    """
    wanted = Wanted.by(check.wanted for check in checks)
    async with store.unit() as unit:
        relied_on = wanted.sign_ins.union(await unit.grants.seen(wanted.grants, now))
        counting = [
            each.id for each in await unit.sign_ins.by_ids(relied_on) if why_over(each, now) is None
        ]
        await unit.sign_ins.touch_each(counting, now)
