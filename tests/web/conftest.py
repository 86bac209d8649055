"""The pages over real actions and a real store, visited by browsers that keep cookies."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from gateway import web as pages
from gateway.edge import MAX_BODY, SERVICES, TRUSTED_PROXIES
from gateway.policy.facts import Workstation
from gateway.store import Store
from gateway.store.databases import database_at
from tests.actions.world import NODE, PASSWORD, World

HERE = "127.0.0.1"
# What Chromium sends with a form of a page whose referrer policy is no-referrer.
FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@dataclass
class Browser:
    """One person's browser: cookies by hand, because these tests speak no TLS."""

    client: TestClient[Any, Any]
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self._ask("GET", path, headers)

    async def post(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        page: str | None = None,
        headers: dict[str, str] | None = None,
        json: Any = None,
    ) -> ClientResponse:
        """Submit a form of `page` (default: the page at `path`), with that page's token."""
        token = form_token(await (await self.get(page or path)).text())
        sent = FROM_OUR_PAGE if headers is None else headers
        if json is not None:
            sent = {**sent, "X-CSRF-Token": token, "Accept": "application/json"}
            return await self._ask("POST", path, sent, json=json)
        return await self._ask("POST", path, sent, data={"form_token": token, **(form or {})})

    async def sign_in(self, world: World, name: str) -> ClientResponse:
        form = {"name": name, "password": PASSWORD, "code": world.code(name) or ""}
        return await self.post("/sign-in", form)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], **more: Any
    ) -> ClientResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**headers, **({"Cookie": cookies} if cookies else {})}
        response = await self.client.request(
            method, path, headers=sent, allow_redirects=False, **more
        )
        await response.read()
        for line in response.headers.getall("Set-Cookie", ()):
            self._keep(line)
        return response

    def _keep(self, line: str) -> None:
        self.set_cookies.append(line)
        name, _, value = line.partition(";")[0].partition("=")
        if "Max-Age=0" in line:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value.strip('"')


def form_token(page: str) -> str:
    found = re.search(r'<meta name="form-token" content="([^"]+)"', page)
    assert found is not None, "the page bears a form token"
    return unescape(found[1])


@dataclass
class Site:
    """The pages, and the world behind them."""

    world: World
    client: TestClient[Any, Any]

    def browser(self) -> Browser:
        return Browser(self.client)

    async def signed_in(self, name: str) -> Browser:
        browser = self.browser()
        response = await browser.sign_in(self.world, name)
        assert response.status == 303
        # Codes work once; the next form of this person needs the next one.
        self.world.clock.advance(seconds=30)
        return browser


@pytest.fixture
async def site(tmp_path: Path, migrated: Path) -> AsyncIterator[Site]:
    file = shutil.copy(migrated, tmp_path / "eva.sqlite3")
    store = Store(database_at(f"sqlite:///{file}"))
    world = World(store)
    await world.furnish()
    async with store.unit() as unit:
        await unit.safelist.add(Workstation(NODE, ip_network(HERE), "ada", world.now))
    app = web.Application(client_max_size=MAX_BODY, middlewares=pages.middlewares())
    app[SERVICES] = world.s
    app[TRUSTED_PROXIES] = ()
    app.add_routes(pages.routes())
    pages.set_up(app)
    async with TestClient(TestServer(app)) as client:
        yield Site(world, client)
    await store.close()
