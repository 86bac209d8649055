"""At a terminal: what is asked, and what is not echoed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.cli.conftest import People, Shell

# A session of its own, then a controlling terminal: passwords are asked for at /dev/tty.
TAKE_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from gateway.cli import main
main()
"""


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        self._screen, terminal = os.openpty()

        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *arguments],
            stdin=terminal, stdout=terminal, stderr=terminal, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        self.shown = ""

    def answer(self, prompt: str, text: str) -> None:
        """Wait until `prompt` stands there, and type a line."""
        self._show_until(lambda: prompt in self.shown.rpartition("\n")[2])
        time.sleep(0.2)  # getpass throws away what was typed before it is ready
        os.write(self._screen, text.encode() + b"\n")

    def end(self) -> int:
        """Show the rest; the exit code."""
        with contextlib.suppress(OSError):  # EIO: nobody is at the other end any more
            self._show_until(lambda: False)
        os.close(self._screen)
        return self.process.wait(timeout=10)

    def _show_until(self, enough: object) -> None:
        assert callable(enough)
        while not enough():
            read = os.read(self._screen, 4096)
            if not read:
                return
            self.shown += read.decode().replace("\r\n", "\n")


def at_terminal(shell: Shell, *arguments: str) -> Terminal:
    environment = {k: v for k, v in shell.environment.items() if v is not None}
    return Terminal(*arguments, environment=os.environ | environment)


@pytest.fixture
def olga(shell: People) -> Iterator[Shell]:
    yield shell("olga", signed_in=False)


def test_login_asks_for_name_password_and_code(olga: Shell) -> None:
    code = olga.site.code("olga") or ""
    terminal = at_terminal(olga, "login")
    terminal.answer("User", "olga")
    terminal.answer("Password", olga.password.strip())
    terminal.answer("One-time code", code)
    assert terminal.end() == 0, terminal.shown
    assert "Signed in" in terminal.shown
    assert olga.password.strip() not in terminal.shown


def test_a_tenant_leaves_the_code_empty(shell: People) -> None:
    contoso = shell("contoso", signed_in=False)
    terminal = at_terminal(contoso, "login", "--user", "contoso")
    terminal.answer("Password", contoso.password.strip())
    terminal.answer("One-time code", "")
    assert terminal.end() == 0, terminal.shown


def test_a_new_password_is_asked_for_twice_and_never_shown(shell: People) -> None:
    contoso = shell("contoso")
    new = ("recovery", "start", contoso.site.vm("web01"), "set-password", "--user", "azureuser")
    terminal = at_terminal(contoso, *new)
    for answer in ("first-Horse-7-battery", "other-Horse-7-battery"):
        terminal.answer("New password: " if answer[0] == "f" else "Repeat", answer)
    for prompt in ("New password: ", "Repeat"):
        terminal.answer(prompt, "first-Horse-7-battery")
    assert terminal.end() == 0, terminal.shown
    assert "do not match" in terminal.shown
    assert "is under way" in terminal.shown
    assert "Horse" not in terminal.shown


def test_connect_asks_again_who_it_is(olga: Shell, shell: People) -> None:
    """Signed in or not: the step-up is a proof of its own."""
    contoso, web01 = shell("contoso"), olga.site.vm("web01")
    contoso.ok("consent", "request", web01)
    olga.login()
    code = olga.site.code("olga") or ""
    terminal = at_terminal(olga, "connect", web01, "--json")
    terminal.answer("Password", olga.password.strip())
    terminal.answer("One-time code", code)
    assert terminal.end() == 0, terminal.shown
    assert "/connect#" in terminal.shown
    assert "User" not in terminal.shown
    contoso.ok("consent", "delete", web01)
