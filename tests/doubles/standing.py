"""A whole gateway on loopback with accounts to sign in with, for tests from the outside in."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from gateway.app import Clock, Gateway, open_gateway, utc_now
from gateway.backends import Backend
from gateway.certificates import make_development_certificates
from gateway.demo import DemoAccount, furnish
from gateway.guests import GuestKind
from gateway.inventory import Inventory
from gateway.inventory.machine import Machine
from gateway.serving import listening, load_tls
from gateway.settings import Settings
from tests.doubles.codes import Codes
from tests.doubles.ports import free_port

NODE = "AzS-ERCS01"


class ShiftedClock:
    """A clock that a test sets forward; it runs as time runs."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Standing:
    """A gateway that serves, and what its visitors need."""

    gateway: Gateway
    base: str
    admin_base: str  # the administrators' Resource Manager
    operations: str
    ca_file: Path
    accounts: dict[str, DemoAccount]
    clock: Clock
    _codes: dict[str, Codes] = field(default_factory=dict)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def code(self, name: str) -> str | None:
        """A one-time code of `name` that has not been given out before (each works once)."""
        secret = self.accounts[name].code_secret
        if secret is None:
            return None
        return self._codes.setdefault(name, Codes(secret)).next(self.clock())

    def api(self, token: str | None = None) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return aiohttp.ClientSession(
            self.base, headers=headers, connector=aiohttp.TCPConnector(ssl=self.trust())
        )

    async def token(self, name: str) -> str:
        """A bearer token of `name`, by the API's own sign-in."""
        body: dict[str, Any] = {"user": name, "password": self.accounts[name].password}
        if code := self.code(name):
            body["code"] = code
        async with self.api() as api, api.post("/api/v1/sign-ins", json=body) as response:
            answer = await response.json()
            assert response.status == 201, answer
            return str(answer["token"])


@asynccontextmanager
async def standing_gateway(
    folder: Path,
    machines: Sequence[Machine],
    *,
    backends: Mapping[str, Backend] | None = None,
    guests: Mapping[str, GuestKind] | None = None,
    clock: Clock = utc_now,
    **settings: Any,
) -> AsyncIterator[Standing]:
    """Serve `machines` from `folder` until the block ends."""
    port, admins, operations = free_port(), free_port(), free_port()
    certificates = make_development_certificates(
        folder / "certs", ("localhost", "127.0.0.1"), utc_now()
    )
    chosen = Settings.load(
        node=NODE,
        listen=f"127.0.0.1:{port}",
        public_base=f"https://localhost:{port}",
        admin_listen=f"127.0.0.1:{admins}",
        admin_public_base=f"https://localhost:{admins}",
        operations_listen=f"127.0.0.1:{operations}",
        state_directory=folder / "state",
        certificate_file=certificates.certificate,
        private_key_file=certificates.private_key,
        **settings,
    )
    async with open_gateway(
        chosen, inventory=Inventory(machines), backends=backends, guests=guests, clock=clock
    ) as gateway:
        accounts = await furnish(gateway.services)
        async with listening(gateway, load_tls(chosen)):
            yield Standing(
                gateway=gateway,
                base=f"https://localhost:{port}",
                admin_base=f"https://localhost:{admins}",
                operations=f"http://127.0.0.1:{operations}",
                ca_file=certificates.ca,
                accounts={account.name: account for account in accounts},
                clock=clock,
            )
