"""One recovery in one line: in lists, on the consent it belongs to, over the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.actions.recover import RecoveryView
from gateway.actions.services import Services
from gateway.store import RecoveryAction
from gateway.web.recovery_words import STATES, Told, headline, is_over, kind_of
from gateway.web.shown import Machine, State, isolated, machine, resource_group


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """How a recovery stands; `text` isolates the names in it. `note` is an operator's text."""

    id: str
    text: str
    state: State
    note: str
    href: str
    action: str
    open: bool
    decide: bool

    @property
    def look(self) -> str:
        """What a proposal that waits looks like on a page."""
        return "proposal--open" if self.decide else ""

    @property
    def button(self) -> str:
        return "button--main" if self.decide else ""

    def as_json(self) -> dict[str, Any]:
        """For the console page's script."""
        return {
            "id": self.id,
            "text": self.text,
            "note": self.note,
            "open": self.open,
            "decide": self.decide,
            "kind": self.state.kind,
            "word": self.state.text,
            "href": self.href,
            "action": self.action,
        }


def line_of(services: Services, view: RecoveryView) -> Line:
    action = view.action
    href = f"/recoveries/{action.id}"
    return Line(
        id=action.id,
        text=told_of(services, view).text,
        state=STATES[action.state],
        note=action.note,
        href=f"{href}/approve" if view.may_decide else href,
        action="Answer" if view.may_decide else "Look",
        open=not is_over(action.state),
        decide=view.may_decide,
    )


def told_of(services: Services, view: RecoveryView) -> Told:
    """The sentence of the action's state."""
    action = view.action
    return headline(
        kind_of(action.kind),
        isolated(machine_behind(services, action).name),
        action.state,
        begun=any(step.began_at is not None for step in view.steps),
        answered=any(step.state in {"done", "failed"} for step in view.steps),
        by=isolated(action.requested_by),
    )


def machine_behind(services: Services, action: RecoveryAction) -> Machine:
    """The action's VM, as the inventory or, once it is gone, the resource id tells it."""
    vm = services.vm(action.resource_id)
    if vm is not None:
        return machine(vm)
    group = resource_group(action.resource_id)
    name = action.resource_id.rsplit("/", 1)[-1]
    return Machine(name, action.resource_id, action.node, "", group, group)
