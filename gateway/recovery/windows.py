"""Windows: what Microsoft.Compute.VMAccessAgent does, as the seed's page says it.

Its scripts were not run on a real Windows guest here (see `windows_scripts`).

With a user and a password: that user becomes, or stays, an administrator with that password, is
enabled, and Remote Desktop is set to let it in. Without either: Remote Desktop is reset, its port
included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.recovery import windows_scripts as scripts
from gateway.recovery.calls import CHANGE, LOOK, Answer, Argument, OsInfo, PowerShell, Secret, Told
from gateway.recovery.catalogue import (
    CANNOT_UPDATE,
    Failure,
    domain_controller,
    empty_password,
    not_an_administrator,
    password_policy,
    reported,
)
from gateway.recovery.extension import ExtensionRequest, folded
from gateway.recovery.handlers import Handler
from gateway.recovery.kinds import WORDS, ActionKind
from gateway.recovery.steps import GOES_ON, Holds, Plan, Reading, Refused, Step, exits
from gateway.recovery.windows_scripts import SCRIPTS, Exit

# The seed's table: Windows 10 and 11; Windows Server 2016, 2019, 2022 and 2025, Core or not; x64
# and ARM64. By the names that guest-get-osinfo gives them, and by their first builds.
SUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    "client": frozenset({"10", "11"}),
    "server": frozenset({"2016", "2019", "2022", "2025"}),
}
_FIRST_BUILD: Final = {"client": 10240, "server": 14393}
_OTHER_MACHINES: Final = frozenset({"x86", "ia64"})
NOT_SUPPORTED: Final = (
    "VMAccess Extension supports Windows 10, Windows 11, and Windows Server 2016, 2019, 2022 and "
    "2025, on x64 and ARM64."
)

# What a local account may be called (NetUserAdd): 1 to 20 characters, none of these, not only dots
# and blanks.
_USER: Final = re.compile(r'(?=.*[^. ])[^\x00-\x1f\x7f"/\\\[\]:;|=,+*?<>@]{1,20}')
_PASSWORD_CHARACTERS: Final = 256

_UNKNOWN_USER: Final = "the user is new"
_KNOWN: Final = frozenset({"username", "password"})
UNKNOWN_SETTINGS: Final = (
    "The settings ask for something that VMAccessAgent does not do. It takes a username and a "
    "password, or nothing at all to reset Remote Desktop."
)

UPDATED: Final = "Successfully updated Admin account and Remote Desktop Connection settings."
RESET: Final = "Successfully reset Remote Desktop Connection settings."


def windows_plan(request: ExtensionRequest, handler: Handler) -> Plan | Failure:
    """The plan of a VMAccessAgent request, or the failure that its settings lead to."""
    settings, protected = folded(request.settings), folded(request.protected or {})
    user = settings.get("username") or protected.get("username")
    password = protected.get("password")
    if not user and not password:
        if any(settings.keys() - _KNOWN) or any(protected.keys() - _KNOWN):
            # Whoever asks for something else must not get a reset instead.
            return reported(request.name, handler, CANNOT_UPDATE + UNKNOWN_SETTINGS)
        kind, steps, done = ActionKind.RESET_REMOTE_DESKTOP, _reset_steps(), RESET
    else:
        fault = _fault(user, password, request.name, handler)
        if fault is not None:
            return fault
        kind, done = ActionKind.SET_PASSWORD, UPDATED
        steps = (
            *_account_steps(str(user), Secret(str(password)), request.name, handler),
            *_login_steps(),
        )

    def failed(text: str) -> Failure:
        return reported(request.name, handler, CANNOT_UPDATE + text)

    return Plan(
        handler=handler,
        extension_name=request.name,
        kind=kind,
        title=WORDS[kind].title,
        steps=(*_looks(request.name, handler), *steps),
        done=done,
        failed=failed,
    )


def _fault(user: Any, password: Any, name: str, handler: Handler) -> Failure | None:
    """What is wrong with the settings themselves, if anything is."""
    if not user:
        text = "The Admin User Account name cannot be null or empty if provided the password."
        return reported(name, handler, text)
    if password is None or password == "":
        return empty_password(name, handler)
    if not isinstance(user, str) or not _USER.fullmatch(user):
        return reported(name, handler, f"{CANNOT_UPDATE}The user name is not valid.")
    if not isinstance(password, str) or not _may_be_password(password):
        return reported(name, handler, f"{CANNOT_UPDATE}The password is not valid.")
    return None


def _may_be_password(password: str) -> bool:
    units = len(password.encode("utf-16-le", "surrogatepass")) // 2
    return units <= _PASSWORD_CHARACTERS and not any(c < " " or c == "\x7f" for c in password)


def _looks(name: str, handler: Handler) -> tuple[Step, ...]:
    unsupported = reported(name, handler, NOT_SUPPORTED)
    return (
        Step(
            key="system",
            title="Look at the operating system",
            call=OsInfo(),
            changes=False,
            readings=(
                Reading(Holds(is_supported, "a supported Windows")),
                # An old agent does not know the question; the next step asks the guest itself.
                Reading(Refused()),
                Reading(Holds(lambda answer: isinstance(answer, Told), "another system"),
                        failure=unsupported),
            ),
        ),
        Step(
            key="domain",
            title="Look whether it is a domain controller",
            call=_script(scripts.INSPECT_MACHINE, timeout=LOOK),
            changes=False,
            readings=(
                GOES_ON,
                Reading(exits(Exit.DOMAIN_CONTROLLER), failure=domain_controller(name, handler)),
                Reading(exits(Exit.UNSUPPORTED), failure=unsupported),
            ),
        ),
    )  # fmt: skip


def _account_steps(user: str, password: Secret, name: str, handler: Handler) -> tuple[Step, ...]:
    refused = Reading(exits(Exit.PASSWORD_POLICY), failure=password_policy(name, handler))
    return (
        Step(
            key="account",
            title="Look for the account",
            call=_script(scripts.INSPECT_ACCOUNT, user=user, timeout=LOOK),
            changes=False,
            readings=(
                GOES_ON,
                Reading(exits(Exit.NO_SUCH_ACCOUNT), finding=_UNKNOWN_USER),
                Reading(
                    exits(Exit.NOT_AN_ADMINISTRATOR),
                    failure=not_an_administrator(name, handler, user),
                ),
            ),
        ),
        Step(
            key="create",
            title="Create the administrator",
            call=_script(scripts.CREATE_ADMINISTRATOR, user=user, password=password),
            changes=True,
            readings=(GOES_ON, refused),
            when=frozenset({_UNKNOWN_USER}),
        ),
        Step(
            key="password",
            title="Set the password",
            call=_script(scripts.SET_PASSWORD, user=user, password=password),
            changes=True,
            readings=(GOES_ON, refused),
            unless=frozenset({_UNKNOWN_USER}),
        ),
        Step(
            key="enable",
            title="Enable and unlock the account",
            call=_script(scripts.ENABLE_ACCOUNT, user=user),
            changes=True,
        ),
    )


def _login_steps() -> tuple[Step, ...]:
    """ "When updating a user, VMAccess modifies the Remote Desktop settings to allow login" (seed).

    The port stays what it is: whoever chose another one still uses it.
    """
    return (_allow_connections(), _open_firewall(port=0), _start_service(restart=False))


def _reset_steps() -> tuple[Step, ...]:
    port = Step(
        key="port",
        title=f"Set the Remote Desktop port back to {scripts.DEFAULT_PORT}",
        call=_script(scripts.RESTORE_PORT, port=scripts.DEFAULT_PORT),
        changes=True,
    )
    # The service reads its port when it starts: it comes last, and anew.
    return (
        _allow_connections(),
        port,
        _open_firewall(port=scripts.DEFAULT_PORT),
        _start_service(restart=True),
    )


def _allow_connections() -> Step:
    return Step(
        key="connections",
        title="Allow Remote Desktop connections",
        call=_script(scripts.ALLOW_CONNECTIONS),
        changes=True,
    )


def _open_firewall(*, port: int) -> Step:
    return Step(
        key="firewall",
        title="Open the firewall for Remote Desktop",
        call=_script(scripts.OPEN_FIREWALL, port=port),
        changes=True,
        # Where the firewall does not run, nothing stands in the way.
        readings=(GOES_ON, Reading(exits(Exit.FIREWALL_OFF), finding="the firewall is off")),
    )


def _start_service(*, restart: bool) -> Step:
    return Step(
        key="service",
        title="Enable and start the Remote Desktop service",
        call=_script(scripts.START_SERVICE, restart=restart),
        changes=True,
    )


def _script(name: str, *, timeout: float = CHANGE, **arguments: Argument) -> PowerShell:
    return PowerShell(name, SCRIPTS[name], arguments, timeout)


def is_supported(answer: Answer) -> bool:
    """Whether guest-get-osinfo told of a Windows of the seed's table. The answer is hostile."""
    if not isinstance(answer, Told) or _told(answer, "id") != "mswindows":
        return False
    variant = "server" if _told(answer, "variant-id") == "server" else "client"
    if _told(answer, "machine") in _OTHER_MACHINES:
        return False
    # An agent that is older than the system calls it by the newest name it knows, or "N/A".
    return _told(answer, "version-id") in SUPPORTED[variant] or (
        _told(answer, "kernel-version") == "10.0"
        and _FIRST_BUILD[variant] <= _number(_told(answer, "kernel-release"))
    )


def _told(answer: Told, key: str) -> str:
    value = answer.facts.get(key)
    return value.casefold() if isinstance(value, str) else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
