"""The QEMU guest agent, over the Unix socket of its virtio-serial port.

Everything that it says is the guest's word: bounded in size, depth and time, and text only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from gateway.errors import GuestError, GuestLost, GuestTimedOut, GuestUnreachable
from gateway.guests import words
from gateway.guests.ports import AgentFacts
from gateway.guests.qga_wire import Failed, Replies, Reply, Returned, request, sync_request
from gateway.recovery.calls import (
    LOOK,
    Accepted,
    Answer,
    Call,
    Declined,
    Done,
    Execute,
    OsInfo,
    PowerShell,
    Secret,
    SetPassword,
    Told,
    secrets_of,
)

_CONNECT_PATIENCE: Final = 5.0
_SYNC_PATIENCE: Final = 5.0
_SILENCE: Final = 60.0  # the agent does one thing at a time and answers between its polls
_HANG_UP_PATIENCE: Final = 0.2
_FIRST_POLL: Final = 0.05  # each pause is half as long again as the one before
_LONGEST_POLL: Final = 2.0
_CHUNK: Final = 64 * 1024
_MAX_OUTPUT: Final = 64 * 1024  # characters kept of each of a program's outputs
_MAX_FACT: Final = 256
_OS_FACTS: Final = (
    "id", "name", "pretty-name", "version", "version-id", "variant", "variant-id", "machine",
    "kernel-release", "kernel-version",
)  # fmt: skip


async def open_qemu_agent(rest: str) -> QemuAgent:
    """The agent behind `///path`, in step. Raises: GuestUnreachable."""
    path = rest.removeprefix("//")
    try:
        async with asyncio.timeout(_CONNECT_PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path, limit=_CHUNK)
    except (OSError, TimeoutError) as error:
        raise GuestUnreachable("nobody serves the guest agent's socket") from error
    agent = QemuAgent(reader, writer)
    try:
        await agent.synchronise()
    except BaseException:
        await agent.close()
        raise
    return agent


class QemuAgent:
    """One connection. INVARIANT: no command is sent before the agent has proven to be in step."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        silence: float = _SILENCE,
    ) -> None:
        """`silence`: seconds without a reply after which the agent counts as lost."""
        self._reader = reader
        self._writer = writer
        self._silence = silence
        self._replies = Replies()

    async def synchronise(self) -> None:
        """Prove that it listens, and drop what it says to others. Raises: GuestUnreachable."""
        token = secrets.randbelow(2**53)  # any JSON reader holds such numbers exactly
        try:
            async with asyncio.timeout(_SYNC_PATIENCE):
                await self._send(sync_request(token))
                while not self._replies.take_sync(token):
                    self._replies.feed(await self._receive())
        except (OSError, TimeoutError, GuestError) as error:
            raise GuestUnreachable("the guest agent does not answer") from error

    async def perform(self, call: Call) -> Answer:
        """Raises: GuestUnreachable, where nothing was sent; GuestLost after that."""
        await self.synchronise()
        hidden = _hidden(call)
        match call:
            case SetPassword(user, password, crypted=crypted):
                return await self._set_password(user, password, hidden, crypted=crypted)
            case PowerShell():
                return await self._execute(call.as_execute(), hidden)
            case Execute():
                return await self._execute(call, hidden)
            case OsInfo():
                return await self._os_info()

    async def facts(self) -> AgentFacts:
        """Raises: GuestUnreachable."""
        info = _object(await self._look("guest-info")) or {}
        told = await self._os_info()
        facts = told.facts if isinstance(told, Told) else {}
        name = facts.get("pretty-name") or facts.get("name")
        return AgentFacts(
            words.line(str(info.get("version", "")), 64), name, facts.get("version-id")
        )

    async def close(self) -> None:
        """Hang up; never raises, never hangs."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_HANG_UP_PATIENCE):
                await self._writer.wait_closed()
                return
        self._writer.transport.abort()

    # what can be asked

    async def _set_password(
        self, user: str, password: Secret, hidden: Iterable[str], *, crypted: bool
    ) -> Answer:
        arguments = {
            "username": user,
            "password": base64.b64encode(password.reveal().encode()).decode(),
            "crypted": crypted,
        }
        reply = await self._ask("guest-set-user-password", arguments)
        return Accepted() if isinstance(reply, Returned) else _declined(reply, hidden)

    async def _os_info(self) -> Answer:
        reply = await self._look("guest-get-osinfo")
        if isinstance(reply, Failed):
            return _declined(reply, ())
        facts = _object(reply)
        if facts is None:
            raise GuestUnreachable("the guest agent does not name its system")
        told = ((key, facts.get(key)) for key in _OS_FACTS)
        return Told({k: words.line(v, _MAX_FACT) for k, v in told if isinstance(v, str)})

    async def _execute(self, call: Execute, hidden: Iterable[str]) -> Answer:
        deadline = asyncio.get_running_loop().time() + call.timeout
        reply = await self._ask("guest-exec", _exec_arguments(call))
        if isinstance(reply, Failed):
            return _declined(reply, hidden)
        # guest-exec returns {"pid": 1234}; guest-exec-status takes the same.
        pid = (_object(reply) or {}).get("pid")
        if not isinstance(pid, int):
            raise GuestLost("the guest agent does not say what it started")
        pause = _FIRST_POLL
        while True:
            status = _object(await self._ask("guest-exec-status", {"pid": pid})) or {}
            match status.get("exited"):
                case True:
                    return _done(status, hidden)
                case False if deadline < asyncio.get_running_loop().time() + pause:
                    raise GuestTimedOut(f"the program still runs after {call.timeout:g} s")
                case False:
                    await asyncio.sleep(pause)
                case _:
                    raise GuestLost("the guest agent does not say what became of the program")
            pause = min(1.5 * pause, _LONGEST_POLL)

    # the conversation

    async def _look(self, command: str) -> Reply:
        """Ask what changes nothing. Raises: GuestUnreachable."""
        try:
            return await self._ask(command, {}, within=min(LOOK, self._silence))
        except GuestLost as error:
            raise GuestUnreachable(str(error)) from error

    async def _ask(
        self, command: str, arguments: dict[str, Any], *, within: float | None = None
    ) -> Reply:
        """One command, one reply. Raises: GuestLost, as the command may have arrived."""
        try:
            async with asyncio.timeout(within or self._silence):
                await self._send(request(command, arguments))
                while (reply := self._replies.take()) is None:
                    self._replies.feed(await self._receive())
                return reply
        except TimeoutError as error:
            raise GuestLost(f"the guest agent fell silent after {command}") from error
        except OSError as error:
            raise GuestLost(f"the guest agent was cut off after {command}") from error
        except GuestError as error:
            raise GuestLost(f"{error}, after {command}") from error

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _receive(self) -> bytes:
        """What arrived. Raises: OSError, also where nothing will come any more."""
        data = await self._reader.read(_CHUNK)
        if not data:
            raise ConnectionResetError("the guest agent's socket was closed")
        return data


def _exec_arguments(call: Execute) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "path": call.program,
        "arg": list(call.arguments),
        "capture-output": True,
    }
    if call.input is not None:
        given = call.input
        data = given.reveal().encode() if isinstance(given, Secret) else given
        arguments["input-data"] = base64.b64encode(data).decode()
    return arguments


def _done(status: dict[str, Any], hidden: Iterable[str]) -> Done:
    """What a program that ended left. Raises: GuestLost where that makes no sense."""
    # "exitcode" where it ended by itself, "signal" (on Windows: an exception) where it was ended.
    exit_code = status.get("exitcode")
    if not isinstance(exit_code, int | None) or (exit_code is None and "signal" not in status):
        raise GuestLost("the guest agent does not say how the program ended")
    stdout, stderr = (_output(status.get(f"{name}-data", ""), hidden) for name in ("out", "err"))
    cut = any(status.get(f"{name}-truncated") for name in ("out", "err"))
    too_long = _MAX_OUTPUT < max(len(stdout), len(stderr))
    return Done(
        exit_code,
        words.lines(stdout, _MAX_OUTPUT),
        words.lines(stderr, _MAX_OUTPUT),
        cut or too_long,
    )


def _output(encoded: object, hidden: Iterable[str]) -> str:
    # Secrets are hidden before anything is cut off, or half of one might be left.
    try:
        data = base64.b64decode(str(encoded), validate=True)
    except (ValueError, binascii.Error):
        raise GuestLost("the program ended, and what it wrote cannot be read") from None
    return words.without(data.decode("utf-8", "replace"), hidden)


def _declined(reply: Failed, hidden: Iterable[str]) -> Declined:
    return Declined(
        words.line(words.without(reply.error_class, hidden), 64),
        words.line(words.without(reply.description, hidden), 1024),
    )


def _hidden(call: Call) -> tuple[str, ...]:
    """The call's secrets, as they were meant and as they went over the wire."""
    plain = [secret.reveal() for secret in secrets_of(call)]
    return (*plain, *(base64.b64encode(text.encode()).decode() for text in plain))


def _object(reply: Reply) -> dict[str, Any] | None:
    """What was returned, if it is a JSON object."""
    return reply.value if isinstance(reply, Returned) and isinstance(reply.value, dict) else None
