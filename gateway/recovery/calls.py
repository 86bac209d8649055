"""What is asked of a guest agent, and what it may answer: values only, no wire.

INVARIANT: a secret stands in a `Secret` and nowhere else; it goes to a guest as the password of
`SetPassword` or as bytes on standard input, never as an argument of a program.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Never

SECONDS: Final = 1.0
LOOK: Final = 60 * SECONDS  # a question that changes nothing
CHANGE: Final = 300 * SECONDS  # accounts, services, firewalls
DISK: Final = 3600 * SECONDS  # checking every file system may take long

# Windows PowerShell 5.1. `-InputFormat None` keeps the host's hands off standard input, which
# otherwise reads lines of it for `$input` before the script can.
_POWERSHELL: Final = (
    "-NoLogo", "-NoProfile", "-NonInteractive", "-InputFormat", "None", "-OutputFormat", "Text",
    "-ExecutionPolicy", "Bypass", "-EncodedCommand",
)  # fmt: skip


class Secret:
    """A text that no message, log or repr may show; `reveal()` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the wire to the guest only."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not to be pickled or copied")


Argument = str | int | bool | None | Secret


@dataclass(frozen=True, slots=True)
class SetPassword:
    """The agent sets the password of a user that exists (guest-set-user-password)."""

    user: str
    password: Secret
    crypted: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Execute:
    """The agent runs `program` with `arguments` and `input` on standard input (guest-exec).

    `timeout` is in seconds. Arguments show in the guest's process list: nothing secret in there.
    """

    program: str
    arguments: tuple[str, ...] = ()
    input: Secret | bytes | None = None
    timeout: float = CHANGE


@dataclass(frozen=True, slots=True)
class PowerShell:
    """The agent runs a script of ours on Windows, its arguments as one JSON object on stdin.

    `name` is stable: it is what logs say, and what a stand-in for a Windows guest goes by.
    """

    name: str
    script: str = field(repr=False)
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    timeout: float = CHANGE

    def input(self) -> Secret:
        """The JSON for standard input. ASCII only, so that no console code page can garble it."""
        revealed = {
            key: value.reveal() if isinstance(value, Secret) else value
            for key, value in self.arguments.items()
        }
        return Secret(json.dumps(revealed, ensure_ascii=True))

    def as_execute(self) -> Execute:
        """The same as a program to run: the script in the arguments, its JSON on stdin."""
        # -EncodedCommand takes base64 of UTF-16LE.
        encoded = base64.b64encode(self.script.encode("utf-16-le")).decode("ascii")
        return Execute("powershell.exe", (*_POWERSHELL, encoded), self.input(), self.timeout)


@dataclass(frozen=True, slots=True)
class OsInfo:
    """The agent says which operating system it runs in (guest-get-osinfo)."""


Call = SetPassword | Execute | PowerShell | OsInfo


@dataclass(frozen=True, slots=True)
class Done:
    """A program ended: with `exit_code`, or by a signal (None). Its output as bounded text."""

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The agent did it; there is nothing more to say."""


@dataclass(frozen=True, slots=True)
class Told:
    """The agent's answer to a question: its JSON object, hostile and bounded."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declined:
    """The agent did not do it: the class of its error and its description, bounded."""

    error_class: str
    description: str


Answer = Done | Accepted | Told | Declined


def secrets_of(call: Call) -> tuple[Secret, ...]:
    """Every secret that `call` carries, those inside a JSON argument each by itself."""
    match call:
        case SetPassword(password=password):
            return (password,)
        case Execute(input=Secret() as secret):
            return (secret,)
        case PowerShell(arguments=arguments):
            return tuple(v for v in arguments.values() if isinstance(v, Secret))
    return ()
