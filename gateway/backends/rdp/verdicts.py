"""What a console's end means, by the words that FreeRDP used on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import (
    AccountRefused,
    MachineOff,
    UpstreamError,
    UpstreamRefused,
    UpstreamTakenOver,
    UpstreamUnreachable,
)
from gateway.policy.facts import Power


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the child said that it ended.

    `errors` are FreeRDP's names for them (libfreerdp/core/errinfo.c and errconnect.c) and words of
    `child.remarks`; `states` are those that the connection came through, in their order.
    `status` is the program's exit code, or minus the signal that ended it.
    """

    program: str
    status: int
    errors: Sequence[str]
    states: Sequence[str]

    @property
    def reached(self) -> str:
        """The last state."""
        return self.states[-1] if self.states else "INITIAL"


_ACCOUNT: Final = "the host refused the account"
_ADMINISTRATOR_ENDED: Final = "ERRINFO_RPC_INITIATED_DISCONNECT"
_NO_RIGHT: Final = "ERRINFO_SERVER_INSUFFICIENT_PRIVILEGES"

# What each of them means; where several were said, the first one here counts.
_MEANINGS: Final[dict[str, tuple[type[UpstreamError], str]]] = {
    "CERTIFICATE": (
        UpstreamRefused, "the host's certificate is not the one that the inventory names"
    ),
    "ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION": (
        UpstreamTakenOver, "another client took the console over"
    ),
    # The account, as CredSSP's NTSTATUS or Windows' own errors name what is wrong with it.
    "ERRCONNECT_LOGON_FAILURE": (AccountRefused, f"{_ACCOUNT}: unknown user or wrong password"),
    "ERRCONNECT_WRONG_PASSWORD": (AccountRefused, f"{_ACCOUNT}: wrong password"),
    "ERRCONNECT_AUTHENTICATION_FAILED": (AccountRefused, f"{_ACCOUNT}: the login failed"),
    "ERRCONNECT_PASSWORD_EXPIRED": (AccountRefused, f"{_ACCOUNT}: its password has expired"),
    "ERRCONNECT_PASSWORD_CERTAINLY_EXPIRED": (
        AccountRefused, f"{_ACCOUNT}: its password has expired"
    ),
    "ERRCONNECT_PASSWORD_MUST_CHANGE": (
        AccountRefused, f"{_ACCOUNT}: its password must be changed first"
    ),
    "ERRCONNECT_ACCOUNT_DISABLED": (AccountRefused, f"{_ACCOUNT}: it is disabled"),
    "ERRCONNECT_ACCOUNT_LOCKED_OUT": (AccountRefused, f"{_ACCOUNT}: it is locked out"),
    "ERRCONNECT_ACCOUNT_EXPIRED": (AccountRefused, f"{_ACCOUNT}: it has expired"),
    "ERRCONNECT_ACCOUNT_RESTRICTION": (AccountRefused, f"{_ACCOUNT}: it is restricted"),
    "ERRCONNECT_LOGON_TYPE_NOT_GRANTED": (
        AccountRefused, f"{_ACCOUNT}: it may not log in this way"
    ),
    "ERRCONNECT_INSUFFICIENT_PRIVILEGES": (
        AccountRefused, f"{_ACCOUNT}: it may not log in this way"
    ),
    "ERRCONNECT_ACCESS_DENIED": (AccountRefused, f"{_ACCOUNT}: access denied"),
    "ERRCONNECT_CLIENT_REVOKED": (AccountRefused, f"{_ACCOUNT}: its credentials are revoked"),
    "ERRCONNECT_NO_OR_MISSING_CREDENTIALS": (
        AccountRefused, f"{_ACCOUNT}: no user or password"
    ),
    _NO_RIGHT: (UpstreamRefused, "the host account lacks the right to this console"),
    "ERRINFO_SERVER_DENIED_CONNECTION": (
        UpstreamRefused, "the host account lacks the right to this console"
    ),
    _ADMINISTRATOR_ENDED: (UpstreamError, "an administrator of the host ended the session"),
    "ERRINFO_RPC_INITIATED_LOGOFF": (
        UpstreamError, "an administrator of the host ended the session"
    ),
    "ERRINFO_RPC_INITIATED_DISCONNECT_BY_USER": (
        UpstreamError, "somebody on the host ended the session"
    ),
    "ERRINFO_LOGOFF_BY_USER": (UpstreamError, "the session's user logged off"),
    "ERRINFO_IDLE_TIMEOUT": (UpstreamError, "the host ended the session: it was idle for long"),
    "ERRINFO_LOGON_TIMEOUT": (
        UpstreamError, "the host ended the session: nobody logged in in time"
    ),
    "ERRINFO_LICENSE_NO_LICENSE": (UpstreamRefused, "the host gives no licence for a session"),
    "ERRINFO_LICENSE_NO_LICENSE_SERVER": (
        UpstreamRefused, "the host gives no licence for a session"
    ),
    "NEGOTIATION": (UpstreamRefused, "the host offers no security that the entry allows"),
}  # fmt: skip


_PROGRAMS: Final = {"xfreerdp": "the RDP client", "Xvnc": "the X server of the RDP client"}
# What the child saw of its programs, and of the host through them (`child.vigil`).
_STUCK: Final = {
    "STOPPED": "{program} was stopped",
    "SPINNING": "{program} spins",
    "HANGING": "{program} hangs",
    "SILENCE": "the host does not answer any more",
}


def error_of(outcome: Outcome, *, hyperv: bool, settled: bool = False) -> UpstreamError:
    """What to raise. `settled`: the console had been shown for a while."""
    said = set(outcome.errors)
    if hyperv and not settled and _ADMINISTRATOR_ENDED in said:
        # Microsoft's symptom of an account outside of Hyper-V Administrators and of
        # Grant-VMConnectAccess: let in, and shown out again.
        said.add(_NO_RIGHT)
    if outcome.program == "Xvnc" and not said:
        return UpstreamError(f"{_PROGRAMS['Xvnc']} ended")
    for word, text in _STUCK.items():
        if word in said:
            return UpstreamError(text.format(program=_PROGRAMS.get(outcome.program)))
    for name, (kind, text) in _MEANINGS.items():
        if name in said:
            return kind(text)
    if outcome.status < 0 and not said:
        return _crashed(outcome.status)
    return _by_progress(outcome.reached, hyperv=hyperv)


class Unexplained(UpstreamRefused):
    """The host took the account and gave no console, without a word: the VM's power tells more."""

    def where(self, power: Power) -> UpstreamError:
        """The same, where that is known."""
        match power:
            case Power.OFF:
                return MachineOff("the VM is turned off")
            case Power.RUNNING | Power.PAUSED:
                return UpstreamRefused(
                    "the VM is not off, and its host gives no console of it: it may be shielded"
                )
        return UpstreamRefused(str(self))


def _by_progress(reached: str, *, hyperv: bool) -> UpstreamError:
    """Where nothing was said, how far it came tells most."""
    match reached:
        case "ACTIVE":
            return UpstreamError("the host closed the connection")
        case "NLA":
            return AccountRefused(
                f"{_ACCOUNT}: it broke off the login, as some do at a wrong password"
            )
        case "INITIAL" | "NEGO" if hyperv:
            return UpstreamRefused("the host broke off at once: it knows no VM of this id")
        case "INITIAL" | "NEGO" | "X224" if not hyperv:
            return UpstreamUnreachable("the host broke off at once: it may not speak RDP")
    if hyperv:
        return Unexplained(
            "the host took the account and gives no console of this VM: "
            "it may be turned off or shielded"
        )
    return UpstreamRefused("the host took the account and gives no session")


def _crashed(status: int) -> UpstreamError:
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return UpstreamError(f"the RDP client was ended by {name}")


def error_of_start(number: int | None, program: str) -> UpstreamError:
    """Why the child could not start it. `number` is the system's errno, None where it has none."""
    if program in {"xfreerdp", "Xvnc"}:
        return UpstreamError(f"{program} cannot be started: {os.strerror(number or 0)}")
    why = f": {os.strerror(number)}" if number else ""
    return UpstreamError(f"the RDP client's screen cannot be set up{why}")
