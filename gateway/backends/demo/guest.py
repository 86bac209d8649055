"""The agent inside a demo VM: it answers from what the VM keeps in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.recovery.calls import Answer, Call, Declined, Execute, PowerShell

VERSION: Final = "7.2.0-demo"

NO_PROGRAM: Final = Declined(
    "GenericError", "Guest agent command failed: No such file or directory"
)


@dataclass
class DemoGuest:
    """An agent, and the ways in which tests let it fail.

    `seconds` is what each call takes.
    """

    seconds: float = 0.0
    version: str = VERSION
    stopped: bool = False  # it answers nobody
    hangs: bool = False  # it takes a call and does not come back from it
    falls_silent: bool = False  # it does what it was told, and says nothing
    heard: list[str] = field(default_factory=list)  # the calls by name, never their secrets

    def answer(self, call: Call) -> Answer:
        """Do it at once, and say what came of it."""
        self.heard.append(name_of(call))
        return self._do(call)

    def _do(self, call: Call) -> Answer:
        raise NotImplementedError


def name_of(call: Call) -> str:
    """A short name: the script's, where it is one of ours, or the program's, or the call's."""
    match call:
        case PowerShell(name=name) | Execute("/bin/sh", ("-c", _, name, *_)):
            return name
        case Execute(program=program):
            return program
    return type(call).__name__
