"""A demo VM's Windows, as its agent sees it: accounts and Remote Desktop.

It answers the recovery scripts by their names: there is no PowerShell here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.backends.demo.guest import NO_PROGRAM, DemoGuest
from gateway.backends.demo.windows_accounts import WindowsAccounts
from gateway.recovery import windows_scripts as scripts
from gateway.recovery.calls import (
    Accepted,
    Answer,
    Call,
    Declined,
    Done,
    OsInfo,
    PowerShell,
    Secret,
    SetPassword,
    Told,
)
from gateway.recovery.windows_scripts import DEFAULT_PORT, Exit

_POLICY: Final = (
    "The password does not meet the password policy requirements. Check the minimum password "
    "length, password complexity and password history requirements."
)


@dataclass
class RemoteDesktop:
    """Broken from the start: that is what a reset is for."""

    allowed: bool = False
    port: int = 33890
    open_port: int | None = None  # in the firewall
    running: bool = False


class WindowsGuest(DemoGuest):
    """`domain_controller` and `supported` are what the guest finds out about itself."""

    def __init__(self, accounts: WindowsAccounts, *, seconds: float = 0.0) -> None:
        super().__init__(seconds=seconds)
        self.accounts = accounts
        self.remote_desktop = RemoteDesktop()
        self.domain_controller = False
        self.supported = True

    def _do(self, call: Call) -> Answer:
        match call:
            case OsInfo():
                return Told(self._os_info())
            case PowerShell(name=name, arguments=given):
                return self._script(name, {key: _plain(value) for key, value in given.items()})
            case SetPassword(user, password, crypted=False):
                return self._set_password_by_agent(user, password.reveal())
        return NO_PROGRAM

    def _os_info(self) -> dict[str, str]:
        year, build = ("2022", "20348") if self.supported else ("2012R2", "9600")
        return {
            "id": "mswindows",
            "name": "Microsoft Windows",
            "pretty-name": f"Windows Server {year} Standard",
            "version": f"Microsoft Windows Server {year}",
            "version-id": year,
            "variant": "server",
            "variant-id": "server",
            "machine": "x86_64",
            "kernel-version": "10.0" if self.supported else "6.3",
            "kernel-release": build,
        }

    def _script(self, name: str, given: dict[str, Any]) -> Answer:
        desktop = self.remote_desktop
        code = Exit.DONE
        match name:
            case scripts.INSPECT_MACHINE:
                code = self._inspect_machine()
            case scripts.INSPECT_ACCOUNT:
                code = self._inspect_account(given["user"])
            case scripts.CREATE_ADMINISTRATOR:
                code = self._set_password(given["user"], given["password"], new=True)
            case scripts.SET_PASSWORD:
                code = self._set_password(given["user"], given["password"], new=False)
            case scripts.ENABLE_ACCOUNT:
                code = self._enable(given["user"])
            case scripts.ALLOW_CONNECTIONS:
                desktop.allowed = True
            case scripts.RESTORE_PORT:
                desktop.port = given.get("port") or DEFAULT_PORT
            case scripts.OPEN_FIREWALL:
                desktop.open_port = given.get("port") or desktop.port
            case scripts.START_SERVICE:
                desktop.running = True
            case _:
                return Done(1, stderr=f"{name} : The term is not recognized.\n")
        return Done(code)

    def _inspect_machine(self) -> Exit:
        if not self.supported:
            return Exit.UNSUPPORTED
        return Exit.DOMAIN_CONTROLLER if self.domain_controller else Exit.DONE

    def _inspect_account(self, name: str) -> Exit:
        user = self.accounts.find(name)
        if user is None:
            return Exit.NO_SUCH_ACCOUNT
        return Exit.DONE if user in self.accounts.administrators else Exit.NOT_AN_ADMINISTRATOR

    def _set_password(self, name: str, password: str, *, new: bool) -> Exit:
        user = name if new else self.accounts.find(name)
        if user is None:
            return Exit.NO_SUCH_ACCOUNT
        if not self.accounts.allows(user, password):
            return Exit.PASSWORD_POLICY
        self.accounts.set_password(user, password)
        if new:
            self.accounts.administrators.add(user)
        return Exit.DONE

    def _enable(self, name: str) -> Exit:
        user = self.accounts.find(name)
        if user is None:
            return Exit.NO_SUCH_ACCOUNT
        self.accounts.disabled.discard(user)
        return Exit.DONE

    def _set_password_by_agent(self, name: str, password: str) -> Answer:
        match self._set_password(name, password, new=False):
            case Exit.DONE:
                return Accepted()
            case Exit.NO_SUCH_ACCOUNT:
                return Declined("GenericError", "The user name could not be found.")
        return Declined("GenericError", _POLICY)


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value
