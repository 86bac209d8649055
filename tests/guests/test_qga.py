"""The QEMU guest agent as we speak to it: what is sent, what is believed, what is known after."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GuestLost, GuestTimedOut, GuestUnreachable
from gateway.guests import qga
from gateway.guests.ports import AgentFacts
from gateway.guests.qga import QemuAgent, open_qemu_agent
from gateway.recovery.calls import (
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
)
from tests.doubles.guestagent import HANG_UP, SILENCE, Error, FakeAgent, Raw, Said, fake_agent

PASSWORD = "correct horse é 7"
SET_PASSWORD = SetPassword("root", Secret(PASSWORD))
LIST = Execute("/bin/ls", ("-l", "/"), timeout=20)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qga, "_SYNC_PATIENCE", 0.5)
    monkeypatch.setattr(qga, "_SILENCE", 0.5)
    monkeypatch.setattr(QemuAgent.__init__, "__kwdefaults__", {"silence": 0.3})


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeAgent]:
    async with fake_agent(tmp_path) as agent:
        yield agent


async def perform(fake: FakeAgent, call: Call) -> Answer:
    agent = await open_qemu_agent(f"//{fake.path}")
    try:
        return await agent.perform(call)
    finally:
        await agent.close()


async def test_a_password_goes_out_in_base64(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [{}]
    assert await perform(fake, SET_PASSWORD) == Accepted()
    assert fake.heard == [
        {
            "execute": "guest-set-user-password",
            "arguments": {"username": "root", "password": encoded(PASSWORD), "crypted": False},
        }
    ]


async def test_a_hashed_password_is_called_so(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [{}]
    await perform(fake, SetPassword("root", Secret("$6$salt$hash"), crypted=True))
    assert fake.arguments("guest-set-user-password")["crypted"] is True


async def test_a_refusal_is_an_answer(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [Error("GenericError", "child process has failed")]
    assert await perform(fake, SET_PASSWORD) == Declined("GenericError", "child process has failed")


async def test_a_program_is_run_polled_and_read(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 4711}]
    fake.answers["guest-exec-status"] = [
        {"exited": False},
        {"exited": False},
        {
            "exited": True,
            "exitcode": 3,
            "out-data": encoded("one\ntwo\n"),
            "err-data": encoded("!"),
        },
    ]
    call = Execute("/usr/sbin/chpasswd", ("-e",), Secret("root:geheim"), timeout=20)
    assert await perform(fake, call) == Done(3, "one\ntwo\n", "!", truncated=False)
    assert fake.arguments("guest-exec") == {
        "path": "/usr/sbin/chpasswd",
        "arg": ["-e"],
        "capture-output": True,
        "input-data": encoded("root:geheim"),
    }
    assert [said["arguments"] for said in fake.heard[1:]] == [{"pid": 4711}] * 3


async def test_input_may_be_bytes_or_none(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": True, "exitcode": 0}]
    assert await perform(fake, LIST) == Done(0, "", "", truncated=False)
    assert "input-data" not in fake.arguments("guest-exec")
    fake.heard.clear()
    await perform(fake, Execute("/bin/cat", input=b"\x00\xff"))
    assert fake.arguments("guest-exec")["input-data"] == "AP8="


async def test_a_program_that_was_killed_has_no_exit_code(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": True, "signal": 9}]
    assert await perform(fake, LIST) == Done(None, "", "", truncated=False)


async def test_powershell_gets_its_script_as_argument_and_its_secrets_on_stdin(
    fake: FakeAgent,
) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": True, "exitcode": 0}]
    call = PowerShell("set", "exit 0", {"user": "bob", "password": Secret(PASSWORD)})
    await perform(fake, call)
    arguments = fake.arguments("guest-exec")
    assert arguments["path"] == "powershell.exe"
    assert arguments["arg"][-2] == "-EncodedCommand"
    assert base64.b64decode(arguments["arg"][-1]).decode("utf-16-le") == "exit 0"
    assert json.loads(base64.b64decode(arguments["input-data"])) == {
        "user": "bob",
        "password": PASSWORD,
    }
    assert PASSWORD not in "".join(arguments["arg"])


async def test_output_is_bounded_text(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    said = "a\r\nb\tc\x1b[31m\u202e" + "x" * 200_000
    fake.answers["guest-exec-status"] = [
        {"exited": True, "exitcode": 0, "out-data": encoded(said), "err-data": "/w=="}
    ]
    answer = await perform(fake, LIST)
    assert isinstance(answer, Done)
    assert answer.stdout == "a\nb\tc\ufffd[31m\ufffd" + "x" * (64 * 1024 - 11)
    assert answer.stderr == "\ufffd"
    assert answer.truncated


async def test_the_agents_own_limit_shows(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [
        {"exited": True, "exitcode": 0, "out-data": "", "out-truncated": True}
    ]
    answer = await perform(fake, LIST)
    assert isinstance(answer, Done)
    assert answer.truncated


async def test_secrets_that_are_said_back_are_hidden(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [
        Error("GenericError", f"bad: {PASSWORD}, {encoded(PASSWORD)}")
    ]
    assert await perform(fake, SET_PASSWORD) == Declined("GenericError", "bad: ***, ***")
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [
        {"exited": True, "exitcode": 1, "out-data": encoded(f"got {PASSWORD}\n")}
    ]
    answer = await perform(fake, PowerShell("set", "x", {"password": Secret(PASSWORD)}))
    assert answer == Done(1, "got ***\n", "", truncated=False)


async def test_a_secret_at_the_edge_is_not_cut_in_half(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [Error("GenericError", "x" * 1020 + PASSWORD)]
    assert await perform(fake, SET_PASSWORD) == Declined("GenericError", "x" * 1020 + "***")
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [
        {"exited": True, "exitcode": 1, "err-data": encoded("x" * (64 * 1024 - 4) + PASSWORD)}
    ]
    answer = await perform(fake, PowerShell("set", "x", {"password": Secret(PASSWORD)}))
    assert isinstance(answer, Done)
    assert answer.stderr == "x" * (64 * 1024 - 4) + "***"


async def test_a_refusal_is_text_of_one_line(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [
        Error("Gen\x1b[31m" + "x" * 99, "a\r\nb\u202ec\ud800" + "y" * 5000)
    ]
    answer = await perform(fake, SET_PASSWORD)
    assert answer == Declined(
        "Gen\ufffd[31m" + "x" * 56, ("a\ufffd\ufffdb\ufffdc\ufffd" + "y" * 5000)[:1024]
    )


async def test_the_system_is_told_in_short_lines(fake: FakeAgent) -> None:
    fake.answers["guest-get-osinfo"] = [
        {"id": "debian", "pretty-name": "<b>Debian</b>\r\n" + "x" * 999, "version-id": 12,
         "machine": "x86_64", "unheard-of": "dropped", "variant": {"deep": []}}
    ]  # fmt: skip
    answer = await perform(fake, OsInfo())
    assert isinstance(answer, Told)
    pretty_name = ("<b>Debian</b>\ufffd\ufffd" + "x" * 999)[:256]
    assert answer.facts == {"id": "debian", "pretty-name": pretty_name, "machine": "x86_64"}


async def test_an_agent_tells_its_version_and_system(fake: FakeAgent) -> None:
    fake.answers["guest-info"] = [{"version": "7.2.22", "supported_commands": []}]
    fake.answers["guest-get-osinfo"] = [{"name": "Debian GNU/Linux", "version-id": "12"}]
    agent = await open_qemu_agent(f"//{fake.path}")
    assert await agent.facts() == AgentFacts("7.2.22", "Debian GNU/Linux", "12")
    fake.answers["guest-info"] = [{"version": 7}]
    fake.answers["guest-get-osinfo"] = [Error("CommandNotFound", "no")]
    assert await agent.facts() == AgentFacts("7", None, None)
    await agent.close()


async def test_what_others_asked_is_not_taken_for_an_answer(fake: FakeAgent) -> None:
    fake.stale = b'{"return": {}}\n\xff{"return": 12}\n{"return": {"pid": 1}}\n{"ret'
    fake.answers["guest-set-user-password"] = [Error("GenericError", "no such user")]
    assert await perform(fake, SET_PASSWORD) == Declined("GenericError", "no such user")


async def test_a_late_answer_is_not_taken_for_the_next_commands(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [SILENCE]
    agent = await open_qemu_agent(f"//{fake.path}")
    with pytest.raises(GuestLost):
        await agent.perform(SET_PASSWORD)
    # Now the late answer comes, with the next command's own.
    fake.answers["guest-get-osinfo"] = [{"id": "debian"}]
    fake.answers["guest-set-user-password"] = [Raw(b'{"return": {}}\n{"return": {"id": "late"}}\n')]
    assert await agent.perform(SET_PASSWORD) == Accepted()
    assert await agent.perform(OsInfo()) == Told({"id": "debian"})
    await agent.close()


async def test_bytes_may_come_one_by_one(fake: FakeAgent) -> None:
    fake.one_byte_at_a_time = True
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": True, "exitcode": 0, "out-data": encoded("x")}]
    assert await perform(fake, LIST) == Done(0, "x", "", truncated=False)


# silence and noise: before a command nothing was sent, after it nobody knows

HOSTILE: dict[str, Said] = {
    "silence": SILENCE,
    "hanging up": HANG_UP,
    "garbage": Raw(b"\x00\x01nonsense\n"),
    "half a line": Raw(b'{"return": '),
    "a huge line": Raw(b"x" * (5 * 1024 * 1024)),
    "a deep one": Raw(b'{"return": ' + b"[" * 200_000 + b"\n"),
    "another shape": Raw(b'{"event": "RESET"}\n'),
}


@pytest.mark.parametrize("habit", HOSTILE)
@pytest.mark.parametrize("call", [SET_PASSWORD, LIST], ids=["set password", "execute"])
async def test_nobody_knows_what_was_done_when_the_reply_is_none(
    habit: str, call: Call, fake: FakeAgent
) -> None:
    fake.answers["guest-set-user-password"] = fake.answers["guest-exec"] = [HOSTILE[habit]]
    with pytest.raises(GuestLost):
        await perform(fake, call)
    assert len(fake.heard) == 1  # it is never sent again


@pytest.mark.parametrize("habit", HOSTILE)
async def test_nobody_knows_how_a_program_ended_when_polls_fail(
    habit: str, fake: FakeAgent
) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": False}, HOSTILE[habit]]
    with pytest.raises(GuestLost):
        await perform(fake, LIST)
    assert fake.commands().count("guest-exec") == 1


@pytest.mark.parametrize("habit", HOSTILE)
async def test_a_question_that_is_not_answered_was_nothing(habit: str, fake: FakeAgent) -> None:
    fake.answers["guest-get-osinfo"] = [HOSTILE[habit]]
    with pytest.raises(GuestUnreachable):
        await perform(fake, OsInfo())


NO_SENSE: list[tuple[str, Any]] = [
    ("guest-exec", {"pid": "1"}),
    ("guest-exec", {}),
    ("guest-exec", []),
    ("guest-exec-status", {}),
    ("guest-exec-status", "exited"),
    ("guest-exec-status", {"exited": 1}),
    ("guest-exec-status", {"exited": True}),
    ("guest-exec-status", {"exited": True, "exitcode": "0"}),
    ("guest-exec-status", {"exited": True, "exitcode": 0, "out-data": "%%%"}),
    ("guest-exec-status", {"exited": True, "exitcode": 0, "out-data": ["x"]}),
    ("guest-exec-status", Error("GenericError", "Invalid parameter 'pid'")),
]


@pytest.mark.parametrize(("command", "said"), NO_SENSE)
async def test_a_reply_without_sense_leaves_nobody_knowing(
    command: str, said: Said, fake: FakeAgent
) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers[command] = [said]
    with pytest.raises(GuestLost):
        await perform(fake, LIST)


async def test_a_program_that_goes_on_and_on_is_given_up(fake: FakeAgent) -> None:
    fake.answers["guest-exec"] = [{"pid": 1}]
    fake.answers["guest-exec-status"] = [{"exited": False}]
    with pytest.raises(GuestTimedOut, match=r"still runs after 0\.2 s"):
        await perform(fake, Execute("/bin/sleep", ("99",), timeout=0.2))
    assert fake.commands().count("guest-exec") == 1


async def test_an_agent_out_of_step_is_sent_nothing(fake: FakeAgent) -> None:
    agent = await open_qemu_agent(f"//{fake.path}")
    fake.syncs = False
    with pytest.raises(GuestUnreachable):
        await agent.perform(SET_PASSWORD)
    assert fake.heard == []
    await agent.close()


async def test_a_connection_that_is_gone_is_sent_nothing(fake: FakeAgent) -> None:
    fake.answers["guest-set-user-password"] = [HANG_UP]
    agent = await open_qemu_agent(f"//{fake.path}")
    with pytest.raises(GuestLost):
        await agent.perform(SET_PASSWORD)
    with pytest.raises(GuestUnreachable):
        await agent.perform(SET_PASSWORD)
    assert len(fake.heard) == 1
    await agent.close()


async def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(GuestUnreachable, match="nobody serves"):
        await open_qemu_agent(f"//{tmp_path}/none.sock")
    (tmp_path / "file").touch()
    with pytest.raises(GuestUnreachable, match="nobody serves"):
        await open_qemu_agent(f"//{tmp_path}/file")


async def test_an_agent_that_never_answers_is_unreachable_and_hung_up_on(fake: FakeAgent) -> None:
    fake.syncs = False
    with pytest.raises(GuestUnreachable, match="does not answer"):
        await open_qemu_agent(f"//{fake.path}")
    async with asyncio.timeout(5):
        while fake.open:
            await asyncio.sleep(0.01)


Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\xff{" + b"x" * 65534)
        await writer.drain()


async def _read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()
    await asyncio.sleep(60)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("misbehave", [_flood, _read_nothing, _hang_up])
async def test_a_socket_that_is_no_agent_is_unreachable(
    misbehave: Misbehave, tmp_path: Path
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await misbehave(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "a.sock")
    with pytest.raises(GuestUnreachable):
        await open_qemu_agent(f"//{tmp_path}/a.sock")
    server.close()
