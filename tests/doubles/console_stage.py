"""A registry behind a real aiohttp server, with a door whose keeper a test instructs.

async with staged(server.port) as stage, stage.viewer("operator") as viewer: ...
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from gateway.actions.admit import Admission
from gateway.backends import Backends
from gateway.backends.vnc import VncBackend
from gateway.consoles.participants import End, Part, Participant, Rights
from gateway.consoles.registry import Registry
from gateway.consoles.session import ConsoleSession, Waiting
from gateway.inventory import Machine
from gateway.policy.facts import CONSENT_LIFETIME, Consent, EndCode
from gateway.viewing.stream import Stream
from tests.doubles.watching import at_port
from tests.doubles.ws_viewer import WsViewer

ORIGIN = "https://gateway.example:8443"
CONSENT = "c1"


class JumpClock:
    """The time, plus what a test jumped ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def _at_once() -> None:
    return


@dataclass
class Stage:
    """Who knocks is named by a ticket: `operator`, `operator2`, `tenant`, `guest`, …"""

    registry: Registry
    clock: JumpClock
    consent: Consent
    machine: Any
    port: int = 0
    tls: bool = False
    ended: dict[str, EndCode] = field(default_factory=dict)  # by name: what the store now says
    session_ended: EndCode | None = None  # what it says of the whole session
    store_down: BaseException | None = None
    before_admitting: Callable[[], Awaitable[None]] = _at_once
    after_admitting: Callable[[], Awaitable[None]] = _at_once
    left: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        scheme = "wss" if self.tls else "ws"
        return f"{scheme}://127.0.0.1:{self.port}/consoles/{self.consent.id}/stream"

    @property
    def session(self) -> ConsoleSession:
        session = self.registry.get(self.consent.id)
        assert session is not None
        return session

    def viewer(
        self, who: str, *more: str, origin: str | None = ORIGIN, **options: Any
    ) -> AbstractAsyncContextManager[WsViewer]:
        """Connected, nothing said; `more` are further subprotocols."""
        return WsViewer.opened(self.url, origin, [f"ticket.{who}", *more], **options)

    def end(self, code: EndCode = EndCode.WITHDRAWN, reason: str = "enough") -> None:
        """What the bus does when the consent was ended."""
        self.registry.end(self.consent.id, self.an_end(code, reason))

    def an_end(self, code: EndCode, reason: str = "enough") -> End:
        return End(code, "tess", reason, self.clock())

    async def admit(self, request: web.Request, consent_id: str) -> Admission:
        """The keeper of the door."""
        await self.before_admitting()
        offered = request.headers["Sec-WebSocket-Protocol"].split(",")
        who = next(p.strip()[7:] for p in offered if p.strip().startswith("ticket."))
        part = Part(who.rstrip("0123456789"))
        rights = Rights.VIEW | Rights.TYPE if part is Part.OPERATOR else Rights.VIEW

        async def still_allowed() -> EndCode | None:
            if self.store_down is not None:
                raise self.store_down
            return self.ended.get(who)

        async def session_allowed() -> EndCode | None:
            if self.store_down is not None:
                raise self.store_down
            return self.session_ended

        async def left() -> None:
            self.left.append(who)

        participant = Participant(
            id=f"p-{who}-{len(self.left)}-{id(request)}",
            name=who,
            role=part,
            since=self.clock(),
            account_id=None if part is Part.GUEST else f"account-{who}",
            grant_id=f"grant-{who}" if part is Part.OPERATOR else None,
            visit_id=f"visit-{who}" if part is Part.GUEST else None,
            link_id="link" if part is Part.GUEST else None,
        )
        await self.after_admitting()
        return Admission(
            participant, rights, self.consent, self.machine, still_allowed, session_allowed, left
        )


def a_consent(clock: Callable[[], datetime], consent_id: str = CONSENT) -> Consent:
    now = clock()
    vm = at_port(1).vm
    return Consent(
        id=consent_id,
        vm_key=vm.key,
        resource_id=vm.resource_id,
        subscription_id=vm.subscription_id,
        node=vm.node,
        tenant="tess",
        tenant_account_id="account-tenant",
        reason="locked out",
        given_at=now,
        expires_at=now + CONSENT_LIFETIME,
    )


@asynccontextmanager
async def staged(
    upstream_port: int = 0,
    *,
    waiting: Waiting | None = None,
    tls: ssl.SSLContext | None = None,
    machine: Machine | None = None,
    dialler: Backends | None = None,
) -> AsyncIterator[Stage]:
    """A registry that dials `upstream_port`, and a server in front of it.

    `machine` and what dials it stand in the port's stead where they are given.
    """
    clock = JumpClock()
    dialler = dialler or Backends({"vnc": VncBackend()})
    registry = Registry(dialler.dial, clock, waiting=waiting)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(registry.run(), name="consoles")
        await registry.running()
        stage = Stage(registry, clock, a_consent(clock), machine or at_port(upstream_port))
        app = web.Application()
        app.router.add_get(
            "/consoles/{consent_id}/stream", Stream(registry, stage.admit, ORIGIN).serve
        )
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        stage.port, stage.tls = runner.addresses[0][1], tls is not None
        try:
            yield stage
        finally:
            await registry.stop()
            await runner.cleanup()


async def eventually(true: Callable[[], object], within: float = 5.0) -> None:
    """Wait until `true()`; for what no event tells. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)
