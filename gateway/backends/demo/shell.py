"""The demo's tiny shell: enough of Linux to find out why the network is down, and to mend it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, cast

from gateway.backends.demo.program import EndOfInput, Interrupted, Pause, Program, ReadLine, Reboot
from gateway.backends.demo.system import ADDRESS, DNS, INTERFACES, System
from gateway.backends.demo.terminal import Ink, Terminal

_SUBSTITUTION: Final = re.compile(r"s/([^/]+)/([^/]*)/g?")
_UNAME: Final = "Linux {host} 6.1.0-demo #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux"
_LINK: Final = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN
    inet 127.0.0.1/8 scope host lo
2: eth0: <BROADCAST,MULTICAST{flags}> mtu 1500 state {state}
    link/ether 52:54:00:de:00:11 brd ff:ff:ff:ff:ff:ff
"""
_INET: Final = f"    inet {ADDRESS}/24 brd 10.20.0.255 scope global eth0\n"

Command = Callable[["Shell", list[str]], Program | None]


class Shell:
    """One login of `user`, from the prompt to `logout`."""

    def __init__(
        self, terminal: Terminal, system: System, user: str, users: dict[str, str]
    ) -> None:
        self.terminal = terminal
        self.system = system
        self.user = user
        self.users = users
        self.done = False

    def run(self) -> Program:
        """Read and obey until the user logs out. Raises: Reboot."""
        say = self.terminal.write
        say(f"\nLinux {self.system.host} 6.1.0-demo x86_64\n\n" + self.system.files["/etc/motd"])
        while not self.done:
            say(f"{self.user}@{self.system.host}", Ink.GREEN)
            say(":")
            say("~", Ink.BLUE)
            say("$ ")
            try:
                yield from self._obey((yield ReadLine()))
            except Interrupted:
                continue
            except EndOfInput:
                return

    def _obey(self, line: str) -> Program:
        try:
            words = shlex.split(line)
        except ValueError:
            self.terminal.write("sh: unterminated quoted string\n")
            return
        if words and words[0] == "sudo":
            words.pop(0)
        if not words:
            return
        command = COMMANDS.get(words[0])
        if command is None:
            self.terminal.write(f"sh: {words[0]}: not found (help lists what there is)\n")
            return
        yield from command(self, words[1:]) or ()


def _help(shell: Shell, _: list[str]) -> None:
    """this list"""
    for name, command in COMMANDS.items():
        if command.__doc__:
            shell.terminal.write(f"  {name:10} {command.__doc__}\n")


def _whoami(shell: Shell, _: list[str]) -> None:
    """who you are"""
    shell.terminal.write(f"{shell.user}\n")


def _uname(shell: Shell, words: list[str]) -> None:
    """the kernel: uname -a"""
    full = _UNAME.format(host=shell.system.host)
    shell.terminal.write((full if words else "Linux") + "\n")


def _hostname(shell: Shell, _: list[str]) -> None:
    """this machine's name"""
    shell.terminal.write(shell.system.files["/etc/hostname"])


def _date(shell: Shell, _: list[str]) -> None:
    """the time"""
    shell.terminal.write(f"{datetime.now(UTC):%a %d %b %Y %H:%M:%S} UTC\n")


def _ip(shell: Shell, _: list[str]) -> None:
    """the network's state: ip addr"""
    up = shell.system.network_up
    flags, state = (",UP,LOWER_UP", "UP") if up else ("", "DOWN")
    shell.terminal.write(_LINK.format(flags=flags, state=state) + (_INET if up else ""))


def _ifup(shell: Shell, words: list[str]) -> Program:
    """bring an interface up: ifup eth0"""
    if words != ["eth0"]:
        shell.terminal.write("usage: ifup eth0\n")
        return
    yield Pause(0.4, interruptible=True)
    if fault := shell.system.network_fault():
        shell.terminal.write(f"ifup: {fault}\nifup: couldn't read interfaces file\n")
        return
    shell.system.network_up = True
    shell.terminal.write(f"eth0: {ADDRESS}/24 via {DNS}\n")


def _ifdown(shell: Shell, words: list[str]) -> None:
    """bring an interface down: ifdown eth0"""
    if words != ["eth0"]:
        shell.terminal.write("usage: ifdown eth0\n")
        return
    shell.system.network_up = False


def _ping(shell: Shell, words: list[str]) -> Program:
    """try the gateway: ping 10.20.0.1"""
    say = shell.terminal.write
    if not shell.system.network_up:
        say("ping: connect: Network is unreachable\n")
        return
    where = words[-1][:40] if words else DNS
    say(f"PING {where} 56(84) bytes of data.\n")
    for count in range(1, 5):
        yield Pause(0.8, interruptible=True)
        say(f"64 bytes from {DNS}: icmp_seq={count} ttl=64 time=0.{320 + 17 * count} ms\n")
    say("4 packets transmitted, 4 received, 0% packet loss\n")


def _ls(shell: Shell, _: list[str]) -> None:
    """files here, and those that matter elsewhere"""
    shell.terminal.write("\n".join(sorted(shell.system.files)) + "\n")


def _cat(shell: Shell, words: list[str]) -> None:
    """show a file: cat notes.txt"""
    for name in words:
        missing = f"cat: {name}: No such file or directory\n"
        shell.terminal.write(shell.system.files.get(name, missing))


def _sed(shell: Shell, words: list[str]) -> None:
    """edit a file: sed -i s/old/new/ FILE"""
    match words:
        case ["-i", script, name] if found := _SUBSTITUTION.fullmatch(script):
            if name not in shell.system.files:
                shell.terminal.write(f"sed: can't read {name}: No such file or directory\n")
                return
            text = shell.system.files[name].replace(found[1], found[2])
            shell.system.files[name] = text[:4000]
        case _:
            shell.terminal.write(f"usage: sed -i s/old/new/ {INTERFACES}\n")


def _dmesg(shell: Shell, _: list[str]) -> None:
    """what the kernel said"""
    for seconds, line in shell.system.kernel_log():
        shell.terminal.write(f"[{seconds:12.6f}] {line}\n")


def _echo(shell: Shell, words: list[str]) -> None:
    """say it again"""
    shell.terminal.write(" ".join(words) + "\n")


def _passwd(shell: Shell, _: list[str]) -> Program:
    """change your password"""
    shell.terminal.write("New password: ")
    first = yield ReadLine(echo=False)
    shell.terminal.write("Retype new password: ")
    second = yield ReadLine(echo=False)
    if not first or first != second:
        shell.terminal.write("passwd: passwords do not match, unchanged\n")
        return
    shell.users[shell.user] = first
    shell.terminal.write("passwd: password updated successfully\n")


def _clear(shell: Shell, _: list[str]) -> None:
    """an empty screen"""
    shell.terminal.clear()


def _reboot(shell: Shell, _: list[str]) -> Program:
    """start again"""
    shell.terminal.write("The system will reboot now!\n")
    yield Pause(0.6)
    raise Reboot


def _logout(shell: Shell, _: list[str]) -> None:
    """leave"""
    shell.done = True


def _leave(shell: Shell, _: list[str]) -> None:
    shell.done = True


COMMANDS: Final[dict[str, Command]] = cast(
    "dict[str, Command]",
    {
        "help": _help, "whoami": _whoami, "hostname": _hostname, "uname": _uname, "date": _date,
        "ip": _ip, "ifup": _ifup, "ifdown": _ifdown, "ping": _ping, "dmesg": _dmesg,
        "ls": _ls, "cat": _cat, "sed": _sed, "echo": _echo, "passwd": _passwd,
        "clear": _clear, "reboot": _reboot, "logout": _logout, "exit": _leave,
    },
)  # fmt: skip
