"""From which workstations operators may reach the consoles of a node."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.queries import list_workstations
from gateway.actions.workstations import grant_workstation, revoke_workstation
from gateway.edge import SERVICES, client_address, read_form
from gateway.errors import InvalidInput
from gateway.policy.facts import Role, Workstation
from gateway.web.endings import Ask
from gateway.web.flash import see_other
from gateway.web.rendering import page_session, render
from gateway.web.shown import Moment, moment

HERE = "/admin/safelist"


def routes() -> list[web.RouteDef]:
    return [
        web.get(HERE, show),
        web.post(HERE, grant),
        web.get(HERE + "/revoke", ask),
        web.post(HERE + "/revoke", revoke),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    node: str
    network: str
    added_by: str
    added: Moment
    revoke_href: str


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def grant(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    form = await read_form(request)
    node, network = form.get("node", "").strip(), form.get("network", "").strip()
    try:
        added = await grant_workstation(services, actor, node, network, now=services.clock())
    except InvalidInput as error:
        return await _page(request, network, f"{error.field.capitalize()}: {error.reason}.")
    text = f"Operators may reach the consoles of {added.node} from {added.network}."
    return see_other(request, HERE, text)


async def ask(request: web.Request) -> web.Response:
    await page_session(request, Role.ADMIN)
    node, network = request.query.get("node", ""), request.query.get("network", "")
    question = Ask(
        heading=f"Take {network} off the safelist of {node}?",
        text="Operators who work from there lose their consoles now, unless another entry covers "
        "their address.",
        button="Take it off",
        action=f"{HERE}/revoke?{urlencode({'node': node, 'network': network})}",
        cancel=HERE,
    )
    return await render(request, "pages/confirm.html", ask=question)


async def revoke(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    node, network = request.query.get("node", ""), request.query.get("network", "")
    await revoke_workstation(services, actor, node, network, now=services.clock())
    return see_other(request, HERE, f"{network} is off the safelist of {node}.")


async def _page(
    request: web.Request, network: str = "", problem: str | None = None
) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    nodes = {one.vm.node for one in services.inventory.machines()} | {services.node}
    return await render(
        request,
        "pages/admin/safelist.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        rows=[_row(one) for one in await list_workstations(services, actor)],
        nodes=sorted(nodes),
        yours=client_address(request),
        network=network,
        problem=problem,
    )


def _row(entry: Workstation) -> Row:
    query = urlencode({"node": entry.node, "network": str(entry.network)})
    return Row(
        entry.node,
        str(entry.network),
        entry.added_by,
        moment(entry.added_at),
        f"{HERE}/revoke?{query}",
    )
