"""What time and the inventory end, without anybody asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.actions.endings import end_consent_rows, end_grant
from gateway.actions.kept import Kept
from gateway.actions.recording import GATEWAY, Act, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.identity.sign_ins import why_over
from gateway.policy.consoles import grant_lapsed, open_grants
from gateway.policy.facts import Consent, EndCode, Grant
from gateway.store import SignIn, Unit


@dataclass(frozen=True, slots=True)
class Unended:
    """What may have run out though its row does not say so yet."""

    consents: tuple[Consent, ...]  # of every node
    grants: tuple[Grant, ...]  # of this node's consents
    sign_ins: Mapping[str, SignIn]  # on which those grants stand

    @classmethod
    async def read(cls, unit: Unit, node: str) -> Unended:
        consents = await unit.consents.unended()
        here = [consent.id for consent in consents if consent.node == node]
        grants = open_grants(await unit.grants.for_consents(here)) if here else ()
        ids = {grant.sign_in_id for grant in grants}
        sign_ins = await unit.sign_ins.by_ids(ids) if ids else ()
        return cls(consents, grants, {each.id: each for each in sign_ins})


def unended(s: Services) -> Kept[Unended]:
    """For those who sweep again and again."""
    return Kept(s.store, partial(Unended.read, node=s.node))


async def sweep(s: Services, now: datetime, rows: Kept[Unended] | None = None) -> None:
    """Mark what ran out as ended, one audit record each: consents and grants.

    Old tickets go whenever one is taken. Raises: StoreUnavailable.
    """
    found = await (rows or unended(s)).get()
    expired = [consent for consent in found.consents if consent.expires_at <= now]
    over = {consent.id for consent in expired}
    dangling = [
        (grant, code)
        for grant in found.grants
        if grant.consent_id not in over  # it ends with its consent
        and (code := _why_dangling(s, grant, found.sign_ins.get(grant.sign_in_id), now)) is not None
    ]
    for consent in expired:
        end = End(EndCode.EXPIRED, "gateway", "the 8-hour consent ran out", now)
        await _end_consent(s, consent, end)
    for grant, code in dangling:
        await _end_grant(s, grant, End(code, "gateway", _WHY[code], now))


async def end_sessions_of_missing_vms(
    s: Services, now: datetime, rows: Kept[Unended] | None = None
) -> None:
    """After an inventory reload: end the consents of this node's VMs that are gone (VM_GONE).

    A VM that comes back under the same name is another one, and needs another consent. One whose
    console has moved keeps its consent; its viewers' own checks end what they see.
    """
    found = await (rows or unended(s)).get()
    running = [each for each in found.consents if each.node == s.node and now < each.expires_at]
    end = End(EndCode.VM_GONE, "gateway", "the virtual machine was deleted or moved", now)
    for consent in running:
        if not _served_here(s, consent):
            await _end_consent(s, consent, end)


_WHY = {
    EndCode.EXPIRED: "the console was not entered within a minute of the step-up",
    EndCode.LEFT: "the operator left and did not come back",
    EndCode.SIGN_IN_ENDED: "the operator's sign-in ran out",
}


def _why_dangling(
    s: Services, grant: Grant, sign_in: SignIn | None, now: datetime
) -> EndCode | None:
    """Why nobody can use an open grant any more, or None."""
    if sign_in is None or why_over(sign_in, now) is not None:
        return EndCode.SIGN_IN_ENDED
    if not grant_lapsed(grant, now):
        return None
    if grant.opened_at is None:
        return EndCode.EXPIRED
    # While the store was out of reach, a connected operator could not be noted as seen.
    return None if _operator_connected(s, grant.consent_id) else EndCode.LEFT


def _operator_connected(s: Services, consent_id: str) -> bool:
    session = s.registry.get(consent_id)
    return session is not None and session.view().operator_left_at is None


async def _end_consent(s: Services, consent: Consent, end: End) -> None:
    async with (
        deciding(s, GATEWAY, Act.END_CONSENT, target=consent.resource_id, now=end.at) as d,
        d.unit() as unit,
    ):
        current = await unit.consents.get(consent.id)
        if current is None or current.ended_at is not None:
            d.drop()  # somebody was faster
            return
        d.note(consent=consent.id, end=end.code.value, why=end.reason)
        await end_consent_rows(d, unit, current, end)


async def _end_grant(s: Services, grant: Grant, end: End) -> None:
    async with (
        deciding(s, GATEWAY, Act.END_GRANT, target=grant.operator, now=end.at) as d,
        d.unit() as unit,
    ):
        current = await unit.grants.get(grant.id)
        if current is None or current.ended_at is not None:
            d.drop()
            return
        d.note(consent=grant.consent_id, grant=grant.id, end=end.code.value, why=end.reason)
        await end_grant(d, unit, current, end)


def _served_here(s: Services, consent: Consent) -> bool:
    vm = s.vm(consent.resource_id)
    return vm is not None and vm.node == s.node
