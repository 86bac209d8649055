"""Signing in a program that has no browser (RFC 8628): it waits, its person approves elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.actions.inputs import clipped, storable
from gateway.actions.recording import Act, Decision, deciding, stranger
from gateway.actions.services import Services
from gateway.actions.sign_in import MAX_USER_AGENT
from gateway.actions.tokens import (
    Issued,
    Program,
    begin_sign_in,
    endpoint_of,
    issue,
    refuse_grant,
    still_as_proven,
)
from gateway.errors import NotFound, Refused, Throttled
from gateway.identity.secrets import digest_of
from gateway.identity.throttle import address_key
from gateway.identity.user_codes import new_user_code, typed_user_code
from gateway.policy.tokens import DEVICE_CODE_LIFETIME, may_bear_token
from gateway.policy.verdict import Deny
from gateway.store import Account, DeviceCode, DeviceState, Unit

INTERVAL = timedelta(seconds=5)  # between two polls (RFC 8628 §3.2)
EARLY = timedelta(seconds=1)  # clients' clocks are no better than that
MOST_WAITING = 50  # programs of one address, a person's refusal or not: each is a row

NO_SUCH_CODE = Deny(
    "NoSuchDeviceCode", "no program waits under this code, or not any more", hidden=True
)


@dataclass(frozen=True, slots=True)
class DeviceAsked:
    """What the program is told: the secret it polls with, and what its person types."""

    secret: str = field(repr=False)
    user_code: str
    expires_at: datetime


async def ask_device_code(s: Services, program: Program, *, now: datetime) -> DeviceAsked:
    """A program begins to wait. Raises: Throttled where too many of its address do already."""
    party = program.party
    async with deciding(s, party, Act.ASK_DEVICE_CODE, target=program.audience, now=now) as d:
        d.note(client_id=program.client_id)
        async with d.unit() as unit:
            if MOST_WAITING <= _from(program.address, await unit.device_codes.unapproved(now)):
                raise Throttled(int(DEVICE_CODE_LIFETIME.total_seconds()))
            secret, digest = s.identity.new_secret()
            code = DeviceCode(
                digest=digest,
                user_code=await _unused_code(unit),
                client_id=program.client_id,
                audience=program.audience,
                address=program.address,
                user_agent=clipped(storable(program.user_agent), MAX_USER_AGENT),
                expires_at=now + DEVICE_CODE_LIFETIME,
            )
            await unit.device_codes.add(code, now)
            return DeviceAsked(secret, code.user_code, code.expires_at)


def _from(address: str, counts: Mapping[str, int]) -> int:
    """How many of these are of whoever has `address`: an IPv6 customer has a whole /64."""
    whose = address_key(address)
    return sum(count for each, count in counts.items() if address_key(each) == whose)


async def _unused_code(unit: Unit) -> str:
    while await unit.device_codes.by_user_code(code := new_user_code()) is not None:
        continue
    return code


async def look_up_device(
    s: Services, user_code: str, *, audience: str, address: str, now: datetime
) -> DeviceCode:
    """Which program waits under that code at that endpoint, for the page that asks about it.

    Raises: NotFound (unknown, decided, run out: one answer), Throttled.
    """
    async with deciding(s, stranger(address), Act.LOOK_UP_DEVICE, target=audience, now=now) as d:
        s.misses.check(address, now)
        async with d.unit() as unit:
            return await _waiting(s, d, unit, user_code, audience)


async def waiting_device(
    s: Services, user_code: str, *, audience: str, address: str, now: datetime
) -> DeviceCode:
    """The same without a record, to ask once more. Raises: NotFound, Throttled."""
    s.misses.check(address, now)  # else who is throttled goes on guessing here, uncounted
    async with s.store.reading() as unit:
        code = await unit.device_codes.by_user_code(typed_user_code(user_code))
    if code is None or not _waits(code, audience, now):
        raise NotFound(NO_SUCH_CODE.reason)
    return code


async def approve_device(
    s: Services,
    user_code: str,
    *,
    audience: str,
    name: str,
    password: str,
    code: str | None,
    address: str,
    now: datetime,
) -> DeviceCode:
    """Somebody proves who they are and lets the waiting program act for them.

    Raises: NotSignedIn, Throttled, NotFound (as `look_up_device`), Refused (another endpoint's).
    """
    claimed = storable(name)
    party = stranger(address, claimed)
    async with deciding(s, party, Act.APPROVE_DEVICE, target=audience, now=now) as d:
        s.misses.check(address, now)
        # Looked up first: nobody's one-time code is used up for a program that is gone.
        async with s.store.reading() as unit:
            await _waiting(s, d, unit, user_code, audience)
        proven = await s.identity.prove(s.store.unit, claimed, password, code, address, now)
        async with d.unit() as unit:
            account = await still_as_proven(d, unit, proven)
            d.require(may_bear_token(account.role, endpoint_of(s, audience)))
            waiting = await _waiting(s, d, unit, user_code, audience)
            approved = replace(waiting, state=DeviceState.APPROVED, account_id=account.id)
            await unit.device_codes.update(approved)
            return approved


async def deny_device(
    s: Services, user_code: str, *, audience: str, address: str, now: datetime
) -> None:
    """Somebody says no. Who doubts shall not have to prove anything first.

    Raises: NotFound (as `look_up_device`), Throttled.
    """
    async with deciding(s, stranger(address), Act.DENY_DEVICE, target=audience, now=now) as d:
        s.misses.check(address, now)
        async with d.unit() as unit:
            waiting = await _waiting(s, d, unit, user_code, audience)
            await unit.device_codes.update(replace(waiting, state=DeviceState.DENIED))


async def _waiting(
    s: Services, d: Decision, unit: Unit, user_code: str, audience: str
) -> DeviceCode:
    """The code while it waits for its person. Raises: NotFound, and counts the miss."""
    code = await unit.device_codes.by_user_code(typed_user_code(user_code))
    if code is None or not _waits(code, audience, d.now):
        s.misses.missed(d.party.address, d.now)
        d.refuse(NO_SUCH_CODE)
    d.note(client_id=code.client_id, program_at=code.address)
    return code


def _waits(code: DeviceCode, audience: str, now: datetime) -> bool:
    pending = code.state is DeviceState.PENDING and now < code.expires_at
    return pending and code.audience == audience


async def grant_by_device_code(
    s: Services, program: Program, *, secret: str, now: datetime
) -> Issued:
    """The tokens, once the person has approved. While they have not, nothing is recorded.

    Raises: Refused (an error of RFC 8628 §3.5 or RFC 6749 §5.2), Throttled.
    """
    party, digest = program.party, digest_of(secret)
    async with deciding(s, party, Act.ISSUE_TOKEN, target=program.audience, now=now) as d:
        d.note(grant="device_code", client_id=program.client_id)
        s.misses.check(program.address, now)
        async with d.unit() as unit:
            code = await _polled(s, d, unit, digest, program)
            account = await _approver(s, d, unit, code)
            await unit.device_codes.update(replace(code, state=DeviceState.USED))
            begun = await begin_sign_in(s, d, unit, account, program)
            return await issue(s, d, unit, account, begun, program, refreshable=True)


async def _polled(
    s: Services, d: Decision, unit: Unit, digest: str, program: Program
) -> DeviceCode:
    """The code that was approved. Raises: Refused."""
    code = await unit.device_codes.by_digest(digest)
    if (
        code is None
        or code.client_id != program.client_id
        or code.audience != program.audience
        or code.state is DeviceState.USED
    ):
        s.misses.missed(program.address, d.now)
        refuse_grant(d, "invalid_grant", "there is no such device code, or it was used before")
    if code.expires_at <= d.now or code.state is DeviceState.DENIED:
        # Over: who goes on polling is throttled, each poll would be a record.
        s.misses.missed(program.address, d.now)
    if code.expires_at <= d.now:
        refuse_grant(d, "expired_token", "nobody approved in time: begin again (az login)")
    if code.state is DeviceState.DENIED:
        refuse_grant(d, "access_denied", "the sign-in was declined in the browser")
    if code.state is DeviceState.PENDING:
        await _keep_waiting(d, unit, code)
    return code


async def _keep_waiting(d: Decision, unit: Unit, code: DeviceCode) -> NoReturn:
    """Nothing is decided yet, so nothing is recorded. Raises: Refused."""
    d.drop()
    too_soon = code.polled_at is not None and d.now < code.polled_at + INTERVAL - EARLY
    await unit.device_codes.update(replace(code, polled_at=d.now))
    if too_soon:
        raise Refused("slow_down", f"ask every {INTERVAL.seconds} seconds")
    raise Refused("authorization_pending", "nobody has approved this program yet")


async def _approver(s: Services, d: Decision, unit: Unit, code: DeviceCode) -> Account:
    """Who approved, if they still may. Raises: Refused."""
    account = await unit.accounts.by_id(code.account_id or "")
    if account is None or account.disabled:
        refuse_grant(d, "access_denied", "the account that approved was locked meanwhile")
    verdict = may_bear_token(account.role, endpoint_of(s, code.audience))
    if isinstance(verdict, Deny):
        refuse_grant(d, "access_denied", verdict)
    return account
