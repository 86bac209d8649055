"""What ends together. Each function writes rows in the caller's unit and notes what to tell.

consent ends      → its grants, share links (with their visits), console session, and the recovery
                    actions asked for under it that were not sent
sign-in ends      → the grants drawn from it
account disabled  → its sign-ins, the programs that it approved and its unused set-up links
last grant ends   → the console session; the consent stays
"""

from __future__ import annotations

from dataclasses import replace

from gateway.actions.asking import end_unsent
from gateway.actions.recording import Decision
from gateway.bus import ConsentEnded, GrantEnded, LinkRevoked, SignInEnded
from gateway.consoles.participants import End
from gateway.policy.facts import Consent, EndCode, Grant, ShareLink
from gateway.policy.recovery import UNSENT_STATES, ActionState
from gateway.recovery.catalogue import Failure
from gateway.store import Unit


async def end_consent_rows(d: Decision, unit: Unit, consent: Consent, end: End) -> Consent:
    """End `consent` and everything drawn from it."""
    ended = replace(
        consent, ended_at=end.at, end_code=end.code, ended_by=end.by, end_reason=end.reason
    )
    await unit.consents.update(ended)
    for grant in await unit.grants.for_consent(consent.id):
        if grant.ended_at is None:
            await unit.grants.update(replace(grant, ended_at=end.at, end_code=end.code))
    for link in await unit.links.for_consent(consent.id):
        if link.revoked_at is None:
            await unit.links.update(replace(link, revoked_at=end.at))
    await _close_records(unit, consent.id, end)
    await _cancel_recoveries(d, unit, consent.id, end)
    d.publish(ConsentEnded(ended))
    return ended


async def end_grant(d: Decision, unit: Unit, grant: Grant, end: End) -> Grant:
    """End one grant; with the last that was open goes the console session."""
    ended = replace(grant, ended_at=end.at, end_code=end.code)
    await unit.grants.update(ended)
    d.publish(GrantEnded(ended, end.code, end.by, end.reason))
    others = await unit.grants.for_consent(grant.consent_id)
    if all(other.ended_at is not None for other in others):
        await _close_records(unit, grant.consent_id, end)
        d.close_console(grant.consent_id, end)
    return ended


async def end_link(d: Decision, unit: Unit, link: ShareLink, end: End) -> ShareLink:
    """Revoke a share link; its guests go."""
    revoked = replace(link, revoked_at=end.at)
    await unit.links.update(revoked)
    d.publish(LinkRevoked(revoked, end.by))
    return revoked


async def end_sign_in_row(d: Decision, unit: Unit, sign_in_id: str, end: End) -> None:
    """End a sign-in and the grants drawn from it; nothing if it has ended."""
    if not await unit.sign_ins.end(sign_in_id, end.at):
        return
    d.publish(SignInEnded(sign_in_id, end.by))
    for grant in await unit.grants.for_sign_in(sign_in_id):
        if grant.ended_at is None:
            await end_grant(d, unit, grant, replace(end, code=EndCode.SIGN_IN_ENDED))


async def end_sign_ins_of(d: Decision, unit: Unit, account_id: str, end: End) -> int:
    """End every sign-in of an account; how many there were.

    What it approved and no program has collected yet would become one: that is worth nothing too.
    """
    await unit.device_codes.withdraw(account_id)
    await unit.authorization_codes.withdraw(account_id, end.at)
    sign_ins = await unit.sign_ins.for_account(account_id)
    for sign_in in sign_ins:
        await end_sign_in_row(d, unit, sign_in.id, end)
    return len(sign_ins)


async def spend_setup_links(d: Decision, unit: Unit, account_id: str) -> None:
    """Make every set-up link of an account useless, and forget the code secrets in them."""
    for link in await unit.setup_links.for_account(account_id):
        if link.used_at is None or link.code_secret is not None:
            used_at = link.used_at or d.now
            await unit.setup_links.update(replace(link, used_at=used_at, code_secret=None))


async def _cancel_recoveries(d: Decision, unit: Unit, consent_id: str, end: End) -> None:
    why = Failure("Canceled", "The consent ended before this was sent.")
    for action in await unit.recovery_actions.in_states(UNSENT_STATES, consent_id=consent_id):
        await end_unsent(d, unit, action, ActionState.CANCELLED, why, end.by)


async def _close_records(unit: Unit, consent_id: str, end: End) -> None:
    for record in await unit.sessions.for_consent(consent_id):
        if record.ended_at is None:
            closed = replace(record, ended_at=end.at, end_code=end.code, end_reason=end.reason)
            await unit.sessions.update(closed)
