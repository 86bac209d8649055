"""Who may do what through the API: every route × every principal, none left out (SECURITY B1).

The table is checked against the app's own router, so that a route without a row fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from gateway import api
from gateway.actions.recover import propose_recovery
from gateway.policy.facts import Consent
from gateway.store import ClientCredential
from tests.actions.world import CONTOSO, PASSWORD, WEB01, World
from tests.api.conftest import Caller

ADMIN_ONLY = {"anonymous": 401, "tenant": 403, "stranger": 403, "operator": 403, "admin": 200}

# `tenant` owns the VM that things are about, `stranger` is a tenant of another subscription.
PRINCIPALS = {
    "anonymous": None,
    "tenant": "tina",
    "stranger": "theo",
    "operator": "olga",
    "admin": "ada",
}


@dataclass(frozen=True)
class Row:
    """A route, how a sensible request to it looks, and what each principal is answered."""

    method: str
    path: str
    expect: dict[str, int]
    body: dict[str, Any] | None = None
    query: str = ""
    audited: bool = field(default=True)  # whether a refusal leaves a record


def admins_only(ok: int = 200) -> dict[str, int]:
    return {**ADMIN_ONLY, "admin": ok}


def seen(*, tenant: int, stranger: int, operator: int, admin: int) -> dict[str, int]:
    return {
        "anonymous": 401,
        "tenant": tenant,
        "stranger": stranger,
        "operator": operator,
        "admin": admin,
    }


ANYBODY = seen(tenant=200, stranger=200, operator=200, admin=200)
# What is not yours is not there: the same answer as for what does not exist.
CONCERNED = seen(tenant=200, stranger=404, operator=200, admin=200)

TABLE = (
    Row("GET", "openapi.json", dict.fromkeys(PRINCIPALS, 200)),
    # Sign-ins. Whoever asks for one is anonymous; the bearer token of another counts for nothing.
    Row("POST", "sign-ins", dict.fromkeys(PRINCIPALS, 201),
        {"user": "tina", "password": PASSWORD}),
    Row("GET", "sign-ins", ANYBODY),
    Row("GET", "sign-ins/current", ANYBODY),
    Row("DELETE", "sign-ins/current",
        seen(tenant=204, stranger=204, operator=204, admin=204), audited=False),
    Row("DELETE", "sign-ins/{sign_in_id}",
        seen(tenant=204, stranger=404, operator=404, admin=204)),
    # Accounts, subscriptions, the safelist and the audit log are an admin's.
    Row("GET", "accounts", admins_only()),
    Row("POST", "accounts", admins_only(201), {"name": "new", "role": "cloudadmin"}),
    Row("PATCH", "accounts/{account_id}", admins_only(), {"disabled": True}),
    Row("POST", "accounts/{account_id}/set-up-links", admins_only(201)),
    Row("GET", "credentials", admins_only()),
    Row("POST", "credentials", admins_only(201),
        {"account_id": "{account}", "label": "nightly checks", "days": 30}),
    Row("DELETE", "credentials/{credential_id}", admins_only()),
    Row("GET", "subscriptions", admins_only()),
    Row("PUT", "subscriptions/{subscription_id}", admins_only(), {"enabled": False}),
    Row("GET", "nodes/{node}/safelist", admins_only()),
    Row("POST", "nodes/{node}/safelist", admins_only(201), {}),
    Row("DELETE", "nodes/{node}/safelist", admins_only()),
    Row("GET", "audit", admins_only()),
    Row("GET", "audit/verification", admins_only()),
    # Consents: given by the tenant, seen and ended by those whom they concern.
    Row("GET", "consents", ANYBODY),
    Row("POST", "consents", seen(tenant=200, stranger=404, operator=403, admin=403),
        {"resource_id": WEB01.vm.resource_id, "reason": "locked out"}),
    Row("GET", "consents/{consent_id}", CONCERNED, audited=False),
    Row("DELETE", "consents/{consent_id}", CONCERNED),
    Row("DELETE", "consents", CONCERNED, query=f"resource_id={WEB01.vm.resource_id}"),
    # Consoles are an operator's, after a step-up.
    Row("POST", "consoles", seen(tenant=403, stranger=404, operator=201, admin=403),
        {"resource_id": WEB01.vm.resource_id, "password": PASSWORD, "code": "{code}"}),
    Row("POST", "consoles/{consent_id}/tickets",
        seen(tenant=403, stranger=404, operator=403, admin=403)),  # nobody has stepped up
    # Recoveries are the tenant's to start and decide; an operator proposes.
    Row("GET", "recoveries", ANYBODY),
    Row("POST", "recoveries", seen(tenant=202, stranger=404, operator=403, admin=403),
        {"resource_id": WEB01.vm.resource_id, "kind": "check_disk"}),
    Row("POST", "recoveries/proposals", seen(tenant=403, stranger=404, operator=201, admin=403),
        {"consent_id": "{consent}", "kind": "check_disk"}),
    Row("GET", "recoveries/{action_id}", CONCERNED, audited=False),
    Row("POST", "recoveries/{action_id}/approval",
        seen(tenant=202, stranger=404, operator=403, admin=403), {}),
    Row("POST", "recoveries/{action_id}/refusal",
        seen(tenant=200, stranger=404, operator=403, admin=403), {"reason": "not now"}),
    Row("DELETE", "recoveries/{action_id}", CONCERNED),
    Row("GET", "agent-logs", seen(tenant=200, stranger=404, operator=403, admin=200),
        query=f"resource_id={WEB01.vm.resource_id}", audited=False),
    Row("GET", "sessions", ANYBODY),
    Row("DELETE", "sessions/{consent_id}",
        seen(tenant=403, stranger=404, operator=403, admin=403)),  # nothing runs
)  # fmt: skip

CELLS = [(row, who) for row in TABLE for who in PRINCIPALS]


def test_every_route_has_a_row_with_every_principal() -> None:
    routes = {(route.method, route.path.removeprefix("/api/v1/")) for route in api.routes()}
    assert routes == {(row.method, row.path) for row in TABLE}
    assert all(set(row.expect) == set(PRINCIPALS) for row in TABLE)


@pytest.mark.parametrize(
    ("row", "who"), CELLS, ids=[f"{row.method} {row.path} {who}" for row, who in CELLS]
)
async def test_the_cell_holds(row: Row, who: str, call: Caller) -> None:
    name = PRINCIPALS[who]
    names = await things(call)
    token = await call.token(name) if name else None
    before = await call.world.audit()
    answer = await call(
        row.method,
        filled(row.path, names) + (f"?{row.query}" if row.query else ""),
        body_of(row, call.world, name, names),
        token=token,
    )
    assert answer.status == row.expect[who], await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    new = (await call.world.audit())[len(before) :]
    if answer.status in (403, 404) and row.audited:
        assert [record.outcome for record in new] == ["denied"]
    if 400 <= answer.status:
        assert set((await answer.json())["error"]) == {"code", "message"}
    elif row.method != "GET":
        assert {record.outcome for record in new} == {"allowed"}


async def things(call: Caller) -> dict[str, str]:
    """What the routes are about: Contoso's consent, tina's sign-in, oscar's account."""
    world = call.world
    consent = await world.consent(WEB01)
    session = await world.session("tina", "127.0.0.1")
    world.clock.advance(seconds=1)
    return {
        "action_id": await proposal(world, consent),
        "credential_id": await credential(world),
        "consent_id": consent.id,
        "sign_in_id": session.sign_in.id,
        "account_id": world.accounts["oscar"].id,
        "subscription_id": CONTOSO,
        "node": "current",
    }


async def proposal(world: World, consent: Consent) -> str:
    """What olga has proposed to tina."""
    olga = await world.session("olga", "127.0.0.1")
    made = await propose_recovery(
        world.s, olga.actor, consent_id=consent.id, kind="reset_ssh", now=world.now
    )
    return made.id


async def credential(world: World) -> str:
    """A client id that acts as tina."""
    made = ClientCredential(
        id="1b9e8d2c-0000-4000-8000-00000000c1d0",
        account_id=world.accounts["tina"].id,
        label="nightly checks",
        created_by="ada",
        created_at=world.now,
        expires_at=world.now + timedelta(days=1),
    )
    async with world.store.unit() as unit:
        await unit.credentials.add(made, world.identity.new_secret()[1])
    return made.id


def filled(path: str, names: dict[str, str]) -> str:
    return path.format(**names)


def body_of(
    row: Row, world: World, name: str | None, names: dict[str, str]
) -> dict[str, Any] | None:
    if row.body is None:
        return None
    code = world.code(name) if name else None
    known = {
        "{code}": code,
        "{account}": world.accounts["tina"].id,
        "{consent}": names["consent_id"],
    }
    return {
        key: known.get(value, value) if isinstance(value, str) else value
        for key, value in row.body.items()
    }


async def test_what_is_foreign_is_answered_as_what_is_missing(call: Caller) -> None:
    consent = await call.world.consent(WEB01)
    token = await call.token("theo")
    foreign = await call("GET", f"consents/{consent.id}", token=token)
    missing = await call("GET", f"consents/{'0' * 32}", token=token)
    assert foreign.status == missing.status == 404
    assert await foreign.json() == await missing.json()


async def test_a_cookie_opens_nothing_here(call: Caller) -> None:
    """The API has no protection against forged requests, so no browser may bring a sign-in."""
    secret = await call.token("ada", kind="browser")
    answer = await call("GET", "accounts", headers={"Cookie": f"__Host-eva={secret}"})
    assert answer.status == 401


async def test_a_cookies_secret_is_no_bearer_token(call: Caller) -> None:
    secret = await call.token("ada", kind="browser")
    assert (await call("GET", "accounts", token=secret)).status == 401
