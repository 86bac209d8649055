"""One recovery: how it stands, its steps, its result in words; live while it goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from gateway.actions.authenticate import Session, authenticate_again
from gateway.actions.recover import RecoveryView, cancel_recovery, see_recovery
from gateway.actions.services import Services
from gateway.bus import RecoveryChanged
from gateway.edge import SERVICES, session_of
from gateway.errors import NotFound, NotSignedIn, StoreUnavailable
from gateway.policy.facts import Role
from gateway.policy.recovery import ActionState
from gateway.recovery.handlers import GuestOs, handler_for
from gateway.recovery.kinds import needs_user
from gateway.store import RecoveryAction
from gateway.web.console_events import CLOSING, RETRY, SEND_SECONDS
from gateway.web.flash import see_other
from gateway.web.recovery_lines import Link, machine_behind, told_of
from gateway.web.recovery_words import is_over, kind_of, label, lasting
from gateway.web.rendering import HOME, page_session, render
from gateway.web.shown import Moment, milliseconds, moment

LOOK_EVERY: Final = 2.0  # seconds between looks, where no fact tells of a change


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over an action's own message."""

    text: str
    look: str


# What the panel with the action's own message is headed, and whether it is bad news.
MESSAGES: Final = {
    ActionState.DONE: Heading("What the agent said", ""),
    ActionState.FAILED: Heading("What went wrong", "result--wrong"),
    ActionState.UNKNOWN: Heading("What is known", "result--wrong"),
    ActionState.CANCELLED: Heading("Why", ""),
    ActionState.DECLINED: Heading("Why", ""),
}

STEP_WORDS: Final = {
    "waiting": ("later", "not yet"),
    "running": ("now", "now"),
    "done": ("done", "done"),
    "failed": ("failed", "failed"),
    "skipped": ("skipped", "left out"),
    "unknown": ("failed", "nobody knows"),
}
# Proposals of which the tenant chose no account, or not yet.
UNDECIDED: Final = {ActionState.PROPOSED, ActionState.DECLINED, ActionState.CANCELLED}
NOT_KEPT: Final = "Not kept, like the password. The agent’s log may name it."
WAYS: Final = {
    "arm": "by a program, through the Azure Resource Manager API",
    "page": "on these pages",
    "proposal": "as a proposal",
}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/recoveries/{action_id}", show),
        web.get("/recoveries/{action_id}/events", events),
        web.post("/recoveries/{action_id}/cancel", cancel),
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """A step as its list item shows it; `note` may be the guest's own text."""

    title: str
    state: str
    word: str
    note: str


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long it is under way: words, and milliseconds by the gateway's clock; or nothing."""

    text: str
    since: int | None
    now: int


@dataclass(frozen=True, slots=True)
class Message:
    """An action's own message, which may be a guest's text, and its code."""

    heading: str
    look: str
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str = ""
    at: Moment | None = None
    mono: bool = False


@dataclass(frozen=True, slots=True)
class ActLink:
    """Something to press: a form where it changes something, else a link."""

    href: str
    label: str
    look: str = ""
    post: bool = False


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request)
    view = await _see(services, session, request)
    action, role = view.action, session.actor.role
    title = label(kind_of(action.kind))
    vm = machine_behind(services, action)
    return await render(
        request,
        "pages/recovery.html",
        title=f"{title} on {vm.name}",
        label=title,
        vm=vm,
        told=told_of(services, view),
        lasting=_lasting(services, action),
        live="" if is_over(action.state) else f"/recoveries/{action.id}/events",
        here=f"/recoveries/{action.id}",
        version=_version(view),
        message=_message(action, role),
        # An operator learns that it runs or how it ended; steps and advice are the tenant's.
        next_step="" if role is Role.CLOUDADMIN else view.next_step,
        steps=() if role is Role.CLOUDADMIN else _steps(view),
        acts=_acts(view),
        facts=_facts(view, role),
        back=Link("/recoveries", "All recoveries"),
        links=_links(action, role),
    )


async def cancel(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request)
    action_id = request.match_info["action_id"]
    action = await cancel_recovery(services, session.actor, action_id, now=services.clock())
    return see_other(request, f"/recoveries/{action.id}", "It was cancelled. Nothing was sent.")


async def events(request: web.Request) -> web.StreamResponse:
    """The line that says how it stands, whenever that changed; the last one after its end."""
    services = request.app[SERVICES]
    session = await session_of(request, touch=False)
    await _see(services, session, request)
    response = EventSourceResponse(send_timeout=SEND_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    await response.prepare(request)
    async with response:
        async for told in _tellings(request, session):
            try:
                await response.send(json.dumps(told), event="view", retry=RETRY)
            except (ConnectionError, TimeoutError):
                break
    return response


async def _tellings(request: web.Request, session: Session) -> AsyncIterator[dict[str, Any]]:
    services, closing = request.app[SERVICES], request.app[CLOSING]
    changed = asyncio.Event()
    wanted = request.match_info["action_id"]

    def hear(fact: RecoveryChanged) -> None:
        if fact.action_id == wanted:
            changed.set()

    leave = services.bus.subscribe(RecoveryChanged, hear)
    try:
        version = ""
        while not closing.is_set():
            changed.clear()
            try:
                await authenticate_again(services, session, now=services.clock())
                view = await _see(services, session, request)
            except (NotSignedIn, NotFound):
                return
            except StoreUnavailable:
                view = None
            if view is not None and version != (version := _version(view)):
                yield _telling(services, view)
            if view is not None and is_over(view.action.state):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await changed.wait()
    finally:
        leave()


async def _see(services: Services, session: Session, request: web.Request) -> RecoveryView:
    action_id = request.match_info["action_id"]
    return await see_recovery(services, session.actor, action_id, now=services.clock())


def _telling(services: Services, view: RecoveryView) -> dict[str, Any]:
    told, lasting_ = told_of(services, view), _lasting(services, view.action)
    return {
        "text": told.text,
        "tone": told.tone,
        "since": lasting_.since,
        "now": lasting_.now,
        "version": _version(view),
        "over": is_over(view.action.state),
    }


def _version(view: RecoveryView) -> str:
    """Differs whenever the page would."""
    return "-".join([view.action.state.value, *(step.state[:2] for step in view.steps)])


def _lasting(services: Services, action: RecoveryAction) -> Lasting:
    now = services.clock()
    begun = action.sent_at if action.state is ActionState.SENT else None
    if action.state is ActionState.REQUESTED:
        begun = action.requested_at
    if begun is None:
        return Lasting("", None, milliseconds(now))
    return Lasting(lasting(now - begun), milliseconds(begun), milliseconds(now))


def _steps(view: RecoveryView) -> list[Step]:
    """What waits before a step that was begun will not be asked any more."""
    begun = [number for number, step in enumerate(view.steps) if step.began_at is not None]
    last = max(begun, default=-1)
    steps = []
    for number, step in enumerate(view.steps):
        passed_over = step.state == "waiting" and number < last
        state, word = STEP_WORDS["skipped" if passed_over else step.state]
        # What the whole failed with stands above the steps already.
        note = step.message if step.message != view.action.message else ""
        steps.append(Step(step.title, state, word, note))
    return steps


def _message(action: RecoveryAction, role: Role) -> Message | None:
    """An operator is not given the handler’s words about success: they may name the account."""
    heading = MESSAGES.get(action.state)
    operator = role is Role.CLOUDADMIN
    if heading is None or not action.message:
        return None
    if operator and action.state is ActionState.DONE:
        return None
    failed = action.state in {ActionState.FAILED, ActionState.UNKNOWN}
    code = action.error_code or "" if failed and not operator else ""
    return Message(heading.text, heading.look, action.message, code)


def _acts(view: RecoveryView) -> list[ActLink]:
    href = f"/recoveries/{view.action.id}"
    acts = []
    if view.may_decide:
        acts.append(ActLink(f"{href}/approve", "Read and approve", "button--main"))
        acts.append(ActLink(f"{href}/decline", "Decline", "button--danger", post=True))
    elif view.may_cancel:
        acts.append(ActLink(f"{href}/cancel", "Cancel it", "button--danger", post=True))
    return acts


def _facts(view: RecoveryView, role: Role) -> list[Fact]:
    action = view.action
    proposed = action.origin == "proposal"
    facts = [
        Fact("Machine", action.resource_id, mono=True),
        Fact(
            "Proposed" if proposed else "Asked",
            f"by {action.requested_by}, {WAYS[action.origin]}",
            moment(action.requested_at),
        ),
        Fact("Note", action.note),
        Fact("Decided", f"by {action.decided_by}" if action.decided_by else ""),
        Fact("Account", _account(view, role)),
        Fact("Sent", at=moment(action.sent_at) if action.sent_at else None),
        Fact("Ended", at=moment(action.ended_at) if action.ended_at else None),
    ]
    if not proposed or role is not Role.CLOUDADMIN:
        facts.append(Fact("Extension", f"{action.extension_name} ({action.handler})", mono=True))
    return [fact for fact in facts if fact.value or fact.at]


def _account(view: RecoveryView, role: Role) -> str:
    """The account, for those who may know it; for Linux it is a secret like the password."""
    action = view.action
    undecided = action.origin == "proposal" and action.state in UNDECIDED
    if view.account or undecided or role is Role.CLOUDADMIN:
        return view.account or ""
    linux = action.handler == handler_for(GuestOs.LINUX).full_name
    return NOT_KEPT if linux and needs_user(kind_of(action.kind)) else ""


def _links(action: RecoveryAction, role: Role) -> list[Link]:
    if role is Role.CLOUDADMIN:
        return [Link(f"/consoles/{action.consent_id}", "Console"), Link(HOME[role], "Queue")]
    query = urlencode({"vm": action.resource_id})
    links = [Link(f"/recoveries/log?{query}", "Agent logs")]
    if role is Role.TENANT and is_over(action.state):
        links.insert(0, Link(f"/recoveries/new?{query}", "Recover access again"))
    return links
