"""The API over real actions and a real store, for requests from loopback."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from gateway import api
from gateway.actions.sign_in import new_sign_in
from gateway.edge import MAX_BODY, SERVICES, TRUSTED_PROXIES
from gateway.policy.facts import Workstation
from gateway.store import Store
from gateway.store.databases import database_at
from tests.actions.world import NODE, World

HERE = "127.0.0.1"


@dataclass
class Caller:
    """Makes requests to the API, as somebody or as nobody."""

    world: World
    client: TestClient[Any, Any]

    async def token(self, name: str, kind: str = "bearer") -> str:
        """A sign-in of that person, as if they had proven who they are."""
        begun = new_sign_in(
            self.world.accounts[name],
            kind=kind,
            address=HERE,
            user_agent="pytest",
            now=self.world.now,
        )
        secret, digest = self.world.identity.new_secret()
        async with self.world.store.unit() as unit:
            await unit.sign_ins.add(begun, digest)
        return secret

    async def __call__(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> ClientResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if "data" in more:
            headers["Content-Type"] = "application/json"
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        return await self.client.request(method, f"/api/v1/{path}", headers=headers, **more)


@pytest.fixture
async def call(tmp_path: Path, migrated: Path) -> AsyncIterator[Caller]:
    file = shutil.copy(migrated, tmp_path / "eva.sqlite3")
    store = Store(database_at(f"sqlite:///{file}"))
    world = World(store)
    await world.furnish()
    async with store.unit() as unit:
        await unit.safelist.add(Workstation(NODE, ip_network(HERE), "ada", world.now))
    app = web.Application(client_max_size=MAX_BODY, middlewares=api.middlewares())
    app[SERVICES] = world.s
    app[TRUSTED_PROXIES] = ()
    app.add_routes(api.routes())
    async with TestClient(TestServer(app)) as client:
        yield Caller(world, client)
    await store.close()
