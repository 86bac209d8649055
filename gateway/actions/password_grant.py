"""A program brings a name and a password (RFC 6749 §4.3): for scripts of tenants."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.inputs import storable
from gateway.actions.recording import Act, deciding, stranger
from gateway.actions.services import Services
from gateway.actions.tokens import (
    Issued,
    Program,
    begin_sign_in,
    issue,
    refuse_grant,
    require_bearer,
    still_as_proven,
)
from gateway.errors import NotSignedIn

# One text for every case: it tells neither that a name exists nor that a password is right.
WRONG = (
    "the name or password is not right, or the account signs in with a one-time code too: "
    "then use a device code (az login --use-device-code) or the browser"
)


async def grant_by_password(
    s: Services, program: Program, *, name: str, password: str, refreshable: bool, now: datetime
) -> Issued:
    """Tokens for the account of that name; never for one that needs a second factor.

    Raises: Refused (an error of RFC 6749 §5.2), Throttled.
    """
    claimed = storable(name)
    party = stranger(program.address, claimed)
    async with deciding(s, party, Act.ISSUE_TOKEN, target=program.audience, now=now) as d:
        d.note(grant="password", client_id=program.client_id)
        try:
            proven = await s.identity.prove(
                s.store.unit, claimed, password, None, program.address, now
            )
        except NotSignedIn:
            refuse_grant(d, "invalid_grant", WRONG)
        async with d.unit() as unit:
            try:
                account = await still_as_proven(d, unit, proven)
            except NotSignedIn as error:
                refuse_grant(d, "invalid_grant", str(error))
            require_bearer(s, d, account, program.audience)
            begun = await begin_sign_in(s, d, unit, account, program)
            return await issue(s, d, unit, account, begun, program, refreshable=refreshable)
