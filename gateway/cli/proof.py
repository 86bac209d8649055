"""Asking who somebody is: at a terminal, or by flags and standard input for scripts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Annotated

import typer

from gateway.cli.failures import Exit, Failure

UserOption = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="The account's name, instead of asking for it."),
]
PasswordStdinOption = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password from standard input, instead of asking for it."
    ),
]
CodeOption = Annotated[
    str | None,
    typer.Option("--code", metavar="CODE", help="The one-time code, instead of asking for it."),
]


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody proves themself with."""

    user: str | None
    password: str = field(repr=False)
    code: str | None = field(repr=False)


def ask(user: str | None, *, password_stdin: bool, code: str | None, wants_user: bool) -> Proof:
    """Complete what the flags gave. Raises: Failure where there is nobody to ask."""
    if password_stdin:
        if wants_user and user is None:
            raise Failure("--password-stdin needs --user NAME too", Exit.USAGE)
        return Proof(user, password_of_stdin(), code)
    if not sys.stdin.isatty():
        raise Failure(
            "there is no terminal to ask at: use --user, --password-stdin and --code", Exit.USAGE
        )
    if wants_user and user is None:
        user = typer.prompt("User", err=True)
    password = typer.prompt("Password", hide_input=True, err=True)
    if code is None:
        code = typer.prompt("One-time code (empty if you have none)", default="",
                            show_default=False, err=True)  # fmt: skip
    return Proof(user, password, code or None)


def password_of_stdin() -> str:
    """The first line of standard input. Raises: Failure where it is empty."""
    # One line, as `echo` and `pass` end it; what else a password holds is the password's.
    password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not password:
        raise Failure("standard input held no password", Exit.USAGE)
    return password
