"""A standing gateway with both endpoints, and people's browsers at its pages about programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from gateway.actions.services import Services
from gateway.store import AuditRecord
from tests.doubles.forms import Browser
from tests.doubles.standing import ShiftedClock, Standing, standing_gateway
from tests.doubles.tokens import AZURE_CLI, ask_for_token

FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@dataclass
class Authority:
    """The authority of both endpoints, from outside."""

    standing: Standing
    clock: ShiftedClock
    base: str
    admin_base: str

    @property
    def services(self) -> Services:
        return self.standing.gateway.services

    def password(self, name: str) -> str:
        return self.standing.accounts[name].password

    async def grant(self, base: str | None = None, **form: str) -> tuple[int, dict[str, Any]]:
        """POST a form to the token endpoint."""
        return await ask_for_token(self.standing, {"client_id": AZURE_CLI, **form}, base=base)

    async def by_password(self, name: str = "contoso", **form: str) -> tuple[int, dict[str, Any]]:
        said = {"grant_type": "password", "username": name, "password": self.password(name)}
        return await self.grant(**{**said, **form})

    async def audit(self) -> tuple[AuditRecord, ...]:
        """Every record, oldest first."""
        async with self.services.store.reading() as unit:
            return tuple(reversed(await unit.audit.page(limit=10_000)))

    def browser(self, base: str | None = None) -> Browser:
        return Browser(self.standing, base or self.base)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Authority]:
    """One for all tests of a module, in a task of its own: it leaves what it entered."""
    up: asyncio.Future[Authority] = asyncio.get_running_loop().create_future()
    told = asyncio.Event()

    async def serve() -> None:
        clock, folder = ShiftedClock(), tmp_path_factory.mktemp("authority")
        async with standing_gateway(folder, [], clock=clock) as standing:
            up.set_result(Authority(standing, clock, standing.base, standing.admin_base))
            await told.wait()

    serving = asyncio.create_task(serve(), name="authority")
    both: set[asyncio.Future[Any]] = {serving, up}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        await serving  # raises what kept it from standing
    yield up.result()
    told.set()
    await serving


@pytest.fixture
def authority(_lasting: Authority) -> Authority:
    """The same, once every throttle has forgotten the test before."""
    _lasting.clock.ahead += timedelta(minutes=20)
    return _lasting
