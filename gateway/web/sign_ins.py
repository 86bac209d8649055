"""Sign-ins that hold now: everybody's for an administrator, else one's own."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gateway.actions.queries import list_sign_ins
from gateway.actions.sign_in import end_sign_in
from gateway.edge import SERVICES
from gateway.errors import NotFound
from gateway.policy.facts import Role
from gateway.store import NamedSignIn
from gateway.web.endings import Ask
from gateway.web.flash import see_other
from gateway.web.rendering import page_session, render
from gateway.web.shown import ROLE_NAMES, Moment, moment

HERE = "/sign-ins"

KINDS = {"browser": "Browser", "bearer": "Command line", "arm": "Resource Manager client"}
SHOWN_AGENT = 90  # characters


def routes() -> list[web.RouteDef]:
    return [
        web.get(HERE, show),
        web.get(HERE + "/{sign_in_id}/end", ask),
        web.post(HERE + "/{sign_in_id}/end", end),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    name: str
    role: str
    kind: str
    address: str
    user_agent: str
    begun: Moment
    seen: Moment
    this: bool


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request)).actor
    found = await list_sign_ins(services, actor, now=services.clock())
    everybody = actor.role is Role.ADMIN
    return await render(
        request,
        "pages/sign_ins.html",
        rows=[_row(one, actor.sign_in_id) for one in found],
        heading="Sign-ins" if everybody else "Your sign-ins",
        introduction="Everybody who is signed in now."
        if everybody
        else "Where you are signed in now. End what you do not recognise, then tell an "
        "administrator.",
    )


async def ask(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request)).actor
    wanted = request.match_info["sign_in_id"]
    found = await list_sign_ins(services, actor, now=services.clock())
    row = next((_row(one, actor.sign_in_id) for one in found if one.sign_in.id == wanted), None)
    if row is None:
        raise NotFound("there is no such sign-in")
    question = Ask(
        heading=f"End the sign-in of {row.name}?",
        text=f"{row.kind} at {row.address}, since {row.begun.full}. Consoles that it has open are "
        "cut off now.",
        button="End sign-in",
        action=f"{HERE}/{row.id}/end",
        cancel=HERE,
    )
    return await render(request, "pages/confirm.html", ask=question)


async def end(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request)).actor
    await end_sign_in(services, actor, request.match_info["sign_in_id"], now=services.clock())
    return see_other(request, HERE, "The sign-in has ended, and its consoles with it.")


def _row(named: NamedSignIn, mine: str) -> Row:
    sign_in = named.sign_in
    return Row(
        id=sign_in.id,
        name=named.name,
        role=ROLE_NAMES[named.role],
        kind=KINDS[sign_in.kind],
        address=sign_in.address,
        user_agent=sign_in.user_agent[:SHOWN_AGENT],
        begun=moment(sign_in.created_at),
        seen=moment(sign_in.last_seen_at),
        this=sign_in.id == mine,
    )
