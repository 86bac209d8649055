"""Accounts: creating one shows its set-up link, once; locking one asks first."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from gateway.actions.accounts import (
    NewAccount,
    create_account,
    disable_account,
    enable_account,
    issue_setup_link,
)
from gateway.actions.queries import list_accounts
from gateway.edge import SERVICES, read_form
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.policy.facts import Role
from gateway.store.accounts import Account
from gateway.web.endings import Ask
from gateway.web.flash import see_other
from gateway.web.rendering import page_session, render
from gateway.web.shown import ROLE_NAMES, Moment, State, moment, sentence

HERE = "/admin/accounts"


def routes() -> list[web.RouteDef]:
    return [
        web.get(HERE, show),
        web.post(HERE, create),
        web.post(HERE + "/{account_id}/set-up-link", invite),
        web.get(HERE + "/{account_id}/disable", ask),
        web.post(HERE + "/{account_id}/disable", disable),
        web.post(HERE + "/{account_id}/enable", enable),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    name: str
    role: str
    subscriptions: list[str]
    state: State
    created: Moment
    disabled: bool
    own: bool


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


async def show(request: web.Request) -> web.Response:
    return await _page(request, {})


async def create(request: web.Request) -> web.Response:
    """Answers with the link itself: it is said once, and a redirect would have to carry it."""
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    form = await read_form(request)
    try:
        made = await create_account(
            services,
            actor,
            name=form.get("name", "").strip(),
            role=_role(form.get("role", "")),
            subscriptions=form.get("subscriptions", "").replace(",", " ").split(),
            now=services.clock(),
        )
    except (InvalidInput, Conflict) as error:
        return await _page(request, form, sentence(str(error)))
    return await _link_page(request, made)


async def invite(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    account_id = request.match_info["account_id"]
    made = await issue_setup_link(services, actor, account_id, now=services.clock())
    return await _link_page(request, made)


async def ask(request: web.Request) -> web.Response:
    account = await _account(request)
    question = Ask(
        heading=f"Lock the account {account.name}?",
        text="Every sign-in of it ends now, and with it every console that it has open. "
        "Consents that it gave stay. You can unlock it later.",
        button="Lock account",
        action=f"{HERE}/{account.id}/disable",
        cancel=HERE,
    )
    return await render(request, "pages/confirm.html", ask=question)


async def disable(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    account = await disable_account(
        services, actor, request.match_info["account_id"], now=services.clock()
    )
    return see_other(request, HERE, f"{account.name} is locked. Its sign-ins have ended.")


async def enable(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    account = await enable_account(
        services, actor, request.match_info["account_id"], now=services.clock()
    )
    return see_other(request, HERE, f"{account.name} may sign in again.")


async def _account(request: web.Request) -> Account:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    for account in await list_accounts(services, actor):
        if account.id == request.match_info["account_id"]:
            return account
    raise NotFound("there is no such account")


async def _link_page(request: web.Request, made: NewAccount) -> web.Response:
    return await render(
        request,
        "pages/admin/account_link.html",
        name=made.account.name,
        link=f"{request.app[SERVICES].public_base}/set-up#{made.secret}",
    )


async def _page(
    request: web.Request, form: dict[str, str], problem: str | None = None
) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    found = await list_accounts(services, actor)
    return await render(
        request,
        "pages/admin/accounts.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        rows=[_row(account, own=account.id == actor.account_id) for account in found],
        roles=[
            Choice(role.value, label.capitalize(), role.value == form.get("role"))
            for role, label in ROLE_NAMES.items()
        ],
        name=form.get("name", ""),
        subscriptions=form.get("subscriptions", ""),
        problem=problem,
    )


def _row(account: Account, *, own: bool) -> Row:
    return Row(
        id=account.id,
        name=account.name,
        role=ROLE_NAMES[account.role],
        subscriptions=sorted(account.subscriptions),
        state=_state(account),
        created=moment(account.created_at),
        disabled=account.disabled,
        own=own,
    )


def _state(account: Account) -> State:
    if account.disabled:
        return State("wrong", "Locked")
    if account.password_hash is None:
        return State("waiting", "Not set up yet")
    return State("live", "In use")


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise InvalidInput("role", "choose one of the list") from None
