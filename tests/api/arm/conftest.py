"""Both Resource Manager endpoints over real actions and a real store."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from gateway.actions.sign_in import new_sign_in
from gateway.api import arm
from gateway.api.arm.throttle import RequestThrottle
from gateway.edge import ARM_ENDPOINT, MAX_BODY, SERVICES, TRUSTED_PROXIES, ArmEndpoint
from gateway.identity.directory import provider_subscription
from gateway.store import Store, Token
from gateway.store.databases import database_at
from tests.actions.world import World

HERE = "127.0.0.1"
BASE = "https://gateway.example"
ADMIN_BASE = "https://adminmanagement.gateway.example"
BASES = {"tenant": BASE, "admin": ADMIN_BASE}
LOCATION = "local"
PROVIDER = provider_subscription(BASE)

Kind = Literal["tenant", "admin"]


@dataclass
class ArmCaller:
    """Makes requests to the endpoints, as somebody or as nobody."""

    world: World
    clients: Mapping[str, TestClient[Any, Any]]

    async def token(self, name: str, audience: Kind | None = None) -> str:
        """An access token of that person; without `audience`, for the endpoint of their role."""
        account = self.world.accounts[name]
        chosen = audience or ("admin" if account.role == "admin" else "tenant")
        begun = new_sign_in(
            account, kind="arm", address=HERE, user_agent="pytest", now=self.world.now
        )
        _, digest = self.world.identity.new_secret()
        secret, token_digest = self.world.identity.new_secret()
        ends = self.world.now + timedelta(hours=1)
        async with self.world.store.unit() as unit:
            await unit.sign_ins.add(begun, digest)
            token = Token("access", begun.id, "pytest", BASES[chosen], ends)
            await unit.tokens.add(token, token_digest)
        return secret

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        at: Kind = "tenant",
        version: str | None = "2020-06-01",
        **more: Any,
    ) -> ClientResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        if version is not None:
            path += f"{'&' if '?' in path else '?'}api-version={version}"
        url = URL(path, encoded=True)  # exactly as it stands: `//` and `%` are part of the tests
        client = self.clients[at]
        return await client.session.request(
            method, client.make_url("/").join(url) if path[:2] != "//" else _rooted(client, path),
            headers=headers, **more,
        )  # fmt: skip


def _rooted(client: TestClient[Any, Any], path: str) -> URL:
    """An address whose path begins with two slashes, which are no host's."""
    return URL(f"{client.make_url('/')}"[:-1] + path, encoded=True)


@pytest.fixture
def throttle() -> RequestThrottle:
    return RequestThrottle()


@pytest.fixture
async def call(
    tmp_path: Path, migrated: Path, throttle: RequestThrottle
) -> AsyncIterator[ArmCaller]:
    store = Store(database_at(f"sqlite:///{shutil.copy(migrated, tmp_path / 'eva.sqlite3')}"))
    world = World(store)
    world.s = replace(world.s, admin_public_base=ADMIN_BASE)
    await world.furnish()
    async with (
        TestClient(TestServer(_app(world, "tenant", throttle))) as tenants,
        TestClient(TestServer(_app(world, "admin", throttle))) as admins,
    ):
        yield ArmCaller(world, {"tenant": tenants, "admin": admins})
    await store.close()


def _app(world: World, kind: Kind, throttle: RequestThrottle) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY)
    app[SERVICES] = world.s
    app[TRUSTED_PROXIES] = ()
    app[ARM_ENDPOINT] = ArmEndpoint(kind, BASES[kind], LOCATION)
    app.add_routes([arm.entry(alone=kind == "admin", throttle=throttle)])
    return app
