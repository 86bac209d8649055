"""How a command ends when it does not succeed: one plain sentence and an exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    REFUSED = 1  # the gateway said no, or the thing failed
    USAGE = 2
    UNREACHABLE = 3  # no gateway answered


class Failure(Exception):
    """`message` is one sentence for a person: what went wrong and what to do about it."""

    def __init__(self, message: str, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Refusal(Failure):
    """The gateway answered with an error of its own; `reason_code` is its word for programs."""

    def __init__(self, status: int, reason_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason_code = reason_code
