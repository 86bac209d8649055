"""People at a standing gateway, from outside: browsers, API clients and viewers over TLS.

async with open_site(folder) as site:
    consent = await site.consent()                    # contoso allows web01
    olga = await site.signed_in("olga")
    await olga.step_up(consent)
    async with olga.enter(consent) as viewer: ...     # a ticket, then the WebSocket
"""

from __future__ import annotations

import asyncio
import json as jsons
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from gateway.actions.end_consent import end_consent
from gateway.actions.services import Services
from gateway.demo import CONTOSO, FABRIKAM
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Actor, Role, Vm
from gateway.store import AuditRecord
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.standing import NODE, ShiftedClock, Standing, standing_gateway
from tests.doubles.ws_viewer import WsViewer

HERE = "127.0.0.1"
# What Chromium sends with a form of a page whose referrer policy is no-referrer.
FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def json(self) -> Any:
        return jsons.loads(self.text)

    @property
    def timeless(self) -> str:
        """The text without signed values and times of day, which differ from second to second."""
        unsigned = re.sub(r"[\w-]+\.[\w-]{6}\.[\w-]{27,}", "", self.text)
        return re.sub(r"\d\d:\d\d(:\d\d)?", "", unsigned)


@dataclass
class Person:
    """Somebody's browser and API client; cookies are kept by hand, to be looked at and swapped."""

    site: Site
    name: str
    address: str = HERE
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)
    token: str | None = None

    # Pages

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers)

    async def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        page: str | None = None,
        json: Any = None,
        headers: Mapping[str, str] = FROM_OUR_PAGE,
    ) -> Answer:
        """Submit a form, or JSON as a page's script does, with the token of `page`."""
        token = await self.form_token(page or "/sign-ins")
        if json is not None:
            more = {"X-CSRF-Token": token, "Accept": "application/json"}
            return await self.ask("POST", path, {**headers, **more}, json=json)
        return await self.ask("POST", path, headers, data={"form_token": token, **(form or {})})

    async def form_token(self, page: str) -> str:
        """The token in a page's head; of the sign-in page where that one is not for us."""
        shown = await self.get(page)
        found = re.search(r'<meta name="form-token" content="([^"]+)"', shown.text)
        return unescape(found[1]) if found else await self.form_token("/join")

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """A request with this browser's cookies; redirects are not followed."""
        async with self.asking(method, path, headers, **more) as response:
            return Answer(response.status, response.headers, await response.text())

    @asynccontextmanager
    async def asking(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The same, its body not read: for what streams."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"Cookie": cookies} if cookies else {}), **(headers or {})}
        client = self.site.client(self.address)
        async with client.request(
            method, path, headers=sent, allow_redirects=False, **more
        ) as response:
            for line in response.headers.getall("Set-Cookie", ()):
                self._keep(line)
            yield response

    def _keep(self, line: str) -> None:
        self.set_cookies.append(line)
        name, _, value = line.partition(";")[0].partition("=")
        if "Max-Age=0" in line:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value.strip('"')

    # The API

    async def api(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> Answer:
        """A request to `/api/v1/…` with the bearer token of `sign_in_to_api`, or another one."""
        chosen = token or self.token
        headers = {"Authorization": f"Bearer {chosen}"} if chosen else {}
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        client = self.site.client(self.address)
        async with client.request(method, f"/api/v1/{path}", headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.text())

    async def sign_in_to_api(self) -> Person:
        body = {"user": self.name, **self.proof()}
        answer = await self.api("POST", "sign-ins", body)
        assert answer.status == 201, answer.text
        self.token = answer.json["token"]
        return self

    # Proofs

    def proof(self) -> dict[str, str]:
        """The password, and a code where one is needed."""
        code = self.site.code(self.name)
        password = self.site.standing.accounts[self.name].password
        return {"password": password, **({"code": code} if code else {})}

    async def sign_in(self) -> Person:
        answer = await self.post("/sign-in", {"name": self.name, **self.proof()}, page="/sign-in")
        assert answer.status == 303, answer.text
        return self

    async def step_up(self, consent_id: str) -> None:
        answer = await self.post(f"/consents/{consent_id}/open", self.proof())
        assert answer.status == 303, answer.text

    # Consoles

    async def ticket(self, consent_id: str) -> str:
        answer = await self.post(f"/consoles/{consent_id}/tickets", json={})
        assert answer.status == 200, answer.text
        return str(answer.json["ticket"])

    async def share(self, consent_id: str, *, capacity: int = 5, label: str = "colleague") -> str:
        """The secret of a fresh share link."""
        body = {"label": label, "capacity": capacity}
        answer = await self.post(f"/consoles/{consent_id}/share", json=body)
        assert answer.status == 201, answer.text
        return str(answer.json["address"]).partition("#")[2]

    async def join(self, secret: str, name: str = "Gustav") -> Answer:
        """As a guest, by a share link's secret."""
        return await self.post("/join", {"secret": secret, "name": name}, page="/join")

    @asynccontextmanager
    async def enter(
        self, consent_id: str, ticket: str | None = None, **options: Any
    ) -> AsyncIterator[WsViewer]:
        """An operator's way in: a ticket, then the WebSocket."""
        chosen = ticket or await self.ticket(consent_id)
        async with self.stream(consent_id, f"ticket.{chosen}", **options) as viewer:
            yield viewer

    @asynccontextmanager
    async def stream(
        self, consent_id: str, *protocols: str, **options: Any
    ) -> AsyncIterator[WsViewer]:
        """The WebSocket with this browser's cookies, nothing said yet."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**({"Cookie": cookies} if cookies else {}), **options.pop("headers", {})}
        if "sock" not in options:
            options.setdefault("local_addr", (self.address, 0))
            options["host"], options["port"] = HERE, self.site.port
        options.setdefault("ssl", self.site.trust)
        options.setdefault("server_hostname", "localhost")
        origin = options.pop("origin", self.site.standing.base)
        url = self.site.standing.base.replace("https", "wss", 1)
        async with WsViewer.opened(
            f"{url}/consoles/{consent_id}/stream",
            origin,
            protocols,
            additional_headers=headers,
            **options,
        ) as viewer:
            yield viewer


@dataclass
class Site:
    """A standing gateway, the hypervisor behind it and the way to its visitors."""

    standing: Standing
    clock: ShiftedClock
    hypervisor: FakeRfbServer  # web01's
    other_hypervisor: FakeRfbServer  # web02's
    _stack: AsyncExitStack
    _clients: dict[str, aiohttp.ClientSession] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trust = self.standing.trust()
        self.port = int(self.standing.base.rpartition(":")[2])

    @property
    def services(self) -> Services:
        return self.standing.gateway.services

    @property
    def database(self) -> Path:
        return self.standing.gateway.settings.state_directory / "gateway.sqlite3"

    def vm(self, name: str) -> str:
        """The resource id of a VM."""
        machines = self.standing.gateway.inventory.machines()
        return next(m.vm.resource_id for m in machines if m.vm.name == name)

    def client(self, address: str) -> aiohttp.ClientSession:
        """Connections from that loopback address, kept open."""
        if address not in self._clients:
            connector = aiohttp.TCPConnector(ssl=self.trust, local_addr=(address, 0), limit=50)
            client = aiohttp.ClientSession(
                self.standing.base, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
            self._clients[address] = client
            self._stack.push_async_callback(client.close)
        return self._clients[address]

    def code(self, name: str) -> str | None:
        """A fresh one-time code; the gateway's clock moves on where there is none left."""
        try:
            return self.standing.code(name)
        except AssertionError:
            self.clock.ahead += timedelta(seconds=30)
            return self.code(name)

    def person(self, name: str, address: str = HERE) -> Person:
        return Person(self, name, address)

    async def signed_in(self, name: str, address: str = HERE) -> Person:
        """A browser of that person, signed in."""
        return await self.person(name, address).sign_in()

    async def opened(self, consent_id: str, name: str = "olga", address: str = HERE) -> Person:
        """An operator who has signed in and stepped up for that console."""
        operator = await self.signed_in(name, address)
        await operator.step_up(consent_id)
        return operator

    async def consent(self, vm: str = "web01", tenant: Person | None = None) -> str:
        """The id of a fresh consent for that VM: what was allowed before is ended."""
        for old in await self._active():
            if old.resource_id == self.vm(vm):
                await end_consent(self.services, self.admin, old.id, reason="", now=self.clock())
        owner = tenant or await self.person("contoso").sign_in_to_api()
        body = {"resource_id": self.vm(vm), "reason": "locked out"}
        answer = await owner.api("POST", "consents", body)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    async def _active(self) -> Sequence[Any]:
        async with self.services.store.reading() as unit:
            return await unit.consents.active(self.clock())

    @property
    def admin(self) -> Actor:
        """The admin as actions know them, for what a test needs done and does not test."""
        account = self.standing.accounts["admin"]
        return Actor(account.id, account.name, Role.ADMIN, frozenset(), HERE, "test")

    async def audited(self) -> int:
        """How many audit records there are."""
        async with self.services.store.reading() as unit:
            return (await unit.audit.head()).seq

    async def audit(self, after: int = 0) -> tuple[AuditRecord, ...]:
        """Every audit record behind number `after`, oldest first."""
        async with self.services.store.reading() as unit:
            count = (await unit.audit.head()).seq - after
            return tuple(reversed(await unit.audit.page(limit=count)))

    async def metrics(self) -> str:
        url = f"{self.standing.operations}/metrics"
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            return await response.text()


def machine(name: str, port: int, subscription: str = CONTOSO, **console: Any) -> Machine:
    """A VM whose console is at a loopback port."""
    resource_id = (
        f"/subscriptions/{subscription}/resourceGroups/demo/providers/Microsoft.Compute"
        f"/virtualMachines/{name}"
    )
    vm = Vm(resource_id, subscription, name, "linux", NODE)
    return Machine(vm, ConsoleAddress("vnc", host=HERE, port=port, **console))


@asynccontextmanager
async def open_site(
    folder: Path, hypervisor: FakeRfbServer | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """Serve web01 and web02 of Contoso and fab01 of Fabrikam; `hypervisor` is web01's."""
    clock = ShiftedClock()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(hypervisor or FakeRfbServer())
        web02 = await stack.enter_async_context(FakeRfbServer())
        fab01 = await stack.enter_async_context(FakeRfbServer())
        machines = [
            machine("web01", server.port, password=server.password),
            machine("web02", web02.port),
            machine("fab01", fab01.port, FABRIKAM),
        ]
        standing = await stack.enter_async_context(
            standing_gateway(folder, machines, clock=clock, **settings)
        )
        clients = await stack.enter_async_context(AsyncExitStack())
        yield Site(standing, clock, server, web02, clients)


@asynccontextmanager
async def lasting_site(folder: Path) -> AsyncIterator[Site]:
    """The same for a whole module.

    A fixture is set up and torn down by two tasks, a task group must be left by the task that
    entered it: so the site has one of its own.
    """
    up: asyncio.Future[Site] = asyncio.get_running_loop().create_future()
    told = asyncio.Event()

    async def serve() -> None:
        async with open_site(folder) as site:
            up.set_result(site)
            await told.wait()

    serving = asyncio.create_task(serve(), name="site")
    both: set[asyncio.Future[Any]] = {serving, up}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not up.done():
            await serving  # raises what kept it from standing
        yield up.result()
    finally:
        told.set()
        await serving
