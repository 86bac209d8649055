"""How moments, spans, people and machines look on a page. Values, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gateway.policy.facts import Consent, EndCode, Role, Vm

if TYPE_CHECKING:
    from gateway.consoles.states import ParticipantView, SessionView

SEGMENTS: Final = 8  # one an hour: a consent's whole life
SEGMENT_WIDTH: Final = 10.0
SOON: Final = timedelta(minutes=30)
LAST: Final = timedelta(minutes=5)

ROLE_NAMES: Final = {
    Role.CLOUDADMIN: "operator",
    Role.ADMIN: "administrator",
    Role.TENANT: "tenant",
}

HOW_IT_ENDED: Final = {
    EndCode.EXPIRED: "The eight hours ran out",
    EndCode.WITHDRAWN: "Withdrawn by the tenant",
    EndCode.REVOKED: "Revoked by an administrator",
    EndCode.FINISHED: "Finished by the operator",
    EndCode.SUBSCRIPTION_DISABLED: "Emergency access was switched off",
    EndCode.VM_GONE: "The machine was deleted or moved",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, UTC, in the spellings that pages use."""

    iso: str
    clock: str
    short: str
    full: str


def moment(at: datetime) -> Moment:
    utc = at.astimezone(UTC)
    return Moment(
        iso=utc.isoformat(timespec="seconds"),
        clock=f"{utc:%H:%M} UTC",
        short=f"{utc.day} {utc:%b %H:%M}",
        full=f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC",
    )


@dataclass(frozen=True, slots=True)
class Left:
    """Time left: words, how urgent, and the lit width of each of eight segments.

    `ends_at` and `now` are milliseconds by the gateway's clock, for the script that counts down.
    """

    text: str
    urgency: str
    ends_at: int
    now: int
    segments: tuple[float, ...]


def left(ends_at: datetime, now: datetime) -> Left:
    remaining = max(ends_at - now, timedelta())
    return Left(
        text=_span(remaining),
        urgency="last" if remaining <= LAST else "soon" if remaining <= SOON else "calm",
        ends_at=milliseconds(ends_at),
        now=milliseconds(now),
        segments=tuple(_lit(remaining, hour) for hour in range(SEGMENTS)),
    )


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _lit(remaining: timedelta, hour: int) -> float:
    share = remaining / timedelta(hours=1) - hour
    return round(min(max(share, 0.0), 1.0) * SEGMENT_WIDTH, 1)


def _span(remaining: timedelta) -> str:
    if not remaining:
        return "ended"
    minutes = int(remaining.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60:02} min left"


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM on a page; `group` and `note` are told apart by the resource id alone."""

    name: str
    resource_id: str
    node: str
    os: str
    group: str
    note: str

    @property
    def label(self) -> str:
        """Name and note, where there can be no markup."""
        return f"{isolated(self.name)} · {self.note}"


def machine(vm: Vm) -> Machine:
    group = resource_group(vm.resource_id)
    system = vm.os.capitalize()
    return Machine(vm.name, vm.resource_id, vm.node, system, group, f"{group} · {system}")


def machine_of(consent: Consent, vm: Vm | None) -> Machine:
    """The consent's VM, as the inventory or, once it is gone, the resource id tells it."""
    if vm is not None:
        return machine(vm)
    group = resource_group(consent.resource_id)
    return Machine(vm_name(consent), consent.resource_id, consent.node, "", group, group)


def resource_group(resource_id: str) -> str:
    """`/subscriptions/{id}/resourceGroups/{this}/…`"""
    parts = resource_id.split("/")
    return parts[4] if 4 < len(parts) else ""


def isolated(name: str) -> str:
    """`name` for the middle of a sentence without markup: it cannot turn the text around it.

    Unicode Standard Annex 9 §2.4: first-strong isolate, and the end of whatever began within.
    """
    return name if name.isascii() else f"\u2068{name}\u2069"


def vm_name(consent: Consent) -> str:
    return consent.resource_id.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class State:
    """A state with its mark; `kind` is one of live, waiting, ended, wrong, off."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a screen. The name may be hostile text."""

    name: str
    role: str


def people(view: SessionView | None) -> list[Person]:
    return [Person(who.name, who.role.value) for who in view.participants] if view else []


def console_state(view: SessionView | None) -> State:
    """What goes on behind a consent, in a few words."""
    if view is None or view.state.name == "ended":
        return State("waiting", "Waiting for an operator to open it")
    controller = _controller(view.participants)
    if controller is not None and view.state.name == "live":
        return State("live", f"{controller.name} ({controller.role.value}) has control")
    words = {
        "connecting": ("waiting", "Connecting"),
        "live": ("live", "Open, nobody has control"),
        "reconnecting": ("wrong", "No connection to the hypervisor, trying again"),
        "off": ("waiting", "The machine is turned off"),
        "taken": ("wrong", "Another client took the screen"),
    }
    return State(*words.get(view.state.name, ("waiting", view.state.name)))


def _controller(participants: Iterable[ParticipantView]) -> ParticipantView | None:
    return next((who for who in participants if who.controls), None)


def sentence(text: str) -> str:
    """An error's message as people read it: a capital and a full stop."""
    if not text:
        return ""
    first = text[0].upper() + text[1:]
    return first if first.endswith((".", "!", "?")) else f"{first}."
