"""Accounts: who may take part. An admin's business."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.accounts import (
    NewAccount,
    create_account,
    disable_account,
    enable_account,
    issue_setup_link,
)
from gateway.actions.queries import list_accounts
from gateway.actions.services import Services
from gateway.api import shapes
from gateway.api.answers import Json, of_account
from gateway.api.bodies import Body, body_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES
from gateway.errors import InvalidInput
from gateway.policy.facts import Role


class AccountBody(Body):
    name: str = Field(max_length=256)
    role: str = Field(max_length=32)
    subscriptions: list[str] = Field(default=[], max_length=1000)


class AccountChange(Body):
    disabled: bool


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/accounts", show_all),
        web.post("/api/v1/accounts", create),
        web.patch("/api/v1/accounts/{account_id}", change),
        web.post("/api/v1/accounts/{account_id}/set-up-links", invite),
    ]


@described("Every account", shapes.Accounts)
async def show_all(request: web.Request) -> web.Response:
    session = await bearer(request)
    found = await list_accounts(request.app[SERVICES], session.actor)
    return answer({"accounts": [of_account(account) for account in found]})


@described("Make an account", {HTTPStatus.CREATED: shapes.InvitedAccount}, body=AccountBody)
async def create(request: web.Request) -> web.Response:
    """An account that can do nothing until its person followed the set-up link."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, AccountBody)
    created = await create_account(
        services,
        session.actor,
        name=body.name,
        role=_role(body.role),
        subscriptions=body.subscriptions,
        now=services.clock(),
    )
    return answer(_with_link(services, created), HTTPStatus.CREATED)


@described("Lock or unlock an account", shapes.Account, body=AccountChange)
async def change(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, AccountChange)
    act = disable_account if body.disabled else enable_account
    account_id = request.match_info["account_id"]
    account = await act(services, session.actor, account_id, now=services.clock())
    return answer(of_account(account))


@described("Make a new set-up link", {HTTPStatus.CREATED: shapes.InvitedAccount})
async def invite(request: web.Request) -> web.Response:
    """A new set-up link; older ones stop working."""
    session = await bearer(request)
    services = request.app[SERVICES]
    account_id = request.match_info["account_id"]
    invited = await issue_setup_link(services, session.actor, account_id, now=services.clock())
    return answer(_with_link(services, invited), HTTPStatus.CREATED)


def _with_link(services: Services, created: NewAccount) -> Json:
    # The secret rides in the fragment, which browsers send to nobody.
    link = f"{services.public_base}/set-up#{created.secret}"
    return of_account(created.account) | {"set_up_link": link}


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise InvalidInput("role", f"it must be one of {known}") from None
