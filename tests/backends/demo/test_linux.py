"""The demo's Linux: boot, log in, find the fault, mend it."""

from __future__ import annotations

from gateway.backends.demo.linux import linux
from gateway.backends.demo.system import System
from gateway.backends.demo.text_machine import TextMachine

PASSWORD = "cedar-raven-opal-12345"
CONTROL, ALT, DELETE, RETURN = 0xFFE3, 0xFFE9, 0xFFFF, 0xFF0D


def booted() -> TextMachine:
    """A machine without pauses: every key has had its effect when `key` returns."""
    machine = TextMachine("web01", {"azureuser": PASSWORD}, linux(System("web01")), pace=0)
    machine.switch_on()
    return machine


def press(machine: TextMachine, *keysyms: int) -> None:
    for keysym in keysyms:
        machine.key(keysym, down=True)
    for keysym in reversed(keysyms):
        machine.key(keysym, down=False)


def type_at(machine: TextMachine, text: str) -> None:
    for letter in text:
        press(machine, RETURN if letter == "\n" else ord(letter))


def logged_in() -> TextMachine:
    machine = booted()
    type_at(machine, f"azureuser\n{PASSWORD}\n")
    assert machine.terminal.text().endswith("azureuser@web01:~$")
    return machine


async def test_it_boots_to_a_login_prompt() -> None:
    machine = booted()
    assert machine.terminal.text().endswith("web01 login:")
    assert (machine.framebuffer.width, machine.framebuffer.height) == (800, 500)


async def test_the_password_is_asked_checked_and_never_shown() -> None:
    machine = booted()
    type_at(machine, "azureuser\n")
    before = machine.framebuffer.pixels.copy()
    type_at(machine, PASSWORD)
    assert (before == machine.framebuffer.pixels).all()
    type_at(machine, "x\n")  # one letter too many
    assert "Login incorrect" in machine.terminal.text()
    type_at(machine, f"nobody\n{PASSWORD}\n")
    assert "$" not in machine.terminal.text()
    type_at(machine, f"azureuser\n{PASSWORD}\n")
    assert machine.terminal.text().endswith("azureuser@web01:~$")
    assert PASSWORD not in machine.terminal.text()


async def test_a_password_changed_from_outside_counts_at_once() -> None:
    machine = booted()
    machine.users["azureuser"] = "new one"
    type_at(machine, f"azureuser\n{PASSWORD}\n")
    assert "Login incorrect" in machine.terminal.text()
    type_at(machine, "azureuser\nnew one\n")
    assert machine.terminal.text().endswith("$")


async def test_the_network_can_be_found_broken_and_mended() -> None:
    machine = logged_in()
    type_at(machine, "ip addr\nping 10.20.0.1\nifup eth0\n")
    screen = machine.terminal.text()
    assert "state DOWN" in screen
    assert "Network is unreachable" in screen
    assert "/etc/network/interfaces:6: unknown option 'adress'" in screen
    type_at(machine, "clear\nsudo sed -i s/adress/address/ /etc/network/interfaces\n")
    type_at(machine, "ifup eth0\nping\nip addr\n")
    screen = machine.terminal.text()
    assert "4 received" in screen
    assert "inet 10.20.0.11/24" in screen
    # What was mended on the disk outlives a reboot.
    type_at(machine, f"reboot\nazureuser\n{PASSWORD}\nip addr\n")
    assert "inet 10.20.0.11/24" in machine.terminal.text()


async def test_a_line_can_be_edited_recalled_and_abandoned() -> None:
    machine = logged_in()
    type_at(machine, "whoamix")
    press(machine, 0xFF08)
    press(machine, RETURN)
    assert "\nazureuser\n" in machine.terminal.text()
    type_at(machine, "clear\n")
    press(machine, 0xFF52)  # clear
    press(machine, 0xFF52)  # whoami
    press(machine, RETURN)
    assert "\nazureuser\n" in machine.terminal.text()
    type_at(machine, "nonsense")
    press(machine, CONTROL, ord("c"))
    assert machine.terminal.text().endswith("nonsense^C\nazureuser@web01:~$")
    type_at(machine, "rubbish")
    press(machine, CONTROL, ord("u"))
    assert machine.terminal.text().endswith("$")
    press(machine, CONTROL, ord("d"))
    assert machine.terminal.text().endswith("web01 login:")


async def test_every_command_of_the_help_works() -> None:
    machine = logged_in()
    for line in (
        "help", "whoami", "hostname", "uname -a", "date", "ip addr", "ifup", "ifup eth0", "ifdown",
        "ifdown eth0", "ping", "dmesg", "ls", "cat notes.txt none", "sed", "sed -i s/a/b/ none",
        "echo 'two words'", "passwd\na\nb", "passwd\nnew\nnew", "'", "", "no-such-command", "clear",
    ):  # fmt: skip
        type_at(machine, f"{line}\n")
        assert machine.terminal.text().endswith("azureuser@web01:~$"), line
    assert machine.users["azureuser"] == "new"
    type_at(machine, "logout\n")
    assert machine.terminal.text().endswith("web01 login:")


async def test_ctrl_alt_delete_starts_again() -> None:
    machine = logged_in()
    sizes = []

    class Watcher:
        def painted(self, operations: object) -> None: ...
        def resized(self) -> None:
            sizes.append((machine.framebuffer.width, machine.framebuffer.height))

        def cursor_changed(self) -> None: ...
        def drop(self) -> None: ...

    machine.watch(Watcher())
    press(machine, CONTROL, ALT, DELETE)
    assert sizes == [(640, 400), (800, 500)]
    assert machine.terminal.text().endswith("web01 login:")
    machine.switch_off()


async def test_a_machine_without_power_takes_no_keys() -> None:
    machine = logged_in()
    machine.switch_off()
    before = machine.terminal.text()
    type_at(machine, "whoami\n")
    press(machine, CONTROL, ALT, DELETE)
    assert machine.terminal.text() == before
    machine.switch_on()
    assert machine.terminal.text().endswith("web01 login:")
