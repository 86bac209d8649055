"""The demo's Windows: locked, unlocked by Ctrl+Alt+Del, a user and the right password."""

from __future__ import annotations

from gateway.backends.demo.windows import WindowsMachine
from gateway.backends.demo.windows_accounts import WindowsAccounts
from tests.backends.demo.test_linux import ALT, CONTROL, DELETE, press, type_at

PASSWORD = "Correct-Horse-7"


def accounts() -> WindowsAccounts:
    return WindowsAccounts({"Administrator": PASSWORD, "dana": "Other-Pass-12"}, {"Administrator"})


def booted(people: WindowsAccounts) -> WindowsMachine:
    machine = WindowsMachine("win01", people, pace=0)
    machine.switch_on()
    return machine


def text(machine: WindowsMachine) -> str:
    return machine.terminal.text()


def unlock(machine: WindowsMachine) -> None:
    press(machine, CONTROL, ALT, DELETE)


async def test_it_is_locked_until_ctrl_alt_delete() -> None:
    machine = booted(accounts())
    assert machine.os == "windows"
    assert "Press Ctrl+Alt+Delete to unlock." in text(machine)
    type_at(machine, "administrator\n")
    press(machine, CONTROL, ord("c"))
    press(machine, CONTROL, ord("d"))
    assert "Press Ctrl+Alt+Delete to unlock." in text(machine)
    assert "administrator" not in text(machine)
    unlock(machine)
    assert text(machine).endswith("User name:")


async def test_it_opens_to_user_and_password_in_any_case_of_the_name() -> None:
    machine = booted(accounts())
    unlock(machine)
    type_at(machine, f"ADMINISTRATOR\n{PASSWORD}\n")
    assert text(machine).endswith("C:\\Users\\Administrator>")
    assert PASSWORD not in text(machine)


async def test_wrong_passwords_names_and_disabled_accounts_look_alike() -> None:
    people = accounts()
    people.disabled.add("dana")
    machine = booted(people)
    unlock(machine)
    attempts = ("Administrator\nwrong", "nobody\nx", "dana\nOther-Pass-12", "\n")
    for count, attempt in enumerate(attempts, 1):
        type_at(machine, f"{attempt}\n")
        assert text(machine).count("The user name or password is incorrect.") == count
        assert "C:\\Users" not in text(machine)


async def test_a_password_changed_from_outside_counts_at_once() -> None:
    people = accounts()
    machine = booted(people)
    unlock(machine)
    people.set_password("Administrator", "Entirely-New-1")
    type_at(machine, f"administrator\n{PASSWORD}\n")
    assert "incorrect" in text(machine)
    type_at(machine, "administrator\nEntirely-New-1\n")
    assert text(machine).endswith("C:\\Users\\Administrator>")


async def test_ctrl_alt_delete_locks_it_again() -> None:
    machine = booted(accounts())
    unlock(machine)
    type_at(machine, "dana\nOther-Pass-12\nwho")
    unlock(machine)
    assert "Press Ctrl+Alt+Delete to unlock." in text(machine)
    assert "dana" not in text(machine)
    unlock(machine)
    unlock(machine)  # from the logon back to the lock
    assert "Press Ctrl+Alt+Delete to unlock." in text(machine)


async def test_every_command_of_its_help_works() -> None:
    machine = booted(accounts())
    unlock(machine)
    type_at(machine, f"administrator\n{PASSWORD}\n")
    for line in ("help", "whoami", "hostname", "net user", "NET localgroup  administrators", "",
                 "cls", "format c:"):  # fmt: skip
        type_at(machine, f"{line}\n")
        assert text(machine).endswith("C:\\Users\\Administrator>"), line
    assert "'format' is not recognized" in text(machine)
    type_at(machine, "net user\n")
    assert "\ndana\n" in text(machine)
    press(machine, CONTROL, ord("c"))
    type_at(machine, "logoff\n")
    assert "Press Ctrl+Alt+Delete to unlock." in text(machine)


async def test_ctrl_alt_delete_does_not_disturb_a_boot() -> None:
    machine = WindowsMachine("win01", accounts(), pace=5)
    machine.switch_on()
    unlock(machine)
    assert "UEFI Firmware" in text(machine)
    machine.switch_off()
    unlock(machine)
    assert "UEFI Firmware" in text(machine)
