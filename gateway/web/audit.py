"""The audit log: filtered, page by page, verified, and as a table for spreadsheets."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.authenticate import authenticate_again
from gateway.actions.queries import audit_page
from gateway.actions.verify_audit import verify_audit
from gateway.edge import SERVICES
from gateway.errors import NotSignedIn, Refused
from gateway.policy.facts import Role
from gateway.store import AuditRecord
from gateway.store.audit_chain import Intact
from gateway.web.flash import see_other
from gateway.web.operator import Option
from gateway.web.rendering import page_session, render
from gateway.web.shown import Moment, State, moment

HERE: Final = "/admin/audit"
PAGE: Final = 50
EXPORT_PAGE: Final = 500
EXPORT_LIMIT: Final = 100_000
WRITE_SECONDS: Final = 10.0

OUTCOMES: Final = {"": "All", "allowed": "Allowed", "denied": "Denied"}
COLUMNS: Final = (
    "seq",
    "at",
    "actor",
    "role",
    "address",
    "action",
    "target",
    "outcome",
    "code",
    "reason",
    "details",
    "hash",
)

# Eighteen digits fit into every database's integers.
_SEQ: Final = re.compile(r"[0-9]{1,18}")

# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def routes() -> list[web.RouteDef]:
    return [
        web.get(HERE, show),
        web.get(HERE + ".csv", export),
        web.post(HERE + "/verify", verify),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    seq: int
    at: Moment | None
    actor: str
    role: str
    address: str
    action: str
    target: str
    outcome: State
    reason: str
    details: list[tuple[str, str]]
    hash: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for."""

    actor: str
    action: str
    outcome: str
    target: str
    before: int | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        before = query.get("before", "")
        return cls(
            actor=query.get("actor", "").strip(),
            action=query.get("action", "").strip(),
            outcome=query["outcome"] if query.get("outcome") in OUTCOMES else "",
            target=query.get("target", "").strip(),
            before=int(before) if _SEQ.fullmatch(before) else None,
        )

    @property
    def filters(self) -> dict[str, str]:
        """The fields that records must match."""
        asked = {
            "action": self.action,
            "actor": self.actor,
            "outcome": self.outcome,
            "target": self.target,
        }
        return {field: value for field, value in asked.items() if value}

    @property
    def outcomes(self) -> list[Option]:
        return [Option(value, label, value == self.outcome) for value, label in OUTCOMES.items()]

    @property
    def active(self) -> bool:
        return bool(self.filters)

    def href(self, page: str, before: int | None = None) -> str:
        query = self.filters if before is None else {**self.filters, "before": str(before)}
        kept = urlencode(query)
        return f"{page}?{kept}" if kept else page


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    wanted = Wanted.of(request.query)
    # One more than is shown tells whether there is an older page.
    found = await audit_page(
        services, actor, before=wanted.before, limit=PAGE + 1, filters=wanted.filters
    )
    shown = found[:PAGE]
    return await render(
        request,
        "pages/admin/audit.html",
        filter=wanted,
        rows=[_row(record) for record in shown],
        newest_href=wanted.href(HERE) if wanted.before is not None else "",
        older_href=wanted.href(HERE, shown[-1].seq) if PAGE < len(found) else "",
        csv_href=wanted.href(f"{HERE}.csv"),
    )


async def verify(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    verdict = await verify_audit(services, actor, now=services.clock())
    if isinstance(verdict, Intact):
        text = (
            f"The audit log is intact: {verdict.count} records, each the one that was written. "
            f"Head {verdict.head[:16]}…"
        )
        return see_other(request, HERE, text)
    text = f"The audit log was tampered with, from record {verdict.seq} on: {verdict.why}."
    return see_other(request, HERE, text, "wrong")


async def export(request: web.Request) -> web.StreamResponse:
    """The records that match, newest first, streamed page by page."""
    services = request.app[SERVICES]
    session = await page_session(request, Role.ADMIN)
    wanted = Wanted.of(request.query)
    found = await audit_page(services, session.actor, limit=EXPORT_PAGE, filters=wanted.filters)
    name = f"audit-{services.node}-{services.clock():%Y%m%dT%H%M%SZ}.csv"
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    await response.prepare(request)
    try:
        await _write(response, csv_lines([COLUMNS]))
        written = 0
        while found and written < EXPORT_LIMIT:
            await _write(response, csv_lines(_cells(record) for record in found))
            written += len(found)
            # Who reads slowly is judged again: the sign-in or the role may be gone meanwhile.
            session = await authenticate_again(services, session, now=services.clock())
            found = await audit_page(
                services,
                session.actor,
                before=found[-1].seq,
                limit=EXPORT_PAGE,
                filters=wanted.filters,
            )
        await response.write_eof()
    except (NotSignedIn, Refused, TimeoutError):
        # Cut off, so that no browser takes what it has for the whole table.
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, lines: bytes) -> None:
    """Raises: TimeoutError where the reader takes nothing for `WRITE_SECONDS`."""
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(lines)


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """RFC 4180, with every cell made harmless for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _cells(record: AuditRecord) -> list[str]:
    return [str(getattr(record, column)) for column in COLUMNS]


def _row(record: AuditRecord) -> Row:
    denied = record.outcome == "denied"
    text = f"Denied: {record.code}" if denied and record.code else record.outcome.capitalize()
    return Row(
        seq=record.seq,
        at=_moment(record.moment),
        actor=record.actor,
        role=record.role,
        address=record.address,
        action=record.action,
        target=record.target,
        outcome=State("wrong" if denied else "live", text),
        reason=record.reason,
        details=[(name, str(value)) for name, value in record.facts.items()],
        hash=record.hash,
    )


def _moment(at: datetime | None) -> Moment | None:
    return moment(at) if at is not None and at.tzinfo is not None else None
