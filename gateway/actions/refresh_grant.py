"""A program brings a refresh token (RFC 6749 §6): it works once, and yields the next."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.endings import end_sign_in_row
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.actions.tokens import Issued, Program, issue, refuse_grant, sign_in_behind
from gateway.consoles.participants import End
from gateway.errors import NotSignedIn
from gateway.identity.secrets import digest_of
from gateway.policy.facts import EndCode
from gateway.store import Account, SignIn, Token, Unit

OVER = "this sign-in is over: sign in again (az login)"


async def grant_by_refresh_token(
    s: Services, program: Program, *, secret: str, now: datetime
) -> Issued:
    """The next tokens of a sign-in. A token that comes back a second time ends the sign-in.

    Either its owner or a thief has used it before, and nobody can tell which (RFC 9700 §4.14.2).
    Raises: Refused (an error of RFC 6749 §5.2), Throttled.
    """
    party, digest = program.party, digest_of(secret)
    async with deciding(s, party, Act.ISSUE_TOKEN, target=program.audience, now=now) as d:
        d.note(grant="refresh_token", client_id=program.client_id)
        s.misses.check(program.address, now)
        async with d.unit() as unit:
            token = await _known(s, d, unit, digest, program)
            if not await unit.tokens.use(digest, now):
                s.misses.missed(program.address, now)
                await _end_stolen(d, unit, token)
            sign_in, account = await _alive(s, d, unit, token)
            await unit.sign_ins.touch(sign_in.id, now)
            return await issue(s, d, unit, account, sign_in, program, refreshable=True)


async def _known(s: Services, d: Decision, unit: Unit, digest: str, program: Program) -> Token:
    """The refresh token, if it is this program's at this endpoint. Raises: Refused."""
    token = await unit.tokens.by_digest(digest)
    if (
        token is None
        or token.kind != "refresh"
        or token.client_id != program.client_id
        or token.audience != program.audience
    ):
        s.misses.missed(program.address, d.now)
        refuse_grant(d, "invalid_grant", OVER)
    d.note(sign_in=token.sign_in_id)
    return token


async def _end_stolen(d: Decision, unit: Unit, token: Token) -> None:
    """Raises: Refused, with the sign-in's end in the same commit."""
    why = "a refresh token was used twice"
    d.note(ended=why)
    end = End(EndCode.SIGN_IN_ENDED, "gateway", why, d.now)
    await end_sign_in_row(d, unit, token.sign_in_id, end)
    refuse_grant(d, "invalid_grant", OVER)


async def _alive(s: Services, d: Decision, unit: Unit, token: Token) -> tuple[SignIn, Account]:
    """Raises: Refused."""
    try:
        return await sign_in_behind(s, unit, token, d.now)
    except NotSignedIn:
        refuse_grant(d, "invalid_grant", OVER)
