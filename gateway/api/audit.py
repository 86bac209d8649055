"""The audit log, a page at a time, and whether it is what was written. An admin's business."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from gateway.actions.queries import audit_page
from gateway.actions.verify_audit import verify_audit
from gateway.api import shapes
from gateway.api.answers import of_audit_record
from gateway.api.bodies import Query, query_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES
from gateway.store.audit_chain import Broken


class AuditQuery(Query):
    before: int | None = Field(None, ge=1, lt=10**18)  # records with a smaller `seq`
    limit: int = Field(100, ge=1, le=1000)
    action: str | None = Field(None, max_length=64)
    actor: str | None = Field(None, max_length=512)
    target: str | None = Field(None, max_length=512)
    outcome: Literal["allowed", "denied"] | None = None


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/audit", show),
        web.get("/api/v1/audit/verification", verify),
    ]


@described("A page of the audit log, newest first", shapes.AuditPage, query=AuditQuery)
async def show(request: web.Request) -> web.Response:
    """Newest first; `next` is the `before` of the following page, or null."""
    session = await bearer(request)
    query = query_of(request, AuditQuery)
    filters = query.model_dump(include={"action", "actor", "target", "outcome"}, exclude_none=True)
    records = await audit_page(
        request.app[SERVICES],
        session.actor,
        before=query.before,
        limit=query.limit,
        filters=filters,
    )
    following = records[-1].seq if len(records) == query.limit else None
    return answer({"records": [of_audit_record(r) for r in records], "next": following})


@described("Verify the audit log's chain", shapes.Verification)
async def verify(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    result = await verify_audit(services, session.actor, now=services.clock())
    if isinstance(result, Broken):
        return answer({"intact": False, "seq": result.seq, "why": result.why})
    return answer({"intact": True, "count": result.count, "head": result.head})
