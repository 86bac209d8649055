"""A demo VM with Windows, in text: a lock screen, a logon that asks user and password, a prompt."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

from gateway.backends.demo import fonts
from gateway.backends.demo.program import (
    Attention,
    EndOfInput,
    Interrupted,
    Pause,
    Program,
    ReadLine,
    Request,
    SetFont,
)
from gateway.backends.demo.terminal import COLUMNS, Ink, Terminal
from gateway.backends.demo.text_machine import TextMachine
from gateway.backends.demo.windows_accounts import WindowsAccounts

_DELAY_AFTER_WRONG_PASSWORD: Final = 1.0
_HELP: Final = """\
net user                        who has an account
net localgroup Administrators   who administers
whoami, hostname, cls, logoff, help
Ctrl+Alt+Del locks the screen.
"""


class WindowsMachine(TextMachine):
    """Ctrl+Alt+Del leads to its logon screen instead of restarting it."""

    os = "windows"

    def __init__(self, name: str, accounts: WindowsAccounts, *, pace: float = 1.0) -> None:
        super().__init__(name, accounts.users, windows(name, accounts), pace=pace)

    def _secure_attention(self) -> None:
        if self.powered and isinstance(self._waiting, ReadLine):
            self._throw(Attention())


def windows(host: str, accounts: WindowsAccounts) -> Callable[[TextMachine], Program]:
    """The programs of a Windows VM."""

    def boot(machine: TextMachine) -> Program:
        terminal = machine.terminal
        yield SetFont(fonts.small())
        terminal.write("UEFI Firmware (version 2.7-demo)\n")
        yield Pause(0.5)
        yield SetFont(fonts.large())
        terminal.write("\n" * 10)
        _centred(terminal, "Windows Server 2022")
        _centred(terminal, "Getting ready")
        yield Pause(1.0)
        while True:
            yield from _locked(terminal, host)
            user = yield from _log_on(terminal, host, accounts)
            if user is not None:
                yield from _prompt(terminal, host, user, accounts)

    return boot


def _locked(terminal: Terminal, host: str) -> Program:
    """Whatever is typed, until Ctrl+Alt+Del."""
    while True:
        terminal.write("\f" + "\n" * 9)
        _centred(terminal, host, Ink.WHITE)
        _centred(terminal, "Windows Server 2022\n")
        _centred(terminal, "Press Ctrl+Alt+Delete to unlock.")
        try:
            yield ReadLine(echo=False)
        except (Interrupted, EndOfInput):
            continue
        except Attention:
            return


def _log_on(
    terminal: Terminal, host: str, accounts: WindowsAccounts
) -> Generator[Request, str, str | None]:
    """The user who proves a password; None where the screen is locked again."""
    terminal.write("\f\n\n")
    _centred(terminal, f"Sign in to {host}\n", Ink.WHITE)
    try:
        while True:
            terminal.write("  User name: ")
            name = (yield ReadLine()).strip()
            terminal.write("  Password:  ")
            password = yield ReadLine(echo=False)
            user = accounts.log_on(name, password)
            if user is not None:
                return user
            yield Pause(_DELAY_AFTER_WRONG_PASSWORD)
            # The same words whatever was wrong, as Windows has them.
            terminal.write("\n  The user name or password is incorrect. Try again.\n\n", Ink.YELLOW)
    except (Interrupted, EndOfInput, Attention):
        return None


def _prompt(terminal: Terminal, host: str, user: str, accounts: WindowsAccounts) -> Program:
    """Read and obey until the user logs off or the screen is locked."""
    terminal.write("\fMicrosoft Windows [Version 10.0.20348.1]\nType help.\n")
    while True:
        terminal.write(f"\nC:\\Users\\{user}>")
        try:
            line = " ".join((yield ReadLine()).lower().split())
        except Interrupted:
            continue
        except (EndOfInput, Attention):
            return
        if line in {"logoff", "exit"}:
            return
        terminal.write(_said(line, host, user, accounts))


def _said(line: str, host: str, user: str, accounts: WindowsAccounts) -> str:
    """What a command prints."""
    known = {
        "": "",
        "cls": "\f",
        "help": _HELP,
        "hostname": f"{host}\n",
        "whoami": f"{host}\\{user.lower()}\n",
        "net user": "".join(f"{name}\n" for name in sorted(accounts.users)),
        "net localgroup administrators": "".join(f"{n}\n" for n in sorted(accounts.administrators)),
    }
    unknown = f"'{line.partition(' ')[0]}' is not recognized as a command. Type help.\n"
    return known.get(line, unknown)


def _centred(terminal: Terminal, text: str, ink: Ink = Ink.GREY) -> None:
    terminal.write(text.center(COLUMNS - 1).rstrip(" ") + "\n", ink)
