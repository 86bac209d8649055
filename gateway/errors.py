"""The error tree: every error that one part of the gateway may raise at another.

A verdict is a value (`gateway.policy.verdict`); an error is a broken promise or a refusal that ends
a request. `code` is a stable word for programs, the message is for people: lower case, no full
stop, no secrets.
"""

from __future__ import annotations


class GatewayError(Exception):
    """The root of everything that the gateway raises on purpose."""

    code = "GatewayError"


class SettingsError(GatewayError):
    """The configuration cannot be used; the message names the setting and the remedy."""

    code = "SettingsError"


class Refused(GatewayError):
    """Policy said no. `code` and `reason` are those of the `Deny`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class NotFound(GatewayError):
    """The thing does not exist, or this actor may not know that it does: one answer for both."""

    code = "NotFound"


class InvalidInput(GatewayError):
    """A value from outside cannot be used; `field` names it."""

    code = "InvalidInput"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Conflict(GatewayError):
    """The thing exists already, or is in a state that does not allow this."""

    code = "Conflict"


class Throttled(GatewayError):
    """Too many attempts; try again after `retry_after` seconds."""

    code = "TooManyRequests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts, try again in {retry_after} s")
        self.retry_after = retry_after


class NotSignedIn(GatewayError):
    """The name, password, code, cookie or token did not prove who this is: one text for all."""

    code = "NotSignedIn"


class StoreUnavailable(GatewayError):
    """The store cannot be reached or is locked; nothing was changed."""

    code = "StoreUnavailable"


class RfbError(GatewayError):
    """The other end broke the RFB protocol, or a bound that we set to it."""

    code = "RfbError"


class UpstreamError(GatewayError):
    """The upstream cannot be used now; dialling again later may succeed."""

    code = "UpstreamLost"


class UpstreamUnreachable(UpstreamError):
    """Nobody answered at the console's address."""

    code = "UpstreamUnreachable"


class UpstreamRefused(UpstreamError):
    """The hypervisor answered and turned us away: password, certificate or security type."""

    code = "UpstreamRefused"


class AccountRefused(UpstreamRefused):
    """The hypervisor refused the entry's account: asking again may get it locked."""


class UpstreamTaken(UpstreamError):
    """Another console client took the screen outside the gateway."""

    code = "UpstreamTaken"


class UpstreamTakenOver(UpstreamTaken):
    """Taken by a client that dialling again would throw out: only a person decides on that."""


class MachineOff(UpstreamError):
    """The VM is turned off: there is no screen to show."""

    code = "MachineOff"


class GuestError(GatewayError):
    """A guest agent cannot be used."""

    code = "GuestError"


class GuestUnreachable(GuestError):
    """The VM has no agent, or nobody answered it in time; nothing was sent that changes it."""

    code = "GuestUnreachable"


class GuestLost(GuestError):
    """The agent fell silent after something was sent: nobody knows whether it was done."""

    code = "GuestLost"


class GuestTimedOut(GuestLost):
    """The agent answers, and what it started still runs after its time."""

    code = "GuestTimedOut"


class ExtensionRefused(GatewayError):
    """Azure Resource Manager's own refusal of an extension: its code, its words, its inner code."""

    def __init__(self, code: str, reason: str, *, inner: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.inner = inner


class DeploymentRefused(GatewayError):
    """Azure Resource Manager's own refusal of a template deployment, and where in the template.

    `line` and `column` count from 1; both are 0 where there is no place to name.
    """

    def __init__(self, code: str, reason: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.line = line
        self.column = column
