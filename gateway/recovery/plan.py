"""From a request to a plan, and a plan in words. The parts live in `steps`, `run` and by system."""

from __future__ import annotations

from typing import Any

from gateway.recovery.calls import Call, Execute, PowerShell, Secret, SetPassword
from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import GuestOs, Handler
from gateway.recovery.kinds import ActionKind
from gateway.recovery.linux import linux_plan
from gateway.recovery.run import Outcome, Run, Success
from gateway.recovery.steps import Plan, Reading, Step
from gateway.recovery.windows import windows_plan

__all__ = [
    "ActionKind",
    "Failure",
    "Outcome",
    "Plan",
    "Reading",
    "Run",
    "Step",
    "Success",
    "describe",
    "plan_for",
]


def plan_for(request: ExtensionRequest, handler: Handler) -> Plan | Failure:
    """What `request` asks of a guest; or the failure that is known without asking one (E5)."""
    if handler.os is GuestOs.WINDOWS:
        return windows_plan(request, handler)
    return linux_plan(request, handler)


def describe(plan: Plan) -> dict[str, Any]:
    """The plan as JSON, secrets left out: what golden files and reviewers read."""
    return {
        "handler": plan.handler.full_name,
        "extension": plan.extension_name,
        "kind": plan.kind.value,
        "title": plan.title,
        "steps": [_step(step) for step in plan.steps],
        "success": plan.done,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "key": step.key,
        "title": step.title,
        "changes": step.changes,
        "when": sorted(step.when),
        "unless": sorted(step.unless),
        "call": describe_call(step.call),
        "answers": {reading.fit.words(): _meaning(reading) for reading in step.readings},
    }


def _meaning(reading: Reading) -> str:
    if reading.failure is not None:
        return f"{reading.failure.code}: {reading.failure.message}"
    return f"found: {reading.finding}" if reading.finding else "go on"


def describe_call(call: Call) -> dict[str, Any]:
    """One call as JSON, secrets left out."""
    match call:
        case SetPassword(user=user, crypted=crypted):
            return {"ask": "set-password", "user": user, "password": "***", "crypted": crypted}
        case PowerShell(name=name, script=script, arguments=arguments, timeout=timeout):
            return {
                "ask": "powershell",
                "name": name,
                "stdin": {
                    key: str(value) if isinstance(value, Secret) else value
                    for key, value in arguments.items()
                },
                "timeout": timeout,
                "script": script.strip().splitlines(),
            }
        case Execute(program="/bin/sh", arguments=("-c", script, name, *words)):
            return {
                "ask": "shell",
                "name": name,
                "arguments": words,
                "stdin": _stdin(call),
                "timeout": call.timeout,
                "script": script.strip().splitlines(),
            }
        case Execute(program=program, arguments=words):
            return {
                "ask": "execute",
                "program": program,
                "arguments": list(words),
                "stdin": _stdin(call),
                "timeout": call.timeout,
            }
    return {"ask": "os-info"}


def _stdin(call: Execute) -> list[str] | str | None:
    if isinstance(call.input, bytes):
        return call.input.decode("utf-8").splitlines()
    return None if call.input is None else str(call.input)
