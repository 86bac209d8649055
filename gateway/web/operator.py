"""The operator's queue, and asking a tenant for access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.queries import list_consents, own_grant
from gateway.actions.services import Services
from gateway.edge import SERVICES
from gateway.errors import NotFound
from gateway.policy.facts import Consent, Role, Vm
from gateway.web.live import view_of
from gateway.web.rendering import page_session, render
from gateway.web.shown import (
    Left,
    Machine,
    State,
    console_state,
    isolated,
    left,
    machine,
    machine_of,
)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/operator", queue),
        web.get("/operator/requests/new", choose),
        web.get("/operator/requests", wait),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """A consent in the queue."""

    id: str
    vm: Machine
    tenant: str
    reason: str
    left: Left
    state: State
    open_href: str
    open_label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A head that sorts by its column; `sorted` is aria-sort's word, or nothing."""

    label: str
    href: str
    sorted: str
    arrow: str


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address asks for."""

    q: str
    state: str
    sort: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        sort = query.get("sort", DEFAULT_SORT)
        known = sort.removeprefix("-") in SORTS
        return cls(
            query.get("q", "").strip(), query.get("state", ""), sort if known else DEFAULT_SORT
        )

    @property
    def active(self) -> bool:
        return bool(self.q or self.state)

    @property
    def states(self) -> list[Option]:
        return [Option(value, label, value == self.state) for value, label in STATES.items()]

    def keeps(self, row: Row) -> bool:
        text = f"{row.vm.name} {row.vm.note} {row.tenant} {row.reason}".casefold()
        return self.q.casefold() in text and self.state in {"", row.state.kind}

    def sorted(self, rows: list[Row]) -> list[Row]:
        by = SORTS[self.sort.removeprefix("-")][1]
        return sorted((row for row in rows if self.keeps(row)), key=by, reverse=self.sort[0] == "-")

    def columns(self) -> list[Column]:
        return [self._column(key, label) for key, (label, _) in SORTS.items()]

    def _column(self, key: str, label: str) -> Column:
        query = {"q": self.q, "state": self.state, "sort": f"-{key}" if self.sort == key else key}
        href = "/operator?" + urlencode({name: value for name, value in query.items() if value})
        if self.sort == key:
            return Column(label, href, "ascending", "↑")
        return Column(label, href, *(("descending", "↓") if self.sort == f"-{key}" else ("", "")))


DEFAULT_SORT: Final = "left"
STATES: Final = {"": "All", "waiting": "Waiting", "live": "Live", "wrong": "In trouble"}
SORTS: Final[dict[str, tuple[str, Callable[[Row], Any]]]] = {
    "vm": ("VM", lambda row: row.vm.name.casefold()),
    "tenant": ("Tenant", lambda row: row.tenant.casefold()),
    "reason": ("Reason", lambda row: row.reason.casefold()),
    "left": ("Time left", lambda row: row.left.ends_at),
    "state": ("State", lambda row: row.state.text),
}


@dataclass(frozen=True, slots=True)
class Empty:
    """What an empty queue says and offers."""

    heading: str
    text: str
    href: str
    action: str


NOBODY_ASKS: Final = Empty(
    "Nobody asks for help right now",
    "A tenant has to allow console access before a machine appears here; this page then shows it "
    "by itself. If one called you, send them a request.",
    "/operator/requests/new",
    "Ask a tenant for access",
)
NOTHING_MATCHES: Final = Empty(
    "Nothing matches",
    "There are machines in the queue, but none with that text and state.",
    "/operator",
    "Show all",
)


async def queue(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request, Role.CLOUDADMIN)
    consents = await list_consents(services, session.actor, now=services.clock())
    wanted = Filter.of(request.query)
    rows = [await _row(services, session, consent) for consent in consents]
    return await render(
        request,
        "pages/operator.html",
        filter=wanted,
        columns=wanted.columns(),
        rows=wanted.sorted(rows),
        empty=NOTHING_MATCHES if rows else NOBODY_ASKS,
    )


async def _row(services: Services, session: Session, consent: Consent) -> Row:
    now = services.clock()
    mine = await own_grant(services, session.actor, consent.id, now=now)
    return Row(
        id=consent.id,
        vm=machine_of(consent, services.vm(consent.resource_id)),
        tenant=consent.tenant,
        reason=consent.reason,
        left=left(consent.expires_at, now),
        state=console_state(view_of(services, consent.id)),
        open_href=f"/consoles/{consent.id}" if mine else f"/consents/{consent.id}/open",
        open_label="Back to console" if mine else "Open console",
    )


async def choose(request: web.Request) -> web.Response:
    await page_session(request, Role.CLOUDADMIN)
    machines = [machine(vm) for vm in _machines(request.app[SERVICES])]
    return await render(request, "pages/request.html", machines=machines)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the tenant has allowed it yet."""

    look: str
    heading: str
    text: str
    open_href: str
    leave: str


async def wait(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request, Role.CLOUDADMIN)
    vm = services.vm(request.query.get("vm", ""))
    if vm is None or vm.node != services.node:
        raise NotFound("there is no such machine on this node")
    consents = await list_consents(services, session.actor, now=services.clock())
    consent = next((one for one in consents if one.vm_key == vm.key), None)
    return await render(
        request,
        "pages/waiting.html",
        vm=machine(vm),
        answer=_allowed(vm, consent) if consent else _waiting(vm),
        request_text=_request_text(services, vm),
    )


def _machines(services: Services) -> list[Vm]:
    ours = (known.vm for known in services.inventory.machines())
    return sorted((vm for vm in ours if vm.node == services.node), key=lambda vm: vm.name)


def _waiting(vm: Vm) -> Answer:
    return Answer(
        look="running--waiting",
        heading=f"Waiting for access to {isolated(vm.name)}",
        text=f"Waiting for the tenant to allow console access to {isolated(vm.name)}. "
        "Nothing is connected yet.",
        open_href="",
        leave="Cancel",
    )


def _allowed(vm: Vm, consent: Consent) -> Answer:
    return Answer(
        look="",
        heading=f"{isolated(consent.tenant)} allows access to {isolated(vm.name)}",
        text="Open the console and confirm that it is you.",
        open_href=f"/consents/{consent.id}/open",
        leave="To the queue",
    )


def _request_text(services: Services, vm: Vm) -> str:
    page = f"{services.public_base}/tenant/consents/new?vm={quote(vm.resource_id, safe='')}"
    return (
        f"To help you with {vm.name}, I need your permission to use its console.\n\n"
        f"1. Open {page}\n"
        "2. Sign in, read what you allow, and say what is wrong.\n"
        "3. Press “Allow access for 8 hours”.\n\n"
        f"Node: {vm.node}\nMachine: {vm.resource_id}\n\n"
        "You can watch everything I do, and end it at any moment."
    )
