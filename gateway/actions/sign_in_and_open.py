"""A console in one go, for scripts: one proof signs in and steps up.

A one-time code can be used once only, so that two proofs would take a minute and two codes.
"""

from __future__ import annotations

from datetime import datetime

from gateway.actions.authenticate import Session
from gateway.actions.open_console import Opened, draw_grant
from gateway.actions.queries import find_consent
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.actions.sign_in import sign_in, sign_out
from gateway.errors import GatewayError, NotFound
from gateway.policy.facts import Actor


async def sign_in_and_open(
    s: Services,
    *,
    resource_id: str,
    name: str,
    password: str,
    code: str | None,
    address: str,
    user_agent: str,
    now: datetime,
) -> Opened:
    """Begin a bearer sign-in and draw a grant with it; two audit records, one for each.

    A sign-in that may not open the console ends at once: nobody was told its secret.
    Raises: as `sign_in` and `open_console`.
    """
    signed_in = await sign_in(
        s,
        name=name,
        password=password,
        code=code,
        address=address,
        user_agent=user_agent,
        kind="bearer",
        now=now,
    )
    actor = signed_in.actor
    consent_id = await consent_id_of(s, actor, resource_id, now=now)
    try:
        async with deciding(s, actor, Act.OPEN_CONSOLE, target=consent_id, now=now) as d:
            d.note(at_sign_in=True)
            return await draw_grant(s, d, actor, consent_id)
    except GatewayError:
        await sign_out(s, Session(actor, signed_in.sign_in, signed_in.account), now=now)
        raise


async def consent_id_of(s: Services, actor: Actor, resource_id: str, *, now: datetime) -> str:
    """The id of the active consent for a VM that `actor` may see.

    Where there is none, the resource id: no row has such an id, so that the action which it is
    handed to refuses, and records what was asked for.
    """
    try:
        return (await find_consent(s, actor, resource_id, now=now)).id
    except NotFound:
        return resource_id
