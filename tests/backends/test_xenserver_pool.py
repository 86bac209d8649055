"""A pool of several hosts: its master, the host that a VM runs on, and a certificate for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import UpstreamRefused
from gateway.inventory import Machine
from tests.doubles import xapi
from tests.doubles.apidouble import Screen
from tests.doubles.apiworld import World, backends, refusal
from tests.doubles.authority import Authority
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore
from tests.doubles.xapi import XapiDouble


@dataclass
class Pool:
    """Two hosts of one port at two addresses, each with a certificate that signed itself."""

    one: XapiDouble
    other: XapiDouble
    pins: tuple[str, str]
    world: World

    def machine(self, *, table: bool = True) -> Machine:
        """By the first host, pinned; the other's pin stands in the kind's table."""
        pins = f'[machine.xenserver.pins]\n"{self.other.address}" = "{self.pins[1]}"'
        return self.world.machine(ca_file="", pin=f'"{self.pins[0]}"', table=pins if table else "")


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    async with _pool(tmp_path) as made:
        yield made


@asynccontextmanager
async def _pool(folder: Path) -> AsyncIterator[Pool]:
    authorities = Authority(folder / "one"), Authority(folder / "other")
    async with FakeRfbServer(name=b"QEMU (web01)") as server:
        one, other = (XapiDouble(each, Screen(port=server.port)) for each in authorities)
        other.address = "127.0.0.2"
        async with one:
            other.wanted_port = one.port
            async with other:
                world = World("xenserver", one, server, authorities[0], folder)
                yield Pool(one, other, (authorities[0].pin, authorities[1].pin), world)


async def test_a_console_on_another_host_of_the_pool(pool: Pool) -> None:
    """XAPI's sessions are the pool's: the master's is known to each of its hosts."""
    where = f"https://{pool.other.address}:{pool.other.port}/console?uuid={xapi.CONSOLE}"
    pool.one.location = where
    pool.other.signed_in = pool.one.signed_in
    async with Watching(await backends().dial(pool.machine(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
    assert (pool.one.opened, pool.other.opened) == (0, 1)
    pool.other.asked.clear()
    error = await refusal(pool.machine(table=False))
    assert isinstance(error, UpstreamRefused)
    assert "not the pinned one" in str(error)
    assert pool.other.asked == [], "no session's id was said to a host that is not known"


async def test_a_pool_that_chose_another_master_is_followed(pool: Pool) -> None:
    pool.one.master = pool.other.address
    pool.one.signed_in = pool.other.signed_in
    where = f"https://{pool.one.address}:{pool.one.port}/console?uuid={xapi.CONSOLE}"
    pool.other.location = where
    async with Watching(await backends().dial(pool.machine(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
    assert pool.other.tickets
    assert pool.other.signed_in == set()
    pool.other.asked.clear()
    error = await refusal(pool.machine(table=False))
    assert "not the pinned one" in str(error)
    assert pool.other.asked == [], "no password was said to a host that is not known"


async def test_masters_that_name_each_other_are_followed_once(pool: Pool) -> None:
    pool.one.master, pool.other.master = pool.other.address, pool.one.address
    assert "name the master in the entry" in str(await refusal(pool.machine()))
    assert len(pool.one.asked) + len(pool.other.asked) == 2


async def test_nothing_but_the_pools_word_leads_to_another_host(pool: Pool) -> None:
    pool.one.broken = ("HOST_OFFLINE", pool.other.address)
    assert "XAPI refused: HOST_OFFLINE" in str(await refusal(pool.machine()))
    assert pool.other.asked == []
