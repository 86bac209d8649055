"""Rules about consoles: who may open, enter, watch and share one, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.policy.consents import NO_SUCH_CONSENT, consent_active, consent_end, may_see
from gateway.policy.facts import (
    STEP_UP_LIFETIME,
    Actor,
    Consent,
    EndCode,
    Grant,
    Role,
    ShareLink,
    Visit,
    Vm,
    Workstation,
)
from gateway.policy.verdict import ALLOW, Deny, Verdict, all_of, unless

RETURN_WINDOW = timedelta(minutes=2)
"""How long after its viewer left a grant still admits the same operator without a step-up."""

NOT_AN_OPERATOR = Deny("NotAnOperator", "only an operator can open a console")
OTHER_SIGN_IN = Deny("OtherSignIn", "the console was opened from another sign-in")
OTHER_ADDRESS = Deny("OtherAddress", "the console was opened from another address")
GRANT_ENDED = Deny("GrantEnded", "this console session has ended")
STEP_UP_STALE = Deny("StepUpStale", "confirm again that it is you")
STEP_UP_NEEDED = Deny("StepUpNeeded", "confirm that it is you to open this console")
NOT_YOURS_TO_SHARE = Deny("NotYoursToShare", "an administrator watches, but does not share")
NOT_IN_CONTROL = Deny("NotInControl", "you do not control this console")
ONLY_WATCHING = Deny("OnlyWatching", "your keyboard and mouse are not sent to this console")
LINK_FULL = Deny("LinkFull", "this link is full: as many people joined as it was made for")
LINK_REVOKED = Deny("LinkRevoked", "the share link was revoked before")
VM_GONE = Deny("VmGone", "the virtual machine was deleted or moved by its owner")
NOT_RUNNING = Deny("NotRunning", "nobody has opened this console yet")
NO_SUCH_LINK = Deny("NoSuchLink", "this link does not work any more", hidden=True)


def safelisted(address: str, node: str, safelist: Iterable[Workstation]) -> Verdict:
    """Only an address on the node's safelist reaches its consoles; an empty list admits nobody."""
    where = _plain(address)
    if where is not None and any(
        entry.node == node and where in entry.network for entry in safelist
    ):
        return ALLOW
    return Deny(
        "WorkstationNotSafelisted", "this workstation is not on the node's workstation safelist"
    )


def may_open_console(
    actor: Actor,
    consent: Consent,
    vm: Vm | None,
    safelist: Iterable[Workstation],
    *,
    node: str,
    now: datetime,
) -> Verdict:
    """Rule 1, but for the step-up, which the caller has verified or verifies next."""
    return all_of(
        unless(actor.role is not Role.CLOUDADMIN, NOT_AN_OPERATOR),
        may_see(actor, consent, node),
        safelisted(actor.address, node, safelist),
        consent_active(consent, now),
        still_there(consent, vm, node),
    )


def still_there(consent: Consent, vm: Vm | None, node: str) -> Verdict:
    """The VM that the consent was given for, served where the consent says."""
    return unless(vm is None or vm.key != consent.vm_key or vm.node != node, VM_GONE)


def grant_end(
    grant: Grant, consent: Consent, safelist: Iterable[Workstation], now: datetime
) -> EndCode | None:
    """Why a grant no longer gives any right, or None while it does.

    The sign-in that it was drawn from is judged by `identity`; ending it ends the grant's row.
    """
    if grant.consent_id != consent.id:
        return EndCode.REVOKED
    if (code := consent_end(consent, now)) is not None:
        return code
    if grant.ended_at is not None:
        return grant.end_code or EndCode.REVOKED
    if isinstance(safelisted(grant.address, consent.node, safelist), Deny):
        return EndCode.WORKSTATION_REVOKED
    return None


def grant_lapsed(grant: Grant, now: datetime) -> bool:
    """Whether a grant can no longer be used to connect: never opened in time, or left too long.

    A viewer that is connected keeps `last_seen_at` fresh.
    """
    if grant.opened_at is None:
        return grant.stepped_up_at + STEP_UP_LIFETIME <= now
    return (grant.last_seen_at or grant.opened_at) + RETURN_WINDOW <= now


def may_connect(
    actor: Actor,
    grant: Grant,
    consent: Consent,
    safelist: Iterable[Workstation],
    now: datetime,
) -> Verdict:
    """Rule 1 whole: an active consent, a fresh step-up by this very sign-in, from this address.

    The first connection comes within `STEP_UP_LIFETIME` of the step-up; a later one within
    `RETURN_WINDOW` of the last.
    """
    owned = actor.role is Role.CLOUDADMIN and grant.account_id == actor.account_id
    return all_of(
        unless(not owned, NO_SUCH_CONSENT),
        consent_active(consent, now),
        unless(grant.sign_in_id != actor.sign_in_id, OTHER_SIGN_IN),
        unless(grant.address != actor.address, OTHER_ADDRESS),
        safelisted(actor.address, consent.node, safelist),
        unless(grant_end(grant, consent, safelist, now) is not None, GRANT_ENDED),
        unless(grant_lapsed(grant, now), STEP_UP_STALE),
    )


def running(grants: Iterable[Grant], now: datetime) -> bool:
    """Whether an operator has the console open, or left it so briefly that they may return."""
    return any(
        grant.opened_at is not None and not grant_lapsed(grant, now)
        for grant in open_grants(grants)
    )


def open_grants(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Those that nobody has ended."""
    return tuple(grant for grant in grants if grant.ended_at is None)


def may_watch(
    actor: Actor, consent: Consent, grants: Iterable[Grant], node: str, now: datetime
) -> Verdict:
    """A tenant of the subscription or an admin watches what an operator has open; never types.

    Rule 1 holds for watchers too: without an operator's step-up there is no screen to watch. An
    operator does not watch: they open the console themself.
    """
    return all_of(
        may_see(actor, consent, node),
        unless(actor.role is Role.CLOUDADMIN, STEP_UP_NEEDED),
        consent_active(consent, now),
        unless(not running(grants, now), NOT_RUNNING),
    )


def may_end_session(
    actor: Actor, consent: Consent, grants: Iterable[Grant], node: str, now: datetime
) -> Verdict:
    """The tenant and an admin end everybody's session, an operator their own."""
    return all_of(
        may_see(actor, consent, node),
        consent_active(consent, now),
        unless(not grants_to_end(actor, grants), NOT_RUNNING),
    )


def grants_to_end(actor: Actor, grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """The open grants that `actor` ends by ending the console session."""
    return tuple(
        grant
        for grant in open_grants(grants)
        if actor.role is not Role.CLOUDADMIN or grant.account_id == actor.account_id
    )


def may_type(
    actor: Actor, consent: Consent, grants: Iterable[Grant], node: str, now: datetime
) -> Verdict:
    """Rule 5: only who entered by a grant of their own has a path to the VM's keyboard."""
    mine = [
        g for g in grants if g.account_id == actor.account_id and g.sign_in_id == actor.sign_in_id
    ]
    return all_of(
        may_see(actor, consent, node),
        consent_active(consent, now),
        unless(actor.role is not Role.CLOUDADMIN or not running(mine, now), ONLY_WATCHING),
    )


def may_share(
    actor: Actor, consent: Consent, grants: Iterable[Grant], node: str, now: datetime
) -> Verdict:
    """The operator who has the console open, or the tenant while an operator has."""
    theirs = [g for g in grants if actor.role is Role.TENANT or g.account_id == actor.account_id]
    return all_of(
        unless(actor.role is Role.ADMIN, NOT_YOURS_TO_SHARE),
        may_see(actor, consent, node),
        consent_active(consent, now),
        unless(not running(theirs, now), NOT_RUNNING),
    )


def may_revoke_link(actor: Actor, link: ShareLink, consent: Consent, node: str) -> Verdict:
    """Whoever may see the consent may revoke its links, once."""
    if isinstance(may_see(actor, consent, node), Deny) or link.consent_id != consent.id:
        return NO_SUCH_LINK
    return unless(link.revoked_at is not None, LINK_REVOKED)


def link_active(link: ShareLink, consent: Consent, now: datetime) -> Verdict:
    """One answer for every cause, so that a guess learns nothing."""
    dead = (
        link.consent_id != consent.id
        or link.revoked_at is not None
        or link.expires_at <= now
        or consent_end(consent, now) is not None
    )
    return NO_SUCH_LINK if dead else ALLOW


def may_redeem(link: ShareLink, consent: Consent, visits: int, now: datetime) -> Verdict:
    """A link works until it or its consent ends, for as many browsers as it was made for."""
    return all_of(link_active(link, consent, now), unless(link.capacity <= visits, LINK_FULL))


def may_visit(
    visit: Visit, link: ShareLink, consent: Consent, grants: Iterable[Grant], now: datetime
) -> Verdict:
    """A guest watches while their visit, its link and its consent hold and the console is open."""
    foreign = visit.link_id != link.id or visit.consent_id != consent.id
    return all_of(
        unless(foreign or visit.expires_at <= now, NO_SUCH_LINK),
        link_active(link, consent, now),
        unless(not running(grants, now), NOT_RUNNING),
    )


def visit_end(visit: Visit, link: ShareLink, now: datetime) -> EndCode | None:
    """Why a guest's visit is over, or None; the end of the consent is told apart before."""
    over = link.revoked_at is not None or min(link.expires_at, visit.expires_at) <= now
    return EndCode.LINK_REVOKED if over else None


def _plain(address: str) -> IPv4Address | IPv6Address | None:
    """The address, with an IPv4 address inside an IPv6 one (RFC 4291 §2.5.5.2) taken out."""
    try:
        where = ip_address(address)
    except ValueError:
        return None
    return (where.ipv4_mapped or where) if isinstance(where, IPv6Address) else where
