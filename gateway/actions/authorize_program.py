"""Signing in a program by way of the browser (RFC 6749 §4.1 with PKCE)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.actions.endings import end_sign_in_row
from gateway.actions.inputs import storable
from gateway.actions.recording import Act, Decision, deciding, stranger
from gateway.actions.services import Services
from gateway.actions.tokens import (
    Issued,
    Program,
    begin_sign_in,
    endpoint_of,
    issue,
    refuse_grant,
    require_bearer,
    still_as_proven,
)
from gateway.consoles.participants import End
from gateway.identity.pkce import verifies
from gateway.identity.secrets import digest_of
from gateway.policy.facts import EndCode
from gateway.policy.tokens import AUTHORIZATION_CODE_LIFETIME, may_bear_token
from gateway.store import AuthorizationCode, Unit

WRONG = "the authorization code is not right, has run out or was used before: begin again"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a program asks a person's browser for."""

    client_id: str
    redirect_uri: str  # on the person's own machine
    challenge: str
    audience: str
    nonce: str = ""


async def approve_program(
    s: Services,
    wish: Wish,
    *,
    name: str,
    password: str,
    code: str | None,
    address: str,
    now: datetime,
) -> str:
    """Somebody proves who they are and lets the program act for them: the authorization code.

    Raises: NotSignedIn, Throttled, Refused (another endpoint's account).
    """
    claimed = storable(name)
    party = stranger(address, claimed)
    async with deciding(s, party, Act.APPROVE_PROGRAM, target=wish.audience, now=now) as d:
        d.note(client_id=wish.client_id, redirect_uri=wish.redirect_uri)
        proven = await s.identity.prove(s.store.unit, claimed, password, code, address, now)
        async with d.unit() as unit:
            account = await still_as_proven(d, unit, proven)
            d.require(may_bear_token(account.role, endpoint_of(s, wish.audience)))
            secret, digest = s.identity.new_secret()
            given = AuthorizationCode(
                client_id=wish.client_id,
                redirect_uri=wish.redirect_uri,
                challenge=wish.challenge,
                audience=wish.audience,
                nonce=wish.nonce,
                account_id=account.id,
                address=address,
                expires_at=now + AUTHORIZATION_CODE_LIFETIME,
            )
            await unit.authorization_codes.add(given, digest, now)
            return secret


async def deny_program(s: Services, wish: Wish, *, address: str, now: datetime) -> None:
    """Somebody says no, without having to prove anything: so often, and no oftener.

    Raises: Throttled.
    """
    party = stranger(address)
    async with deciding(s, party, Act.DENY_PROGRAM, target=wish.audience, now=now) as d:
        s.misses.check(address, now)
        s.misses.missed(address, now)  # each is a record
        async with d.unit():
            d.note(client_id=wish.client_id, redirect_uri=wish.redirect_uri)


async def grant_by_authorization_code(
    s: Services,
    program: Program,
    *,
    secret: str,
    redirect_uri: str,
    verifier: str,
    refreshable: bool,
    now: datetime,
) -> Issued:
    """Tokens for the code, whose first use is its last.

    Raises: Refused (an error of RFC 6749 §5.2), Throttled.
    """
    party, digest = program.party, digest_of(secret)
    async with deciding(s, party, Act.ISSUE_TOKEN, target=program.audience, now=now) as d:
        d.note(grant="authorization_code", client_id=program.client_id)
        s.misses.check(program.address, now)
        async with d.unit() as unit:
            code = await _spent(s, d, unit, digest)
            _require_match(d, code, program, redirect_uri, verifier)
            account = await unit.accounts.by_id(code.account_id)
            if account is None or account.disabled:
                refuse_grant(d, "invalid_grant", WRONG)
            require_bearer(s, d, account, program.audience)
            begun = await begin_sign_in(s, d, unit, account, program)
            await unit.authorization_codes.exchanged(digest, begun.id)
            issued = await issue(s, d, unit, account, begun, program, refreshable=refreshable)
            return replace(issued, nonce=code.nonce)


async def _spent(s: Services, d: Decision, unit: Unit, digest: str) -> AuthorizationCode:
    """The code, used up by this, whatever comes of it. Raises: Refused.

    One that comes back ends what it was exchanged for (RFC 6749 §4.1.2).
    """
    code = await unit.authorization_codes.by_digest(digest)
    if code is None:
        s.misses.missed(d.party.address, d.now)
        refuse_grant(d, "invalid_grant", WRONG)
    if not await unit.authorization_codes.use(digest, d.now):
        s.misses.missed(d.party.address, d.now)
        why = "an authorization code was used twice"
        d.note(ended=why, sign_in=code.sign_in_id)
        end = End(EndCode.SIGN_IN_ENDED, "gateway", why, d.now)
        await end_sign_in_row(d, unit, code.sign_in_id or "", end)
        refuse_grant(d, "invalid_grant", WRONG)
    return code


def _require_match(
    d: Decision, code: AuthorizationCode, program: Program, redirect_uri: str, verifier: str
) -> None:
    """Raises: Refused unless the program that began it brings it, in time."""
    same = (code.client_id, code.audience, code.redirect_uri) == (
        program.client_id,
        program.audience,
        redirect_uri,
    )
    if not same or code.expires_at <= d.now or not verifies(verifier, code.challenge):
        refuse_grant(d, "invalid_grant", WRONG)
