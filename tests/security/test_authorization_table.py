"""Who may do what, through the whole gateway: every route x every principal (SECURITY B1, I1).

The answers are in `authorization.txt`. A new route without a row fails, and so does a row without
its route. `tests/api` has the API's own table, with the console closed; here it is open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.actions.sign_in import Kind
from gateway.app import create_app
from gateway.edge import ARM_ROUTE
from gateway.web.once import PURPOSE as ONCE
from gateway.web.once import Once
from tests.doubles.tokens import AZURE_CLI
from tests.doubles.visitors import FROM_OUR_PAGE, Answer, Site
from tests.security.principals import (
    NETWORK,
    PRINCIPALS,
    Scene,
    invite_spare,
    scene,
    with_a_viewer,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = Path(__file__).with_name("authorization.txt")
API = "/api/v1/"


@dataclass(frozen=True)
class Row:
    """A route, what each principal is answered, and how many audit records that leaves."""

    method: str
    path: str
    answers: tuple[str, ...]  # in the order of PRINCIPALS

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> list[Row]:
    """The table, without its comments."""
    lines = (line.partition("#")[0].split() for line in FILE.read_text().splitlines())
    found = [Row(words[0], words[1], tuple(words[2:])) for words in lines if words]
    assert found[0] == Row("METHOD", "PATH", tuple(PRINCIPALS))
    return found[1:]


TABLE = rows()
NUMBERED = list(enumerate(TABLE))

Fill = Callable[[Scene], dict[str, Any]]


def nothing(_scene: Scene) -> dict[str, Any]:
    return {}


def proof(scene: Scene) -> dict[str, Any]:
    return {**scene.proof}


def new_name(scene: Scene) -> dict[str, Any]:
    return {"name": f"new-{scene.names['consent_id']}", "role": "cloudadmin"}


def of_contoso(scene: Scene) -> dict[str, Any]:
    return {"name": "contoso", **scene.site.person("contoso").proof()}


def for_contoso(scene: Scene) -> dict[str, Any]:
    return {"user": "contoso", **scene.site.person("contoso").proof()}


def for_a_token(scene: Scene) -> dict[str, Any]:
    proof = scene.site.person("contoso").proof()
    return {"grant_type": "password", "client_id": AZURE_CLI, "username": "contoso", **proof}


def approval(scene: Scene) -> dict[str, Any]:
    return {"decision": "approve", "user_code": scene.user_code, **of_contoso(scene)}


def for_the_vm(scene: Scene) -> dict[str, Any]:
    return {"resource_id": scene.site.vm("web01"), "reason": "locked out"}


def step_up_for_the_vm(scene: Scene) -> dict[str, Any]:
    return {"resource_id": scene.site.vm("web01"), **scene.proof}


def secret_of(kind: str) -> Fill:
    return lambda scene: {"secret": getattr(scene, kind), "name": "Gerda"}


def a_disk_check(scene: Scene) -> dict[str, Any]:
    return {"resource_id": scene.site.vm("web01"), "kind": "check_disk"}


def a_disk_check_on_the_page(scene: Scene) -> dict[str, Any]:
    return {
        **a_disk_check(scene),
        "attempt": Once().token(scene.site.services.identity.signer(ONCE)),
    }


def a_proposal(scene: Scene) -> dict[str, Any]:
    return {"consent_id": scene.names["consent_id"], "kind": "check_disk"}


def a_credential(scene: Scene) -> dict[str, Any]:
    return {"account_id": scene.names["account_id"], "label": "nightly checks", "days": 1}


def the_user_code(scene: Scene) -> dict[str, Any]:
    return {"user_code": scene.user_code}


def just(**fields: Any) -> Fill:
    return lambda _scene: dict(fields)


# What a program on one's own machine asks a browser for.
AUTHORIZATION = {
    "client_id": AZURE_CLI,
    "response_type": "code",
    "redirect_uri": "http://localhost:8400",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636, appendix B
    "code_challenge_method": "S256",
}

# What a sensible request to each route says: a JSON body, where a script or program sends it.
FORMS: dict[str, Fill] = {
    "/sign-in": of_contoso,
    "/set-up": secret_of("setup_secret"),
    "/connect": secret_of("handoff"),
    "/join": secret_of("link_secret"),
    "/consents/{consent_id}/open": proof,
    "/adfs/oauth2/token": for_a_token,
    "/adfs/oauth2/devicecode": just(client_id=AZURE_CLI),
    "/adfs/oauth2/authorize": approval,
    "/device": the_user_code,
    "/device/decision": approval,
    "/tenant/consents": for_the_vm,
    "/recoveries": a_disk_check_on_the_page,
    "/consents/{consent_id}/propose": just(kind="check_disk"),
    "/admin/subscriptions": just(subscription_id="0" * 8 + "-0000-4000-8000-" + "0" * 12),
    "/admin/safelist": just(node="AzS-ERCS01", network=NETWORK),
    "/admin/accounts": new_name,
}
JSON: dict[str, Fill] = {
    "/consoles/{consent_id}/tickets": nothing,
    "/consoles/{consent_id}/control": just(verb="ask"),
    "/consoles/{consent_id}/share": just(label="x", capacity=1),
    "/consoles/{consent_id}/present": nothing,
    API + "sign-ins": for_contoso,
    API + "accounts": new_name,
    API + "credentials": a_credential,
    API + "accounts/{account_id}": just(disabled=True),
    API + "subscriptions/{subscription_id}": just(enabled=False),
    API + "nodes/{node}/safelist": just(network=NETWORK),
    API + "consents": for_the_vm,
    API + "consoles": step_up_for_the_vm,
    API + "recoveries": a_disk_check,
    API + "recoveries/proposals": a_proposal,
    API + "recoveries/{action_id}/approval": nothing,
    API + "recoveries/{action_id}/refusal": just(reason="not now"),
}
QUERIES: dict[str, Callable[[Site], dict[str, str]]] = {
    "/adfs/oauth2/authorize": lambda _site: AUTHORIZATION,
    "/operator/requests": lambda site: {"vm": site.vm("web01")},
    "/tenant/consents/new": lambda site: {"vm": site.vm("web01")},
    "/recoveries/new": lambda site: {"vm": site.vm("web01")},
    "/recoveries/confirm": lambda site: {"vm": site.vm("web01"), "kind": "check_disk"},
    "/recoveries/log": lambda site: {"vm": site.vm("web01")},
    "/admin/safelist/revoke": lambda _site: {"node": "AzS-ERCS01", "network": NETWORK},
    f"DELETE {API}consents": lambda site: {"resource_id": site.vm("web01")},
    f"{API}agent-logs": lambda site: {"resource_id": site.vm("web01")},
    f"DELETE {API}nodes/{{node}}/safelist": lambda _site: {"network": NETWORK},
}
# Where it matters that the screen is shown just now.
LIVE = frozenset(
    f"/consoles/{{consent_id}}/{what}" for what in ("stream", "events", "thumbnail.jpg", "control")
)
STREAM = "/consoles/{consent_id}/stream"
UNREAD = frozenset(
    {
        "/consoles/{consent_id}/events",
        "/consoles/{consent_id}/thumbnail.jpg",
        "/recoveries/{action_id}/events",
    }
)

# What changes nothing that anybody decides about, and so leaves no audit record.
UNRECORDED = {
    "POST /leave": "forgets a cookie",
    "POST /consoles/{consent_id}/present": "says that somebody is at the keyboard",
}
# The grant, and with it a ticket and a hand-off: three decisions.
THREE = f"POST {API}consoles"


async def ask(scene: Scene, row: Row, *, path: str | None = None) -> Answer:
    """A sensible request of that row by the scene's principal."""
    path = path or row.path.format(**scene.names)
    query = QUERIES.get(str(row), QUERIES.get(row.path))
    more: dict[str, Any] = {"params": query(scene.site)} if query else {}
    if row.path.startswith(API):
        body = (
            JSON[row.path](scene)
            if row.method not in {"GET", "DELETE"} and row.path in JSON
            else None
        )
        return await scene.person.api(row.method, path.removeprefix(API), body, **more)
    if row.method == "GET":
        return await scene.person.ask("GET", path, **more)
    token = scene.form_token
    if row.path in JSON:
        headers = {**FROM_OUR_PAGE, "X-CSRF-Token": token, "Accept": "application/json"}
        return await scene.person.ask("POST", path, headers, json=JSON[row.path](scene), **more)
    form = FORMS.get(row.path, nothing)(scene)
    data = {"form_token": token, **form}
    return await scene.person.ask("POST", path, FROM_OUR_PAGE, data=data, **more)


async def word_for(scene: Scene, row: Row) -> str:
    """What the principal is answered, in the table's words."""
    if row.path == STREAM:
        return await _enter(scene)
    if row.path in UNREAD:
        path = row.path.format(**scene.names)
        async with scene.person.asking("GET", path) as response:
            return _word(response.status, response.headers.get("Location", ""))
    answer = await ask(scene, row)
    return _word(answer.status, answer.headers.get("Location", ""))


def _word(status: int, location: str) -> str:
    return "sign-in" if status == 303 and location.startswith("/sign-in?next=") else str(status)


async def _enter(scene: Scene) -> str:
    holds_a_ticket = PRINCIPALS[scene.who] == "olga"
    protocols = [f"ticket.{scene.ticket}"] if holds_a_ticket else []
    async with scene.person.stream(scene.names["consent_id"], *protocols) as viewer:
        with contextlib.suppress(Exception):
            await viewer.start()
            await viewer.until(lambda: viewer.frames)
            return "screen"
        return str(await viewer.closed())


async def prepared(site: Site, number: int, row: Row, who: str) -> Scene:
    # An address of each row's own: wrong guesses at secrets are counted by address.
    kind: Kind = "bearer" if row.path.startswith(API) else "browser"
    made = await scene(site, who, kind=kind, address=f"127.0.1.{number + 1}")
    if row.path == "/set-up":
        await invite_spare(made)
    return made


async def test_every_route_has_a_row(site: Site) -> None:
    app = create_app(site.standing.gateway)
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None
        and not isinstance(route.resource, web.StaticResource)  # the same for everybody
        and route.method != "HEAD"  # aiohttp's, with GET's handler
        and route.resource.name != ARM_ROUTE  # it has a table of its own, in tests/api/arm
    }
    assert sorted(map(str, TABLE)) == sorted(routes)
    assert all(len(row.answers) == len(PRINCIPALS) for row in TABLE)


@pytest.mark.parametrize(("number", "row"), NUMBERED, ids=map(str, TABLE))
async def test_the_row_holds(number: int, row: Row, site: Site) -> None:
    found, recorded = {}, {}
    for who in PRINCIPALS:
        made = await prepared(site, number, row, who)
        async with contextlib.AsyncExitStack() as stack:
            if row.path in LIVE:
                await stack.enter_async_context(with_a_viewer(made))
            before = await site.audited()
            found[who] = await word_for(made, row)
            new = await site.audit(after=before)
        recorded[who] = [r.outcome for r in new if r.actor != "gateway"]
    expected = dict(zip(PRINCIPALS, row.answers, strict=True))
    assert found == {who: word.rstrip("*") for who, word in expected.items()}
    if row.method != "GET" or row.path == STREAM:
        assert recorded == {who: records(row, who, expected[who]) for who in PRINCIPALS}


def records(row: Row, who: str, answer: str) -> list[str]:
    """I1: one audit record for whatever was decided, none where nobody is known who asked."""
    nobody = answer == "401" or (who in {"anonymous", "guest"} and str(row) == "POST /sign-out")
    if nobody or str(row) in UNRECORDED or (row.path == STREAM and who == "anonymous"):
        return []
    if str(row) == THREE and answer == "201":
        return ["allowed"] * 3
    return ["denied" if answer.startswith("4") or answer.endswith("*") else "allowed"]


NAMED = [(number, row) for number, row in NUMBERED if "_id}" in row.path]


@pytest.mark.parametrize(("number", "row"), NAMED, ids=[str(row) for _, row in NAMED])
async def test_what_is_foreign_is_answered_as_what_is_missing(
    number: int, row: Row, site: Site
) -> None:
    made = await prepared(site, number, row, "other-tenant")
    foreign = row.path.format(**made.names)
    missing = row.path.format(**dict.fromkeys(made.names, MISSING))
    if row.path == STREAM:
        assert await _said(made, made.names["consent_id"]) == await _said(made, MISSING)
        return
    answers = [await ask(made, row, path=path) for path in (foreign, missing)]
    assert _essence(answers[0], made) == _essence(answers[1], made)


@pytest.mark.parametrize("path", ["/shared/{}", "/consoles/{}/events", "/consoles/{}/links"])
async def test_a_guest_finds_one_console_and_no_other(path: str, site: Site) -> None:
    made = await prepared(site, 200, TABLE[0], "guest")
    other = await site.consent("web02")
    foreign = await made.person.get(path.format(other))
    missing = await made.person.get(path.format(MISSING))
    assert 303 <= foreign.status
    assert _essence(foreign, made, other) == _essence(missing, made)


MISSING = "0" * 32


async def _said(made: Scene, consent_id: str) -> tuple[int, str | None]:
    async with made.person.stream(consent_id) as viewer:
        return await viewer.closed(), viewer.ws.close_reason


def _essence(answer: Answer, made: Scene, *ids: str) -> tuple[int, str, str]:
    """An answer without what differs between any two of them."""
    text = answer.timeless
    where = answer.headers.get("Location", "")
    for known in (MISSING, *made.names.values(), *ids):
        text, where = text.replace(known, "ID"), where.replace(known, "ID")
    return answer.status, where, text
