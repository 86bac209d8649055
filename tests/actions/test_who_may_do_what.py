"""Every action by every principal: what comes of it, one audit record, and no trace of a refusal.

The table has no unasserted cell. A foreign thing answers as a missing one does.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.actions import queries
from gateway.actions.accounts import (
    create_account,
    disable_account,
    enable_account,
    issue_setup_link,
)
from gateway.actions.admit import admit
from gateway.actions.authenticate import Session
from gateway.actions.end_consent import end_consent
from gateway.actions.end_session import end_session
from gateway.actions.extensions import apply_extension, remove_extension
from gateway.actions.open_console import open_console
from gateway.actions.recover import (
    approve_proposal,
    cancel_recovery,
    decline_proposal,
    propose_recovery,
    start_recovery,
)
from gateway.actions.request_consent import request_consent
from gateway.actions.services import Services
from gateway.actions.share_console import revoke_link, share_console
from gateway.actions.sign_in import end_sign_in, sign_out
from gateway.actions.subscriptions import disable_subscription, enable_subscription
from gateway.actions.tickets import issue_handoff, issue_ticket
from gateway.actions.verify_audit import verify_audit
from gateway.actions.workstations import grant_workstation, revoke_workstation
from gateway.errors import GatewayError, NotFound
from gateway.policy.facts import Consent, Role
from gateway.store import Store
from tests.actions.test_extensions import request
from tests.actions.world import (
    CONTOSO,
    ELSEWHERE,
    FABRIKAM,
    NODE,
    PASSWORD,
    WEB02,
    WORKSTATION,
    World,
)

PRINCIPALS = (
    "tenant",  # of the VM's subscription
    "other tenant",
    "operator",  # has the console open
    "idle operator",  # has not stepped up
    "operator elsewhere",  # at a workstation that is not on the safelist
    "operator of another node",
    "operator too late",  # the consent has just run out
    "tenant too late",
    "admin",
)
NAMES = {
    "tenant": "tina",
    "tenant too late": "tina",
    "other tenant": "theo",
    "operator": "olga",
    "admin": "ada",
}


@dataclass
class Scene:
    """A running console under a consent, a share link to it, and the principal who acts."""

    world: World
    s: Services
    who: Session
    consent: Consent
    link_id: str
    proposal_id: str

    @property
    def now(self) -> Any:
        return self.world.now


Act = Callable[[Scene], Awaitable[object]]


@dataclass(frozen=True)
class Played:
    """The rows of a world where all this has happened, and whom it happened to."""

    path: Path
    olga: Session
    consent: Consent
    link_id: str
    proposal_id: str


async def _play(template: Path, path: Path) -> Played:
    shutil.copy(template, path)
    store = await Store.open(f"sqlite:///{path}")
    world = World(store)
    await world.load()
    consent, olga = await world.consent(), await world.session("olga")
    await world.enter(olga, consent)
    shared = await share_console(
        world.s, olga.actor, consent.id, label="", capacity=2, now=world.now
    )
    proposal = await propose_recovery(
        world.s, olga.actor, consent_id=consent.id, kind="reset_ssh", now=world.now
    )
    await store.close()
    return Played(path, olga, consent, shared.link.id, proposal.id)


@pytest.fixture(scope="module")
def played(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Made once: every cell of the table begins here."""
    return asyncio.run(_play(template, tmp_path_factory.mktemp("played") / "eva.sqlite3"))


@pytest.fixture
def rows_to_begin_with(played: Played) -> Path:
    return played.path


async def scene(world: World, played: Played, principal: str) -> Scene:
    if principal.endswith("too late"):
        world.clock.advance(hours=8)
    services = world.s
    if principal == "operator of another node":
        services = replace(world.s, node="AzS-ERCS02")
    if principal == "operator":
        who = played.olga
    else:
        name = NAMES.get(principal, "oscar")
        address = ELSEWHERE if principal == "operator elsewhere" else WORKSTATION
        who = await world.session(name, address)
    return Scene(world, services, who, played.consent, played.link_id, played.proposal_id)


def open_now(x: Scene) -> Awaitable[object]:
    return open_console(
        x.s,
        x.who,
        consent_id=x.consent.id,
        password=PASSWORD,
        code=x.world.code(x.who.actor.name),
        now=x.now,
    )


def enter(x: Scene) -> Awaitable[object]:
    return admit(
        x.s, consent_id=x.consent.id, credentials=x.who, address=x.who.actor.address, now=x.now
    )


async def somebody_elses_sign_in(x: Scene) -> object:
    other = await x.world.session("tina")
    return await end_sign_in(x.s, x.who.actor, other.sign_in.id, now=x.now)


ACTIONS: dict[str, Act] = {
    "create account": lambda x: create_account(
        x.s, x.who.actor, name="new", role=Role.ADMIN, now=x.now
    ),
    "issue set-up link": lambda x: issue_setup_link(
        x.s, x.who.actor, x.world.accounts["theo"].id, now=x.now
    ),
    "disable account": lambda x: disable_account(
        x.s, x.who.actor, x.world.accounts["theo"].id, now=x.now
    ),
    "enable account": lambda x: enable_account(
        x.s, x.who.actor, x.world.accounts["theo"].id, now=x.now
    ),
    "enable subscription": lambda x: enable_subscription(x.s, x.who.actor, FABRIKAM, now=x.now),
    "disable subscription": lambda x: disable_subscription(x.s, x.who.actor, CONTOSO, now=x.now),
    "grant workstation": lambda x: grant_workstation(
        x.s, x.who.actor, NODE, "10.9.0.0/16", now=x.now
    ),
    "revoke workstation": lambda x: revoke_workstation(
        x.s, x.who.actor, NODE, "10.0.0.0/24", now=x.now
    ),
    "verify audit": lambda x: verify_audit(x.s, x.who.actor, now=x.now),
    "request consent": lambda x: request_consent(
        x.s, x.who.actor, resource_id=WEB02.vm.resource_id, reason="locked out", now=x.now
    ),
    "end consent": lambda x: end_consent(x.s, x.who.actor, x.consent.id, reason="done", now=x.now),
    "open console": open_now,
    "issue ticket": lambda x: issue_ticket(x.s, x.who, consent_id=x.consent.id, now=x.now),
    "issue hand-off": lambda x: issue_handoff(x.s, x.who, consent_id=x.consent.id, now=x.now),
    "watch": enter,
    "share": lambda x: share_console(
        x.s, x.who.actor, x.consent.id, label="Bob", capacity=1, now=x.now
    ),
    "revoke link": lambda x: revoke_link(x.s, x.who.actor, x.link_id, now=x.now),
    "end session": lambda x: end_session(x.s, x.who.actor, x.consent.id, reason="done", now=x.now),
    "apply extension": lambda x: apply_extension(
        x.s,
        x.who.actor,
        resource_id=WEB02.vm.resource_id,
        request=request(),
        location="local",
        now=x.now,
    ),
    "remove extension": lambda x: remove_extension(
        x.s, x.who.actor, resource_id=WEB02.vm.resource_id, name="VMAccess", now=x.now
    ),
    "start recovery": lambda x: start_recovery(
        x.s, x.who.actor, resource_id=WEB02.vm.resource_id, kind="check_disk", now=x.now
    ),
    "propose recovery": lambda x: propose_recovery(
        x.s, x.who.actor, consent_id=x.consent.id, kind="check_disk", now=x.now
    ),
    "approve proposal": lambda x: approve_proposal(x.s, x.who.actor, x.proposal_id, now=x.now),
    "decline proposal": lambda x: decline_proposal(x.s, x.who.actor, x.proposal_id, now=x.now),
    "cancel recovery": lambda x: cancel_recovery(x.s, x.who.actor, x.proposal_id, now=x.now),
    "end a sign-in": somebody_elses_sign_in,
    "sign out": lambda x: sign_out(x.s, x.who, now=x.now),
}

TENANTS_ONLY = ("ok", "NotFound", *("NotATenant",) * 5, "ok", "NotATenant")
TENANT_DECIDES = (
    "ok", "NotFound", *("NotATenant",) * 3, "NotFound", "NotATenant", "ConsentExpired", "NotATenant"
)  # fmt: skip
ADMINS_ONLY = ("NotAnAdmin",) * 8 + ("ok",)
# In the order of PRINCIPALS.
TABLE: dict[str, tuple[str, ...]] = {
    "create account": ADMINS_ONLY,
    "issue set-up link": ADMINS_ONLY,
    "disable account": ADMINS_ONLY,
    "enable account": ADMINS_ONLY,
    "enable subscription": ADMINS_ONLY,
    "disable subscription": ADMINS_ONLY,
    "grant workstation": ADMINS_ONLY,
    "revoke workstation": ADMINS_ONLY,
    "verify audit": ADMINS_ONLY,
    "request consent": (
        "ok",
        "NotFound",
        "NotATenant",
        "NotATenant",
        "NotATenant",
        "NotATenant",
        "NotATenant",
        "ok",
        "NotATenant",
    ),
    "end consent": (
        "ok",
        "NotFound",
        "ok",
        "ok",
        "ok",
        "NotFound",
        "ConsentExpired",
        "ConsentExpired",
        "ok",
    ),
    "open console": (
        "NotAnOperator",
        "NotFound",
        "ok",
        "ok",
        "WorkstationNotSafelisted",
        "NotFound",
        "ConsentExpired",
        "NotAnOperator",
        "NotAnOperator",
    ),
    "issue ticket": (
        "StepUpNeeded",
        "NotFound",
        "ok",
        "StepUpNeeded",
        "StepUpNeeded",
        "NotFound",
        "StepUpNeeded",
        "StepUpNeeded",
        "StepUpNeeded",
    ),
    "issue hand-off": (
        "StepUpNeeded",
        "NotFound",
        "ok",
        "StepUpNeeded",
        "StepUpNeeded",
        "NotFound",
        "StepUpNeeded",
        "StepUpNeeded",
        "StepUpNeeded",
    ),
    "watch": (
        "ok",
        "NotFound",
        "StepUpNeeded",
        "StepUpNeeded",
        "StepUpNeeded",
        "NotFound",
        "StepUpNeeded",
        "ConsentExpired",
        "ok",
    ),
    "share": (
        "ok",
        "NotFound",
        "ok",
        "NotRunning",
        "NotRunning",
        "NotFound",
        "ConsentExpired",
        "ConsentExpired",
        "NotYoursToShare",
    ),
    "revoke link": ("ok", "NotFound", "ok", "ok", "ok", "NotFound", "ok", "ok", "ok"),
    "end session": (
        "ok",
        "NotFound",
        "ok",
        "NotRunning",
        "NotRunning",
        "NotFound",
        "ConsentExpired",
        "ConsentExpired",
        "ok",
    ),
    "apply extension": TENANTS_ONLY,
    "remove extension": TENANTS_ONLY,
    "start recovery": TENANTS_ONLY,
    "propose recovery": (
        "NotAnOperator",
        "NotFound",
        "ok",
        "ok",
        "ok",
        "NotFound",
        "ConsentExpired",
        "NotAnOperator",
        "NotAnOperator",
    ),
    "approve proposal": TENANT_DECIDES,
    "decline proposal": TENANT_DECIDES,
    "cancel recovery": (
        "ok",
        "NotFound",
        "ok",
        "NotYoursToCancel",
        "NotYoursToCancel",
        "NotFound",
        "NotYoursToCancel",
        "ok",
        "ok",
    ),
    # Tina's; the tenant too late is Tina.
    "end a sign-in": (
        "ok",
        "NotFound",
        "NotFound",
        "NotFound",
        "NotFound",
        "NotFound",
        "NotFound",
        "ok",
        "ok",
    ),
    "sign out": ("ok",) * 9,
}
CELLS = [
    (action, principal, expected)
    for action, row in TABLE.items()
    for principal, expected in zip(PRINCIPALS, row, strict=True)
]


async def outcome(ask: Callable[[], Awaitable[object]]) -> str:
    try:
        await ask()
    except GatewayError as error:
        return error.code
    return "ok"


def test_the_table_asks_every_action() -> None:
    assert TABLE.keys() == ACTIONS.keys()


@pytest.mark.parametrize(("action", "principal", "expected"), CELLS)
@pytest.mark.rule(7)
async def test_who_may_do_what(
    world: World, played: Played, action: str, principal: str, expected: str
) -> None:
    x = await scene(world, played, principal)
    before, rows = await world.audit(), await world.rows()
    if action == "end a sign-in":
        await world.session("tina")  # so that the rows below already hold one like it
    result = await outcome(lambda: ACTIONS[action](x))
    assert result == expected

    records = (await world.audit())[len(before) :]
    assert [(r.outcome, r.actor) for r in records] == [
        ("allowed" if expected == "ok" else "denied", x.who.actor.name)
    ], "one decision, one record"
    assert records[0].code == ("" if expected == "ok" else expected)
    if expected != "ok" and action != "end a sign-in":
        assert await world.rows() == rows, "a refusal changes nothing"


@pytest.mark.parametrize(
    "action", ["end consent", "open console", "issue ticket", "watch", "share"]
)
async def test_a_foreign_consent_answers_as_a_missing_one(
    world: World, played: Played, action: str
) -> None:
    x = await scene(world, played, "other tenant")
    answers = []
    for consent in (x.consent, replace(x.consent, id="0" * 32), replace(x.consent, id="\ud800'--")):
        with pytest.raises(NotFound) as refused:
            await ACTIONS[action](replace(x, consent=consent))
        answers.append((refused.value.code, str(refused.value)))
    assert len(set(answers)) == 1


async def test_a_foreign_vm_answers_as_a_missing_one(world: World) -> None:
    theo = await world.session("theo")
    answers = []
    for wanted in (WEB02.vm.resource_id, "/subscriptions/none", "\ud800"):
        with pytest.raises(NotFound) as refused:
            await request_consent(
                world.s, theo.actor, resource_id=wanted, reason="x", now=world.now
            )
        answers.append(str(refused.value))
    assert len(set(answers)) == 1


LISTS: dict[str, Act] = {
    "subscriptions": lambda x: queries.list_subscriptions(x.s, x.who.actor),
    "safelist": lambda x: queries.list_workstations(x.s, x.who.actor),
    "accounts": lambda x: queries.list_accounts(x.s, x.who.actor),
    "audit": lambda x: queries.audit_page(x.s, x.who.actor),
}


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_an_admins_lists_are_an_admins(
    world: World, played: Played, what: str, principal: str
) -> None:
    x = await scene(world, played, principal)
    before = len(await world.audit())
    allowed = principal == "admin"
    assert await outcome(lambda: LISTS[what](x)) == ("ok" if allowed else "NotAnAdmin")
    after = await world.audit()
    assert [(r.action, r.target) for r in after[before:]] == (
        [] if allowed else [("admin.read", what)]
    )


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_people_see_the_consents_that_are_theirs(
    world: World, played: Played, principal: str
) -> None:
    x = await scene(world, played, principal)
    sees = principal not in {"other tenant", "operator of another node"}
    late = principal.endswith("too late")
    actor = x.who.actor
    history = await queries.list_history(x.s, actor)
    assert [consent.id for consent in history] == ([x.consent.id] if sees else [])
    active = await queries.list_consents(x.s, actor, now=x.now)
    assert [consent.id for consent in active] == ([x.consent.id] if sees and not late else [])
    found = await outcome(lambda: queries.see_consent(x.s, actor, x.consent.id, now=x.now))
    assert found == ("ok" if sees else "NotFound")
    sessions = await queries.list_sessions(x.s, actor)
    assert [past.record.consent_id for past in sessions] == ([x.consent.id] if sees else [])
    grants = await outcome(lambda: queries.list_grants(x.s, actor, x.consent.id))
    assert grants == ("ok" if sees else "NotFound")


@pytest.mark.parametrize("principal", ["tenant", "idle operator"])
async def test_only_an_admin_learns_an_operators_address(
    world: World, played: Played, principal: str
) -> None:
    x = await scene(world, played, principal)
    grants = await queries.list_grants(x.s, x.who.actor, x.consent.id)
    assert [(g.operator, g.address, g.sign_in_id) for g in grants] == [("olga", "", "")]
    ada = await world.session("ada")
    seen = await queries.list_grants(x.s, ada.actor, x.consent.id)
    assert [g.address for g in seen] == [WORKSTATION]
