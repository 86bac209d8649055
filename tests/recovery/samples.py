"""Requests that the tests of recovery share, and answers of guests."""

from __future__ import annotations

from typing import Any

from gateway.recovery.calls import Accepted, Answer, Call, Done, OsInfo, SetPassword, Told
from gateway.recovery.extension import ExtensionRequest, handler_of, parse_extension
from gateway.recovery.plan import Failure, Outcome, Plan, Run, Step, plan_for

PASSWORD = "Tr0mbone-Saffron-71"
ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7 ana@desk"
)

SERVER_2022 = {
    "id": "mswindows",
    "name": "Microsoft Windows",
    "pretty-name": "Windows Server 2022 Datacenter",
    "version": "Microsoft Windows Server 2022",
    "version-id": "2022",
    "variant": "server",
    "variant-id": "server",
    "kernel-version": "10.0",
    "kernel-release": "20348",
    "machine": "x86_64",
}
DEBIAN = {"id": "debian", "name": "Debian GNU/Linux", "version-id": "12", "machine": "x86_64"}


def body(publisher: str, type_: str, version: str, **properties: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "properties": {
            "publisher": publisher,
            "type": type_,
            "typeHandlerVersion": version,
            "autoUpgradeMinorVersion": True,
            **properties,
        },
    }


def windows(
    settings: dict[str, Any] | None = None,
    protected: dict[str, Any] | None = None,
    *,
    name: str = "VMAccessAgent",
) -> ExtensionRequest:
    sent = {"settings": settings or {}}
    if protected is not None:
        sent["protectedSettings"] = protected
    return parse_extension(name, body("Microsoft.Compute", "VMAccessAgent", "2.0", **sent))


def linux(
    settings: dict[str, Any] | None = None,
    protected: dict[str, Any] | None = None,
    *,
    name: str = "VMAccessForLinux",
) -> ExtensionRequest:
    sent = {"settings": settings or {}}
    if protected is not None:
        sent["protectedSettings"] = protected
    return parse_extension(
        name, body("Microsoft.OSTCExtensions", "VMAccessForLinux", "1.5", **sent)
    )


def planned(request: ExtensionRequest) -> Plan:
    plan = plan_for(request, handler_of(request))
    assert isinstance(plan, Plan), plan
    return plan


def refused(request: ExtensionRequest) -> Failure:
    failure = plan_for(request, handler_of(request))
    assert isinstance(failure, Failure), failure
    return failure


def reported_text(failure: Failure) -> str:
    """What stands between the quotes of the frame."""
    start = failure.message.index("Error message: '") + len("Error message: '")
    return failure.message[start : failure.message.rindex("'. More information")]


def usual(call: Call, *, told: dict[str, Any]) -> Answer:
    """What a healthy guest answers."""
    if isinstance(call, OsInfo):
        return Told(told)
    return Accepted() if isinstance(call, SetPassword) else Done(0)


def walk(plan: Plan, **answers: Answer) -> tuple[list[Step], Outcome]:
    """Carry `plan` out; `answers` by the step's key, where the guest is not its usual self."""
    told = SERVER_2022 if plan.handler.os == "windows" else DEBIAN
    run, asked = Run(plan), []
    while (step := run.next()) is not None:
        asked.append(step)
        run.answered(step, answers.get(step.key.replace("-", "_"), usual(step.call, told=told)))
    assert run.outcome is not None
    return asked, run.outcome


def keys(steps: list[Step]) -> list[str]:
    return [step.key for step in steps]
