"""The page that asks before anything is sent to a guest, for a start and for an approval alike.

What is secret is typed here and goes straight to its action: no page bears it, back or on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.errors import InvalidInput
from gateway.policy.facts import Vm
from gateway.recovery.kinds import ActionKind, needs_user
from gateway.web.recovery_words import ACCOUNT, Offer
from gateway.web.rendering import render
from gateway.web.shown import isolated, machine

NOBODY: Final = "that you name"

_USER_HINTS: Final = {
    "windows": "For example Administrator. No operator learns it.",
    "linux": "For example azureuser or root. No operator learns it.",
}
_PASSWORD_HINTS: Final = {
    "windows": "The machine’s own policy decides. Usual: twelve characters or more, capitals, "
    "small letters, digits and signs, and none that was used before.",
    "linux": "The machine’s own rules decide. A long one is best.",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What a submitted form says; all but the account and the disk is secret."""

    user: str = ""
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    disk_name: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Given:
        return cls(
            user=form.get("user", "").strip(),
            password=form.get("password", ""),
            ssh_key=form.get("ssh_key", "").strip(),
            disk_name=form.get("disk", "").strip(),
        )


def check_twice(form: Mapping[str, str]) -> None:
    """Raises: InvalidInput, where the password was typed in two ways."""
    if form.get("password", "") != form.get("again", ""):
        raise InvalidInput("password", "the two differ; type the same password twice")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something that will happen, and where in it the account is named."""

    before: str
    names_account: bool
    after: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: which fields there are, where the form goes, and who proposed it."""

    kind: str
    label: str
    button: str
    happens: tuple[Sentence, ...]
    action: str
    cancel: str
    given: Given
    hidden: tuple[tuple[str, str], ...]
    user_hint: str
    password_hint: str
    wants_user: bool
    wants_password: bool
    wants_key: bool
    wants_disk: bool
    look: str
    proposed_by: str
    note: str
    decline: str
    nobody: str = NOBODY


def ask_for(
    vm: Vm,
    offer: Offer,
    *,
    action: str,
    cancel: str,
    given: Given | None = None,
    hidden: Mapping[str, str] | None = None,
    proposed_by: str = "",
    note: str = "",
    decline: str = "",
) -> Ask:
    """The question for `offer` on `vm`; `decline` is where a refusal of a proposal goes."""
    kind = ActionKind(offer.kind)
    return Ask(
        kind=offer.kind,
        label=offer.label,
        button=f"{offer.label} on {isolated(vm.name)}",
        happens=tuple(_sentence(text) for text in offer.happens),
        action=action,
        cancel=cancel,
        given=given or Given(),
        hidden=tuple((hidden or {}).items()),
        user_hint=_USER_HINTS[vm.os],
        password_hint=_PASSWORD_HINTS[vm.os],
        wants_user=needs_user(kind),
        wants_password=kind is ActionKind.SET_PASSWORD,
        wants_key=kind is ActionKind.SET_SSH_KEY,
        wants_disk=kind is ActionKind.REPAIR_DISK,
        look="button--final" if kind is ActionKind.REMOVE_USER else "button--main",
        proposed_by=proposed_by,
        note=note,
        decline=decline,
    )


async def confirm_page(
    request: web.Request, vm: Vm, ask: Ask, problem: str | None = None
) -> web.Response:
    return await render(
        request,
        "pages/recovery_confirm.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        vm=machine(vm),
        ask=ask,
        problem=problem,
    )


def _sentence(text: str) -> Sentence:
    before, account, after = text.partition(ACCOUNT)
    return Sentence(before, bool(account), after)
