"""The agent's log files of a machine, as the VMAccess documentation names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.recover import agent_log
from gateway.edge import SERVICES
from gateway.errors import NotFound
from gateway.policy.facts import Role
from gateway.web.rendering import page_session, render
from gateway.web.shown import Moment, machine, moment

FILES: Final = {
    "CommandExecution.log": "Each command that was run in the guest, with its result. Secrets are "
    "left out.",
    "extension.log": "The extension’s own log: what was asked, when, and what became of it.",
}
NOTHING: Final = (
    "The files fill when something is done inside the machine: a password, Remote Desktop, SSH or "
    "a disk. Nothing was yet."
)


def routes() -> list[web.RouteDef]:
    return [web.get("/recoveries/log", show)]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class LogText:
    """One line; the text may be a guest's."""

    at: Moment
    text: str


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT, Role.ADMIN)).actor
    wanted = request.query.get("file", "")
    current = wanted if wanted in FILES else next(iter(FILES))
    resource_id = request.query.get("vm", "")
    lines = await agent_log(services, actor, resource_id, current, now=services.clock())
    vm = services.vm(resource_id)
    if vm is None:
        raise NotFound("there is no such machine")
    query = {"vm": vm.resource_id}
    return await render(
        request,
        "pages/recovery_log.html",
        vm=machine(vm),
        about=FILES[current],
        current=current,
        files=[
            File(name, f"/recoveries/log?{urlencode({**query, 'file': name})}", name == current)
            for name in FILES
        ],
        lines=[LogText(moment(line.at), line.line) for line in lines],
        nothing=NOTHING,
        history_href=f"/recoveries?{urlencode(query)}",
    )
