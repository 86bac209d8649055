"""Recoveries: what is done inside a VM through its guest agent, without an ARM client.

A tenant starts one, or an operator proposes it and the tenant approves. What is set (a password, a
key) is taken and never given back.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.recover import (
    RecoveryView,
    agent_log,
    approve_proposal,
    cancel_recovery,
    decline_proposal,
    list_recoveries,
    propose_recovery,
    see_recovery,
    start_recovery,
)
from gateway.actions.steps import StepRecord
from gateway.api import shapes
from gateway.api.answers import moment
from gateway.api.bodies import Body, Query, body_of, query_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES

MAX_RESOURCE_ID = 1024
MAX_TEXT = 1000
MAX_SECRET = 16 * 1024
MAX_ID = 64


class Chosen(Body):
    """What a kind of recovery needs: not every kind needs all of it."""

    user: str = Field("", max_length=MAX_TEXT)
    password: str = Field("", max_length=MAX_SECRET)
    ssh_key: str = Field("", max_length=MAX_SECRET)
    disk_name: str = Field("", max_length=MAX_TEXT)


class RecoveryBody(Chosen):
    resource_id: str = Field(max_length=MAX_RESOURCE_ID)
    kind: str = Field(max_length=MAX_ID)
    consent_id: str | None = Field(None, max_length=MAX_ID)


class ProposalBody(Body):
    consent_id: str = Field(max_length=MAX_ID)
    kind: str = Field(max_length=MAX_ID)
    note: str = Field("", max_length=MAX_TEXT)


class DeclineBody(Body):
    reason: str = Field("", max_length=MAX_TEXT)


class RecoveriesQuery(Query):
    resource_id: str | None = Field(None, max_length=MAX_RESOURCE_ID)
    consent_id: str | None = Field(None, max_length=MAX_ID)
    limit: int = Field(100, ge=1, le=1000)
    before: str | None = Field(None, max_length=MAX_ID)


class LogQuery(Query):
    resource_id: str = Field(max_length=MAX_RESOURCE_ID)
    file: str | None = Field(None, max_length=MAX_ID)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/recoveries", show_all),
        web.post("/api/v1/recoveries", start),
        web.post("/api/v1/recoveries/proposals", propose),
        web.get("/api/v1/recoveries/{action_id}", show),
        web.post("/api/v1/recoveries/{action_id}/approval", approve),
        web.post("/api/v1/recoveries/{action_id}/refusal", decline),
        web.delete("/api/v1/recoveries/{action_id}", cancel),
        web.get("/api/v1/agent-logs", show_log),
    ]


@described("The recoveries that one may see", shapes.Recoveries, query=RecoveriesQuery)
async def show_all(request: web.Request) -> web.Response:
    """Newest first; `before` is the id of the last one of the page before."""
    session = await bearer(request)
    services = request.app[SERVICES]
    query = query_of(request, RecoveriesQuery)
    found = await list_recoveries(
        services,
        session.actor,
        resource_id=query.resource_id,
        consent_id=query.consent_id,
        limit=query.limit,
        before=query.before,
        now=services.clock(),
    )
    return answer({"recoveries": [of_recovery(view) for view in found]})


@described("Have something done in a VM", {HTTPStatus.ACCEPTED: shapes.Recovery}, body=RecoveryBody)
async def start(request: web.Request) -> web.Response:
    """The same request again, while the first is under way, is answered with the first."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, RecoveryBody)
    begun = await start_recovery(
        services,
        session.actor,
        resource_id=body.resource_id,
        kind=body.kind,
        user=body.user,
        password=body.password,
        ssh_key=body.ssh_key,
        disk_name=body.disk_name,
        consent_id=body.consent_id,
        now=services.clock(),
    )
    return await _seen(request, begun.id, HTTPStatus.ACCEPTED)


@described(
    "Propose a recovery to the tenant", {HTTPStatus.CREATED: shapes.Recovery}, body=ProposalBody
)
async def propose(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, ProposalBody)
    proposal = await propose_recovery(
        services,
        session.actor,
        consent_id=body.consent_id,
        kind=body.kind,
        note=body.note,
        now=services.clock(),
    )
    return await _seen(request, proposal.id, HTTPStatus.CREATED)


@described("One recovery, with its steps", shapes.Recovery)
async def show(request: web.Request) -> web.Response:
    return await _seen(request, request.match_info["action_id"])


@described("Approve a proposal", {HTTPStatus.ACCEPTED: shapes.Recovery}, body=Chosen)
async def approve(request: web.Request) -> web.Response:
    """With the account and the secret that the tenant chooses; the operator learns neither."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, Chosen)
    action = await approve_proposal(
        services,
        session.actor,
        request.match_info["action_id"],
        user=body.user,
        password=body.password,
        ssh_key=body.ssh_key,
        disk_name=body.disk_name,
        now=services.clock(),
    )
    return await _seen(request, action.id, HTTPStatus.ACCEPTED)


@described("Decline a proposal", shapes.Recovery, body=DeclineBody)
async def decline(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, DeclineBody)
    action_id = request.match_info["action_id"]
    action = await decline_proposal(
        services, session.actor, action_id, reason=body.reason, now=services.clock()
    )
    return await _seen(request, action.id)


@described("Take back what the guest was not sent yet", shapes.Recovery)
async def cancel(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    action_id = request.match_info["action_id"]
    action = await cancel_recovery(services, session.actor, action_id, now=services.clock())
    return await _seen(request, action.id)


@described("The guest agent's log of a VM", shapes.AgentLog, query=LogQuery)
async def show_log(request: web.Request) -> web.Response:
    """The newest lines, the oldest of them first: of one file, or of both."""
    session = await bearer(request)
    services = request.app[SERVICES]
    query = query_of(request, LogQuery)
    lines = await agent_log(
        services, session.actor, query.resource_id, query.file, now=services.clock()
    )
    found: list[shapes.AgentLogLine] = [
        {
            "file": line.file,
            "handler": line.handler,
            "version": line.version,
            "at": moment(line.at),
            "line": line.line,
        }
        for line in lines
    ]
    return answer({"lines": found})


async def _seen(
    request: web.Request, action_id: str, status: HTTPStatus = HTTPStatus.OK
) -> web.Response:
    """One recovery, as the actor sees it."""
    session = await bearer(request)
    services = request.app[SERVICES]
    view = await see_recovery(services, session.actor, action_id, now=services.clock())
    return answer({**of_recovery(view)}, status)


def of_recovery(view: RecoveryView) -> shapes.Recovery:
    """An action in JSON: without settings, and for an operator without the account."""
    action = view.action
    return {
        "id": action.id,
        "resource_id": action.resource_id,
        "kind": action.kind,
        "title": action.title,
        "state": action.state.value,
        "origin": action.origin,
        "handler": action.handler,
        "extension_name": action.extension_name,
        "consent_id": action.consent_id,
        "account": view.account,
        "requested_by": action.requested_by,
        "decided_by": action.decided_by,
        "note": action.note,
        "requested_at": moment(action.requested_at),
        "sent_at": moment(action.sent_at),
        "ended_at": moment(action.ended_at),
        "error_code": action.error_code,
        "message": action.message,
        "next_step": view.next_step,
        "steps": [_step(step) for step in view.steps],
        "may_cancel": view.may_cancel,
        "may_decide": view.may_decide,
    }


def _step(step: StepRecord) -> shapes.RecoveryStep:
    return {
        "key": step.key,
        "title": step.title,
        "state": step.state,
        "began_at": moment(step.began_at),
        "ended_at": moment(step.ended_at),
        "message": step.message,
    }
