"""What was asked of guests: of one machine or all, filtered and sorted by the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.recover import RecoveryView, list_recoveries
from gateway.actions.services import Services
from gateway.edge import SERVICES
from gateway.policy.facts import Role
from gateway.policy.recovery import ActionState
from gateway.recovery.kinds import ActionKind
from gateway.web.operator import Column, Empty, Option
from gateway.web.recovery_lines import Link, machine_behind
from gateway.web.recovery_words import STATES, kind_of, label
from gateway.web.rendering import page_session, render
from gateway.web.shown import Machine, Moment, State, moment

HERE: Final = "/recoveries"
PAGE: Final = 100


def routes() -> list[web.RouteDef]:
    return [web.get(HERE, show)]


@dataclass(frozen=True, slots=True)
class Row:
    """One recovery in the table."""

    label: str
    vm: Machine
    state: State
    asked: Moment
    asked_at: datetime
    by: str
    way: str
    ended: Moment | None
    ended_at: datetime | None
    href: str
    action: str
    kind: str
    word: str


SORTS: Final[dict[str, tuple[str, Callable[[Row], Any]]]] = {
    "what": ("What", lambda row: row.label.casefold()),
    "vm": ("Machine", lambda row: row.vm.name.casefold()),
    "state": ("State", lambda row: row.state.text),
    "asked": ("Asked", lambda row: row.asked_at),
    "ended": ("Ended", lambda row: row.ended_at or datetime.max.replace(tzinfo=UTC)),
}
NEWEST: Final = "-asked"

ABOUT: Final = {
    Role.TENANT: "What you, your programs and operators had done inside your machines, or want to.",
    Role.CLOUDADMIN: "What you and other operators proposed, and what tenants had done under their "
    "consents. Accounts, passwords and details stay with the tenant.",
    Role.ADMIN: "Everything that was asked of guests, through pages and programs alike.",
}
NOTHING: Final = {
    Role.TENANT: Empty(
        "Nothing was done yet",
        "Locked out of a machine? Choose it, and have its password, Remote Desktop or SSH reset.",
        "/tenant",
        "Choose a machine",
    ),
    Role.CLOUDADMIN: Empty(
        "Nothing is proposed",
        "While a tenant allows console access you can propose a recovery, from the queue or from "
        "the console. The tenant decides.",
        "/operator",
        "To the queue",
    ),
    Role.ADMIN: Empty("Nothing was asked of any guest yet", "It appears here by itself.", "", ""),
}
NO_MATCH: Final = Empty(
    "Nothing matches", "There are recoveries, but none like that.", HERE, "Show all"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for."""

    q: str
    kind: str
    state: str
    vm: str
    sort: str
    before: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        sort = query.get("sort", NEWEST)
        return cls(
            q=query.get("q", "").strip(),
            kind=query.get("kind", ""),
            state=query.get("state", ""),
            vm=query.get("vm", ""),
            sort=sort if sort.removeprefix("-") in SORTS else NEWEST,
            before=query.get("before", ""),
        )

    @property
    def active(self) -> bool:
        return bool(self.q or self.kind or self.state or self.vm)

    @property
    def kinds(self) -> list[Option]:
        known = [(kind.value, label(kind)) for kind in ActionKind if kind is not ActionKind.NOTHING]
        return [Option(word, text, word == self.kind) for word, text in [("", "All"), *known]]

    @property
    def states(self) -> list[Option]:
        known = [(state.value, STATES[state].text) for state in ActionState]
        return [Option(word, text, word == self.state) for word, text in [("", "All"), *known]]

    def keeps(self, row: Row) -> bool:
        text = f"{row.vm.name} {row.vm.group} {row.by} {row.label}".casefold()
        wanted = self.kind in {"", row.kind} and self.state in {"", row.word}
        return wanted and self.q.casefold() in text

    def sorted(self, rows: list[Row]) -> list[Row]:
        by = SORTS[self.sort.removeprefix("-")][1]
        return sorted((row for row in rows if self.keeps(row)), key=by, reverse=self.sort[0] == "-")

    def columns(self) -> list[Column]:
        return [self._column(key, head) for key, (head, _) in SORTS.items()]

    def href(self, **changes: str) -> str:
        asked = {"q": self.q, "kind": self.kind, "state": self.state, "vm": self.vm}
        kept = {**asked, "sort": self.sort, **changes}
        return f"{HERE}?{urlencode({name: value for name, value in kept.items() if value})}"

    def _column(self, key: str, head: str) -> Column:
        href = self.href(sort=f"-{key}" if self.sort == key else key)
        if self.sort == key:
            return Column(head, href, "ascending", "↑")
        return Column(head, href, *(("descending", "↓") if self.sort == f"-{key}" else ("", "")))


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request)).actor
    wanted = Wanted.of(request.query)
    found = await list_recoveries(
        services,
        actor,
        resource_id=wanted.vm or None,
        limit=PAGE + 1,
        before=wanted.before or None,
        now=services.clock(),
    )
    rows = [_row(services, view) for view in found[:PAGE]]
    return await render(
        request,
        "pages/recoveries.html",
        filter=wanted,
        vm=rows[0].vm if wanted.vm and rows else None,
        about=ABOUT[actor.role],
        columns=wanted.columns(),
        rows=wanted.sorted(rows),
        empty=NO_MATCH if wanted.active or wanted.before else NOTHING[actor.role],
        links=_links(wanted, actor.role),
        newest_href=wanted.href() if wanted.before else "",
        older_href=wanted.href(before=found[PAGE - 1].action.id) if PAGE < len(found) else "",
    )


def _links(wanted: Wanted, role: Role) -> list[Link]:
    """What else there is about the one machine that is asked for."""
    if not wanted.vm or role is Role.CLOUDADMIN:
        return []
    query = urlencode({"vm": wanted.vm})
    links = [Link(f"/recoveries/log?{query}", "Agent logs")]
    return (
        [Link(f"/recoveries/new?{query}", "Recover access"), *links]
        if (role is Role.TENANT)
        else links
    )


def _row(services: Services, view: RecoveryView) -> Row:
    action = view.action
    kind = kind_of(action.kind)
    ways = {"arm": ", by a program", "proposal": ", proposed"}
    return Row(
        label=label(kind),
        vm=machine_behind(services, action),
        state=STATES[action.state],
        asked=moment(action.requested_at),
        asked_at=action.requested_at,
        by=action.requested_by,
        way=ways.get(action.origin, ""),
        ended=moment(action.ended_at) if action.ended_at else None,
        ended_at=action.ended_at,
        href=f"{HERE}/{action.id}/approve" if view.may_decide else f"{HERE}/{action.id}",
        action="Answer" if view.may_decide else "Look",
        kind=kind.value,
        word=action.state.value,
    )
