"""A node's workstation safelist: the seed's Grant- and Revoke-RdpAccessToErcsVM.

The node `current` is the one that answers.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.queries import list_workstations
from gateway.actions.workstations import grant_workstation, revoke_workstation
from gateway.api import shapes
from gateway.api.answers import of_workstation
from gateway.api.bodies import Body, Query, body_of, query_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES, client_address

CURRENT = "current"


class WorkstationBody(Body):
    """Without `network`, the address of the calling workstation, as in the seed."""

    network: str | None = Field(None, max_length=64)


class WorkstationQuery(Query):
    network: str | None = Field(None, max_length=64)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/nodes/{node}/safelist", show),
        web.post("/api/v1/nodes/{node}/safelist", grant),
        web.delete("/api/v1/nodes/{node}/safelist", revoke),
    ]


@described("A node's workstation safelist", shapes.Safelist)
async def show(request: web.Request) -> web.Response:
    session = await bearer(request)
    node = _node(request)
    found = await list_workstations(request.app[SERVICES], session.actor, node)
    return answer({"node": node, "workstations": [of_workstation(entry) for entry in found]})


@described(
    "Let a workstation reach the node's consoles",
    {HTTPStatus.CREATED: shapes.Workstation},
    body=WorkstationBody,
)
async def grant(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, WorkstationBody)
    network = body.network or client_address(request)
    entry = await grant_workstation(
        services, session.actor, _node(request), network, now=services.clock()
    )
    return answer(of_workstation(entry), HTTPStatus.CREATED)


@described("Take a workstation off the safelist", shapes.RevokedWorkstation, query=WorkstationQuery)
async def revoke(request: web.Request) -> web.Response:
    """Consoles that were opened from there close, unless another entry covers the address."""
    session = await bearer(request)
    services = request.app[SERVICES]
    node = _node(request)
    network = query_of(request, WorkstationQuery).network or client_address(request)
    await revoke_workstation(services, session.actor, node, network, now=services.clock())
    return answer({"node": node, "network": network})


def _node(request: web.Request) -> str:
    node = request.match_info["node"]
    return request.app[SERVICES].node if node == CURRENT else node
