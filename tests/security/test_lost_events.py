"""What another process commits is noticed by live viewers, though no bus tells (DESIGN.md §3)."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.visitors import Site, open_site
from tests.doubles.ws_viewer import WsViewer

BLUE = (0, 0, 255)
LONG_AGO = "'2020-01-01 00:00:00.000000'"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as standing:
        yield standing


@asynccontextmanager
async def everybody(site: Site) -> AsyncIterator[dict[str, WsViewer]]:
    """An operator, a tenant and a guest on one console, each with a picture."""
    consent = await site.consent()
    operator, tenant = await site.opened(consent), await site.signed_in("contoso")
    guest = site.person("Gustav", "127.0.0.7")
    async with AsyncExitStack() as stack:
        inside = {"operator": await stack.enter_async_context(operator.enter(consent))}
        await begun(inside["operator"])
        await guest.join(await operator.share(consent))
        for name, person in (("tenant", tenant), ("guest", guest)):
            inside[name] = await stack.enter_async_context(person.stream(consent))
            await begun(inside[name])
        yield inside


async def begun(viewer: WsViewer) -> None:
    await viewer.start()
    await viewer.until(lambda: viewer.frames)


def directly(database: Path, statement: str) -> None:
    """Commit it in the file itself, as another node or a person at the database does."""
    other = sqlite3.connect(database, timeout=5)
    assert other.execute(statement).rowcount
    other.commit()
    other.close()


# What is written, the close codes, and whom it concerns.
CHANGES = {
    "consent": (
        f"UPDATE consents SET ended_at = {LONG_AGO}, end_code = 'withdrawn'",
        {4410}, {"operator", "tenant", "guest"},
    ),
    "expiry": (
        f"UPDATE consents SET expires_at = {LONG_AGO}", {4401}, {"operator", "tenant", "guest"},
    ),
    "grant": (
        f"UPDATE grants SET ended_at = {LONG_AGO}, end_code = 'revoked'",
        {4410, 4503}, {"operator", "tenant", "guest"},
    ),
    "workstation": ("DELETE FROM safelist", {4410}, {"operator"}),
    "account": ("UPDATE accounts SET disabled = 1 WHERE name = 'contoso'", {4410}, {"tenant"}),
    "sign-in": (
        f"UPDATE sign_ins SET ended_at = {LONG_AGO} WHERE account_id ="
        " (SELECT id FROM accounts WHERE name = 'contoso')",
        {4410}, {"tenant"},
    ),
    "link": (f"UPDATE links SET revoked_at = {LONG_AGO}", {4410}, {"guest"}),
}  # fmt: skip


@pytest.mark.rule(2)
@pytest.mark.parametrize("what", CHANGES)
async def test_what_was_committed_in_the_file_cuts_within_three_seconds(
    site: Site, what: str
) -> None:
    statement, codes, concerned = CHANGES[what]
    async with everybody(site) as inside:
        await asyncio.sleep(2.2)  # a round that found nothing new
        directly(site.database, statement)
        committed = time.monotonic()
        closed = await asyncio.gather(*(inside[name].closed(3) for name in concerned))
        print(f"dark after {time.monotonic() - committed:.2f} s")
        assert set(closed) == codes
        assert time.monotonic() - committed < 3
        await asyncio.sleep(2.2)
        for name in inside.keys() - concerned:
            assert inside[name].ws.close_code is None, name


@pytest.mark.rule(10)
async def test_an_unreadable_store_leaves_live_viewers_to_their_deadline(site: Site) -> None:
    async with everybody(site) as inside:
        away = site.database.with_name("away")
        site.database.rename(away)
        try:
            await asyncio.sleep(4.5)  # two rounds that could not ask
            assert isinstance(site.hypervisor, FakeRfbServer)
            site.hypervisor.paint(0, 0, 8, 8, BLUE)
            for viewer in inside.values():
                await viewer.until(lambda shown=viewer: shown.pixel(1, 1) == BLUE)  # type: ignore[misc]
            (session,) = site.standing.gateway.registry.sessions()
            site.clock.ahead += session.consent.expires_at - site.clock()
            reached = time.monotonic()
            assert [await each.closed(1) for each in inside.values()] == [4401] * 3
            assert time.monotonic() - reached < 1
        finally:
            away.rename(site.database)
