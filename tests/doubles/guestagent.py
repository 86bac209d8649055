"""A guest agent for tests: QEMU's, as it behaves, and as a hostile guest may let it behave.

async with fake_agent(folder) as agent:
    agent.answers["guest-exec"] = [{"pid": 7}]
    agent.answers["guest-exec-status"] = [{"exited": False}, Raw(b"nonsense\n"), HANG_UP]
    agent.stale = b'{"return": {}}\n'  # what somebody else asked for and did not read
    ...
    assert agent.commands() == ["guest-exec", "guest-exec-status", "guest-exec-status"]
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any


class Habit(Enum):
    """What an agent may do instead of answering."""

    SILENCE = auto()
    HANG_UP = auto()


SILENCE, HANG_UP = Habit.SILENCE, Habit.HANG_UP


@dataclass(frozen=True)
class Raw:
    """These bytes, whatever they are."""

    data: bytes


@dataclass(frozen=True)
class Error:
    """The agent's own way of saying no."""

    error_class: str
    description: str


Said = Habit | Raw | Error | Any  # anything else is what the command returns


@dataclass
class FakeAgent:
    """`answers` by command, used up one by one; the last of them stays."""

    path: Path
    answers: dict[str, list[Said]] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)
    stale: bytes = b""  # what an abandoned connection left to be read
    syncs: bool = True
    one_byte_at_a_time: bool = False
    connections: int = 0
    open: int = 0
    most_open: int = 0

    def commands(self) -> list[str]:
        """What was asked, the syncs left out."""
        return [str(said["execute"]) for said in self.heard]

    def arguments(self, command: str) -> dict[str, Any]:
        """Those of the first such command."""
        found = next(said for said in self.heard if said["execute"] == command)
        arguments: dict[str, Any] = found["arguments"]
        return arguments

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            writer.write(self.stale)
            async for line in reader:
                # The mark empties the agent's parser of what was left in it.
                said = json.loads(line.rpartition(b"\xff")[2])
                if not await self._answer(said, writer):
                    return
        except ConnectionError:
            return
        finally:
            self.open -= 1
            writer.close()

    async def _answer(self, said: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if said["execute"] == "guest-sync-delimited":
            if self.syncs:
                await self._write(b"\xff" + _line({"return": said["arguments"]["id"]}), writer)
            return True
        self.heard.append(said)
        match self._next(said["execute"]):
            case Habit.SILENCE:
                return True
            case Habit.HANG_UP:
                return False
            case Raw(data):
                await self._write(data, writer)
            case Error(error_class, description):
                error = {"class": error_class, "desc": description}
                await self._write(_line({"error": error}), writer)
            case value:
                await self._write(_line({"return": value}), writer)
        return True

    def _next(self, command: str) -> Said:
        answers = self.answers.get(command)
        if not answers:
            return Error("CommandNotFound", f"The command {command} has not been found")
        return answers.pop(0) if 1 < len(answers) else answers[0]

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        step = 1 if self.one_byte_at_a_time else max(len(data), 1)
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
            if self.one_byte_at_a_time:
                await asyncio.sleep(0)


@asynccontextmanager
async def fake_agent(folder: Path, name: str = "qga.sock") -> AsyncIterator[FakeAgent]:
    """Serve one at `agent.path`, which is `folder / name`."""
    agent = FakeAgent(folder / name)
    server = await asyncio.start_unix_server(agent.serve, agent.path, limit=8 * 1024 * 1024)
    try:
        yield agent
    finally:
        server.close()
        async with asyncio.timeout(5):
            while agent.open:
                await asyncio.sleep(0.01)


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
