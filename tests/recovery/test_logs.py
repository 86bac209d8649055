"""The agent's log files, as the documentation describes them."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.recovery import logs
from gateway.recovery.calls import Accepted, Declined, Done, Told
from gateway.recovery.catalogue import silent_agent
from gateway.recovery.handlers import LINUX, WINDOWS
from gateway.recovery.logs import COMMANDS, EXECUTIONS, LogLine
from gateway.recovery.plan import Plan, Success
from tests.recovery.samples import ED25519, PASSWORD, SERVER_2022, linux, planned, windows

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
UPDATE = planned(windows({"username": "myuser"}, {"password": PASSWORD}))
USER = planned(linux({}, {"username": "ana", "password": PASSWORD, "ssh_key": ED25519}))


def commands(plan: Plan) -> list[str]:
    return [
        line.text for step in plan.steps for line in logs.asked(step, NOW) if line.file == COMMANDS
    ]


def test_the_files_lie_where_the_documentation_says() -> None:
    assert logs.directory(WINDOWS, "2.4.11") == (
        "C:\\WindowsAzure\\Logs\\Plugins\\Microsoft.Compute.VMAccessAgent\\2.4.11\\"
    )
    assert logs.FILES == ("CommandExecution.log", "extension.log")
    assert logs.directory(LINUX, "1.5.25").endswith("Microsoft.OSTCExtensions.VMAccessForLinux/")


def test_each_command_is_one_line_without_its_secrets() -> None:
    assert commands(UPDATE)[:5] == [
        "command: guest-get-osinfo",
        "command: powershell.exe inspect-machine < {}",
        'command: powershell.exe inspect-account < {"user": "myuser"}',
        'command: powershell.exe create-administrator < {"user": "myuser", "password": "***"}',
        'command: powershell.exe set-password < {"user": "myuser", "password": "***"}',
    ]
    assert commands(USER) == [
        "command: guest-get-osinfo",
        "command: /bin/sh inspect-account ana",
        "command: useradd -m ana",
        "command: guest-set-user-password ana ***",
        "command: /bin/sh allow-sudo ana ALL",
        "command: /bin/sh allow-passwords",
        "command: /bin/sh restart-ssh",
        "command: /bin/sh set-ssh-key ana append < ***",
    ]


def test_each_command_is_followed_by_its_result() -> None:
    step = UPDATE.steps[4]
    for answer, words in (
        (Done(0), "exit code 0"),
        (Done(23), "exit code 23"),
        (Done(None), "ended by a signal"),
        (Done(1, stderr="a\nb"), "exit code 1: a b"),
        (Done(1, stdout="out", truncated=True), "exit code 1: out (cut short)"),
        (Done(1, stderr=PASSWORD), "exit code 1: (not shown: it repeated a secret)"),
        (Accepted(), "accepted"),
        (Declined("GenericError", "no"), "declined: GenericError: no"),
        (Told(SERVER_2022), "told: Windows Server 2022 Datacenter"),
        (Told({"id": ["x"]}), "told: ['x']"),
    ):
        assert logs.answered(UPDATE, step, answer, NOW) == (
            LogLine(COMMANDS, NOW, f"result: {words}"),
            LogLine(EXECUTIONS, NOW, f"step password: {words}"),
        )


def test_an_execution_has_a_beginning_and_an_end() -> None:
    assert [line.text for line in logs.started(UPDATE, "2.4.11", NOW)] == [
        "Microsoft.Compute.VMAccessAgent 2.4.11 started for 'VMAccessAgent'",
        "asked for: Reset a password; steps planned: 9",
    ]
    assert logs.ended(Success("Enable succeeded."), NOW) == (
        LogLine(EXECUTIONS, NOW, "succeeded: Enable succeeded."),
    )
    failure = silent_agent("web01")
    assert logs.ended(failure, NOW)[0].text == f"failed: {failure.code}: {failure.message}"


def test_a_step_without_an_answer_says_so() -> None:
    assert [line.text for line in logs.unanswered(UPDATE.steps[4], "the agent is silent", NOW)] == [
        "result: none, the agent is silent",
        "step password: no answer, the agent is silent",
    ]
