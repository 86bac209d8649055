"""From power-on to a login prompt: firmware, kernel, services, getty."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator
from typing import Final

from gateway.backends.demo import fonts
from gateway.backends.demo.program import (
    EndOfInput,
    Interrupted,
    Pause,
    Program,
    ReadLine,
    Request,
    SetFont,
)
from gateway.backends.demo.shell import Shell
from gateway.backends.demo.system import System
from gateway.backends.demo.terminal import Ink, Terminal
from gateway.backends.demo.text_machine import TextMachine

_SERVICES: Final = (
    "Listening on Journal Socket.",
    "Started Journal Service.",
    "Mounted /boot.",
    "Finished Create Static Device Nodes in /dev.",
    "Started Rule-based Manager for Device Events.",
    "Reached target Local File Systems.",
)
_LATE_SERVICES: Final = (
    "Started System Logging Service.",
    "Started OpenBSD Secure Shell server.",
    "Started nginx.service - A high performance web server.",
    "Reached target Multi-User System.",
)
_DELAY_AFTER_WRONG_PASSWORD: Final = 1.0


def linux(system: System) -> Callable[[TextMachine], Program]:
    """The programs of a Linux VM; `system`, its disk, outlives a reboot."""
    host = system.host

    def boot(machine: TextMachine) -> Program:
        system.boot()
        yield from _firmware(machine.terminal)
        yield from _kernel(machine.terminal, system)
        machine.terminal.clear()
        while True:
            user = yield from _log_in(machine, host)
            yield from Shell(machine.terminal, system, user, machine.users).run()
            machine.terminal.clear()

    return boot


def _firmware(terminal: Terminal) -> Program:
    yield SetFont(fonts.small())
    terminal.write("SeaBIOS (version 1.16-demo)\n")
    yield Pause(0.5)
    terminal.write("\nBooting from Hard Disk...\n")
    yield Pause(0.4)
    terminal.write("GRUB loading.\nWelcome to GRUB!\n")
    yield Pause(0.3)


def _kernel(terminal: Terminal, system: System) -> Program:
    yield SetFont(fonts.large())
    for seconds, line in system.kernel_log():
        terminal.write(f"[{seconds:12.6f}] {line}\n")
        yield Pause(0.05)
    for service in _SERVICES:
        yield from _status(terminal, "  OK  ", Ink.GREEN, service)
    if system.network_up:
        yield from _status(terminal, "  OK  ", Ink.GREEN, "Started Raise network interfaces.")
    else:
        yield Pause(0.4)
        text = "Failed to start Raise network interfaces."
        yield from _status(terminal, "FAILED", Ink.RED, text)
    for service in _LATE_SERVICES:
        yield from _status(terminal, "  OK  ", Ink.GREEN, service)
    yield Pause(0.3)


def _status(terminal: Terminal, word: str, ink: Ink, text: str) -> Program:
    terminal.write("[")
    terminal.write(word, ink)
    terminal.write(f"] {text}\n")
    yield Pause(0.06)


def _log_in(machine: TextMachine, host: str) -> Generator[Request, str, str]:
    """Ask until a user proves a password; the generator's value is the user."""
    terminal = machine.terminal
    while True:
        terminal.write(f"\nDebian GNU/Linux 12 {host} tty1\n\n")
        try:
            user = ""
            while not user:
                terminal.write(f"{host} login: ")
                user = (yield ReadLine()).strip()
            terminal.write("Password: ")
            password = yield ReadLine(echo=False)
        except (Interrupted, EndOfInput):
            terminal.clear()
            continue
        if _is_right(machine.users.get(user), password):
            return user
        yield Pause(_DELAY_AFTER_WRONG_PASSWORD)
        terminal.write("\nLogin incorrect\n")


def _is_right(expected: str | None, given: str) -> bool:
    return expected is not None and hmac.compare_digest(expected.encode(), given.encode())
