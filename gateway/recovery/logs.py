"""The lines of an agent's log files, as the VMAccess documentation names the files.

`CommandExecution.log` records each command executed along with its result, `extension.log` each
execution. No line holds a secret, and what a guest said is one bounded line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.recovery.calls import Answer, Call, Execute, PowerShell, Secret, SetPassword
from gateway.recovery.handlers import GuestOs, Handler
from gateway.recovery.redaction import answer_in_words
from gateway.recovery.run import Outcome, Success
from gateway.recovery.steps import Plan, Step

COMMANDS: Final = "CommandExecution.log"
EXECUTIONS: Final = "extension.log"
FILES: Final = (COMMANDS, EXECUTIONS)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of one of `FILES`, without a line break."""

    file: str
    at: datetime
    text: str


def directory(handler: Handler, version: str) -> str:
    """Where the documentation says that the files lie, with the separator of that system."""
    if handler.os is GuestOs.WINDOWS:
        return f"C:\\WindowsAzure\\Logs\\Plugins\\{handler.full_name}\\{version}\\"
    return f"/var/log/azure/{handler.full_name}/"


def started(plan: Plan, version: str, at: datetime) -> tuple[LogLine, ...]:
    """An execution begins."""
    name = plan.handler.full_name
    return (
        LogLine(EXECUTIONS, at, f"{name} {version} started for '{plan.extension_name}'"),
        LogLine(EXECUTIONS, at, f"asked for: {plan.title}; steps planned: {len(plan.steps)}"),
    )


def asked(step: Step, at: datetime) -> tuple[LogLine, ...]:
    """A step is sent to the guest."""
    return (
        LogLine(EXECUTIONS, at, f"step {step.key}: {step.title}"),
        LogLine(COMMANDS, at, f"command: {command_in_words(step.call)}"),
    )


def answered(plan: Plan, step: Step, answer: Answer, at: datetime) -> tuple[LogLine, ...]:
    """The guest answered a step."""
    said = answer_in_words(answer, plan.secrets())
    return (
        LogLine(COMMANDS, at, f"result: {said}"),
        LogLine(EXECUTIONS, at, f"step {step.key}: {said}"),
    )


def unanswered(step: Step, reason: str, at: datetime) -> tuple[LogLine, ...]:
    """No answer came; `reason` is ours, not the guest's."""
    return (
        LogLine(COMMANDS, at, f"result: none, {reason}"),
        LogLine(EXECUTIONS, at, f"step {step.key}: no answer, {reason}"),
    )


def ended(outcome: Outcome, at: datetime) -> tuple[LogLine, ...]:
    """An execution is over."""
    if isinstance(outcome, Success):
        return (LogLine(EXECUTIONS, at, f"succeeded: {outcome.message}"),)
    return (LogLine(EXECUTIONS, at, f"failed: {outcome.code}: {outcome.message}"),)


def command_in_words(call: Call) -> str:
    """One line that says what was asked; scripts by their names, secrets as `***`."""
    match call:
        case SetPassword(user=user):
            return f"guest-set-user-password {user} ***"
        case PowerShell(name=name, arguments=arguments):
            given = {
                key: str(value) if isinstance(value, Secret) else value
                for key, value in arguments.items()
            }
            return f"powershell.exe {name} < {json.dumps(given)}"
        case Execute(program="/bin/sh", arguments=("-c", _, *words)):
            return " ".join(("/bin/sh", *words, *(("< ***",) if call.input else ())))
        case Execute(program=program, arguments=words):
            return " ".join((program, *words, *(("< ***",) if call.input else ())))
    return "guest-get-osinfo"
