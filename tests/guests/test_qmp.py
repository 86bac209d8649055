"""QEMU's control socket, asked for the power: what it says, and what it may say instead."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GuestUnreachable
from gateway.guests import Guests, guests, qemu_kinds
from gateway.guests.qmp import ask_qemu_power
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Power, Vm

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}
EVENT = {"event": "RTC_CHANGE", "data": {"offset": 1}, "timestamp": {"seconds": 1}}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\r\n"


@asynccontextmanager
async def listening(folder: Path, serve: Serve) -> AsyncIterator[str]:
    """An address whose socket does as `serve` says."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(quietly, folder / "qmp.sock")
    try:
        yield f"//{folder}/qmp.sock"
    finally:
        server.close()


def answering(status: Any) -> Serve:
    """As QEMU does, events in between."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line(GREETING))
        while said := await reader.read(4096):
            asked = json.loads(said)  # one command at a time, and no line's end
            answer = status if asked["execute"] == "query-status" else {}
            events = line(EVENT) if "id" in asked else b""  # none while it negotiates
            writer.write(
                events + line({"return": answer} | ({"id": asked["id"]} if "id" in asked else {}))
            )

    return serve


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("running", Power.RUNNING),
        ("paused", Power.PAUSED),
        ("suspended", Power.PAUSED),
        ("guest-panicked", Power.PAUSED),
        ("prelaunch", Power.PAUSED),
        ("shutdown", Power.OFF),
        ("dreaming", Power.UNKNOWN),
        (["running"], Power.UNKNOWN),
        ({}, Power.UNKNOWN),
    ],
)
async def test_qemus_states_are_read(state: Any, power: Power, tmp_path: Path) -> None:
    async with listening(tmp_path, answering({"status": state, "running": True})) as address:
        assert await ask_qemu_power(address) is power


async def test_a_socket_that_is_gone_is_a_vm_that_is_off(tmp_path: Path) -> None:
    assert await ask_qemu_power(f"//{tmp_path}/none.sock") is Power.OFF
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "old.sock"))  # and nobody listens
    assert await ask_qemu_power(f"//{tmp_path}/old.sock") is Power.OFF


async def test_an_answer_of_another_shape_tells_nothing(tmp_path: Path) -> None:
    async with listening(tmp_path, answering("running")) as address:
        assert await ask_qemu_power(address) is Power.UNKNOWN


def saying(data: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await reader.read()

    return serve


def saying_after(greeting: Any, data: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line(greeting))
        await reader.read(4096)
        writer.write(data)
        await writer.drain()
        await reader.read()

    return serve


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


HOSTILE: dict[str, Serve] = {
    "hangs up": hanging_up,
    "garbage": saying(b"\x00\xff nonsense\n"),
    "no greeting": saying(line({"return": {}})),
    "a list": saying(b"[]\n"),
    "a deep greeting": saying(b"[" * 100_000 + b"\n"),
    "an endless line": saying(b"x" * 2_000_000),
    "refuses capabilities": saying_after(GREETING, line({"error": {"class": "a", "desc": "b"}})),
    "garbage later": saying_after(GREETING, b"nonsense\n"),
    "deep later": saying_after(GREETING, b"[" * 100_000 + b"\n"),
    "an integer without end": saying_after(GREETING, b"1" * 9000 + b"\n"),
    "odd ids": saying_after(GREETING, line({"return": {}}) + line({"return": {}, "id": []})),
    "odd events": saying_after(GREETING, line({"return": {}}) + line({"event": {}})),
    "an empty object": saying_after(GREETING, line({"return": {}}) + line({})),
    "a late list": saying_after(GREETING, line({"return": {}}) + line([])),
    "a late deep one": saying_after(GREETING, line({"return": {}}) + b"[" * 100_000 + b"\n"),
    "a late endless line": saying_after(GREETING, line({"return": {}}) + b"x" * 2_000_000),
}


@pytest.mark.parametrize("habit", HOSTILE)
async def test_a_socket_that_makes_no_sense_tells_nothing(
    habit: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(tmp_path, HOSTILE[habit]) as address:
        with pytest.raises((GuestUnreachable, TimeoutError)):
            async with asyncio.timeout(0.5):
                await ask_qemu_power(address)
    assert not caplog.records  # nothing of what it said is logged


async def test_a_silent_socket_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_POWER_PATIENCE", 0.2)
    vm = Vm("/subscriptions/s/virtualMachines/a", "s", "a", "linux", "n")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    for serve in (silent, saying_after(GREETING, b""), saying_after(GREETING, line(EVENT) * 9)):
        async with listening(tmp_path, serve) as address:
            machine = Machine(vm, ConsoleAddress("demo", name="a"), power=f"qmp+unix:{address}")
            before = asyncio.all_tasks()
            assert await Guests(qemu_kinds(), wait=1).power(machine) is Power.UNKNOWN
            # The library's own tasks are over, too; the server's may not be.
            left = {task for task in asyncio.all_tasks() - before if "quietly" not in repr(task)}
            assert not left
        (tmp_path / "qmp.sock").unlink()
