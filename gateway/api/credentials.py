"""Client credentials: programs that sign in by themselves. An admin's business."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.credentials import add_credential, list_credentials, revoke_credential
from gateway.api import shapes
from gateway.api.answers import of_credential
from gateway.api.bodies import Body, body_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES
from gateway.identity.directory import tenant_id
from gateway.policy.tokens import CREDENTIAL_LIFETIME


class CredentialBody(Body):
    account_id: str = Field(max_length=64)
    label: str = Field(max_length=1024)
    days: int = Field(CREDENTIAL_LIFETIME.days, ge=1, le=CREDENTIAL_LIFETIME.days)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/credentials", show_all),
        web.post("/api/v1/credentials", add),
        web.delete("/api/v1/credentials/{credential_id}", revoke),
    ]


@described("Every client credential, those that are over included", shapes.Credentials)
async def show_all(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    found = await list_credentials(services, session.actor, now=services.clock())
    now = services.clock()
    return answer({"credentials": [of_credential(one, now) for one in found]})


@described(
    "Let a program sign in as an account",
    {HTTPStatus.CREATED: shapes.NewCredential},
    body=CredentialBody,
)
async def add(request: web.Request) -> web.Response:
    """A client id and a secret, which is said once. `days`: until it runs out."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, CredentialBody)
    now = services.clock()
    added = await add_credential(
        services,
        session.actor,
        account_id=body.account_id,
        label=body.label,
        days=body.days,
        now=now,
    )
    said_once = {
        "client_secret": added.secret,
        "tenant_id": tenant_id(services.public_base),
    }
    return answer(of_credential(added.named, now) | said_once, HTTPStatus.CREATED)


@described("End a client credential and its sign-ins", shapes.RevokedCredential)
async def revoke(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    credential_id = request.match_info["credential_id"]
    ended = await revoke_credential(services, session.actor, credential_id, now=services.clock())
    return answer({"client_id": credential_id, "sign_ins_ended": ended})
