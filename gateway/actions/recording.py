"""How every action decides: one question, one answer, one audit record in the same commit.

An action refuses before it writes. What it wrote before a refusal is committed with the record of
the refusal; only a ticket is used up that way, on purpose.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn, TypeVar

from gateway.actions.services import Services
from gateway.bus import Fact
from gateway.consoles.participants import End
from gateway.errors import GatewayError, NotFound, Refused, StoreUnavailable, Throttled
from gateway.policy.facts import Actor
from gateway.policy.verdict import Deny, Verdict
from gateway.store import AuditEntry, Unit

T = TypeVar("T")
Detail = str | int | bool | None

_NOTED: ContextVar[Mapping[str, Detail] | None] = ContextVar("noted", default=None)


@contextmanager
def noting(**details: Detail) -> Iterator[None]:
    """Have every record that is written inside bear these details: what a client calls itself."""
    token = _NOTED.set(details)
    try:
        yield
    finally:
        _NOTED.reset(token)


class Act(StrEnum):
    """What was asked for, as the audit log calls it."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    END_SIGN_IN = "sign_in.end"
    ISSUE_TOKEN = "token.issue"  # noqa: S105 - a name
    ASK_DEVICE_CODE = "device.ask"
    LOOK_UP_DEVICE = "device.look_up"
    APPROVE_DEVICE = "device.approve"
    DENY_DEVICE = "device.deny"
    APPROVE_PROGRAM = "program.approve"
    DENY_PROGRAM = "program.deny"
    ADD_CREDENTIAL = "credential.add"
    REVOKE_CREDENTIAL = "credential.revoke"
    CREATE_ACCOUNT = "account.create"
    DISABLE_ACCOUNT = "account.disable"
    ENABLE_ACCOUNT = "account.enable"
    ISSUE_SETUP_LINK = "account.setup_link"
    LOOK_UP_SETUP_LINK = "setup.look_up"
    FINISH_SETUP = "setup.finish"
    ENABLE_SUBSCRIPTION = "subscription.enable"
    DISABLE_SUBSCRIPTION = "subscription.disable"
    GRANT_WORKSTATION = "workstation.grant"
    REVOKE_WORKSTATION = "workstation.revoke"
    REQUEST_CONSENT = "consent.request"
    END_CONSENT = "consent.end"
    OPEN_CONSOLE = "console.open"
    ISSUE_TICKET = "console.ticket"
    ISSUE_HANDOFF = "console.handoff"
    REDEEM_HANDOFF = "console.take_over"
    ENTER_CONSOLE = "console.enter"
    ASK_CONTROL = "console.ask_control"
    GIVE_CONTROL = "console.give_control"
    END_SESSION = "console.end"
    END_GRANT = "grant.end"
    SHARE_CONSOLE = "link.create"
    REVOKE_LINK = "link.revoke"
    REDEEM_LINK = "link.redeem"
    READ = "admin.read"
    TURN_AWAY = "page.refused"
    REFUSE_SCOPE = "arm.refused"
    WRITE_SCALE_SET = "scale_set.write"
    WRITE_SET_EXTENSION = "scale_set.extension"
    REMOVE_SET_EXTENSION = "scale_set.extension_remove"
    UPGRADE_INSTANCES = "scale_set.upgrade"
    VERIFY_AUDIT = "audit.verify"
    SET_FEATURE = "feature.set"
    APPLY_EXTENSION = "extension.apply"
    REMOVE_EXTENSION = "extension.remove"
    START_RECOVERY = "recovery.start"
    PROPOSE_RECOVERY = "recovery.propose"
    APPROVE_RECOVERY = "recovery.approve"
    DECLINE_RECOVERY = "recovery.decline"
    CANCEL_RECOVERY = "recovery.cancel"
    SEND_RECOVERY = "recovery.send"
    END_RECOVERY = "recovery.end"
    READ_AGENT_LOG = "agent_log.read"
    ROTATE_KEYS = "keys.rotate"
    START_DEPLOYMENT = "deployment.start"
    CANCEL_DEPLOYMENT = "deployment.cancel"
    REMOVE_DEPLOYMENT = "deployment.remove"
    END_DEPLOYMENT = "deployment.end"


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks, where it is no signed-in actor."""

    name: str  # hostile text, unless it is the gateway itself
    role: str
    address: str


GATEWAY = Party("gateway", "gateway", "")


def stranger(address: str, name: str = "") -> Party:
    """Somebody who has not proven who they are; `name` is what they claim."""
    return Party(name, "anonymous", address)


class Decision:
    """One question to the gateway.

    INVARIANT: it writes exactly one audit record, and its facts are published after the commit.
    """

    def __init__(
        self, s: Services, party: Actor | Party, act: Act, target: str, now: datetime
    ) -> None:
        self._s = s
        self.party = party
        self.target = target
        self.now = now
        self.act = act
        self._details: dict[str, Detail] = dict(_NOTED.get() or {})
        self._facts: list[Fact] = []
        self._left: list[tuple[str, End]] = []
        self._requested: list[str] = []
        self._recorded = False

    def note(self, **details: Detail) -> None:
        """Add to the audit record. Never a secret."""
        self._details.update(details)

    def require(self, verdict: Verdict) -> None:
        """Raises: Refused, or NotFound where the actor may not know that the thing exists."""
        if isinstance(verdict, Deny):
            self.refuse(verdict)

    def refuse(self, denial: Deny) -> NoReturn:
        """Raises: Refused, or NotFound where the actor may not know that the thing exists."""
        if denial.hidden:
            self.note(denied=denial.code)
            raise NotFound(denial.reason)
        raise Refused(denial.code, denial.reason)

    def found(self, thing: T | None, otherwise: Deny) -> T:
        """`thing`. Raises: NotFound, in the words of the denial that hides one."""
        if thing is None:
            self.note(missing=True)
            raise NotFound(otherwise.reason)
        return thing

    def drop(self) -> None:
        """Nobody asked and nothing is left to decide: write no record."""
        self._recorded = True

    def publish(self, fact: Fact) -> None:
        """Tell the bus, once this is committed."""
        self._facts.append(fact)

    def close_console(self, consent_id: str, end: End) -> None:
        """End the live console session, once this is committed."""
        self._left.append((consent_id, end))

    def begin_recovery(self, action_id: str) -> None:
        """Have a requested recovery action carried out, once this is committed."""
        self._requested.append(action_id)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """The decision's unit of work; the audit record is the last thing in it."""
        refusal: GatewayError | None = None
        async with self._s.store.unit() as unit:
            try:
                yield unit
            except StoreUnavailable:
                raise
            except GatewayError as error:
                refusal = error
            if not self._recorded:
                await self.record(unit, refusal)
        if refusal is not None:
            raise refusal

    @property
    def recorded(self) -> bool:
        """Whether the audit record is written."""
        return self._recorded

    async def record(self, unit: Unit, refusal: GatewayError | None) -> None:
        """Write the one audit record."""
        self._recorded = True
        party = self.party
        await unit.audit.record(
            AuditEntry(
                at=self.now,
                actor=party.name,
                role=str(party.role),
                address=party.address,
                action=self.act.value,
                target=self.target,
                outcome="allowed" if refusal is None else "denied",
                code=refusal.code if refusal else "",
                reason=str(refusal) if refusal else "",
                details=self._details,
            )
        )

    def tell(self) -> None:
        """Publish what was committed."""
        for fact in self._facts:
            self._s.bus.publish(fact)
        for consent_id, end in self._left:
            self._s.registry.end(consent_id, end)
        for action_id in self._requested:
            self._s.recoveries.start(action_id)


@asynccontextmanager
async def deciding(
    s: Services, party: Actor | Party, act: Act, *, target: str = "", now: datetime
) -> AsyncIterator[Decision]:
    """Decide one question. A refusal before, in or after the unit is recorded, then raised."""
    decision = Decision(s, party, act, target, now)
    try:
        yield decision
    except StoreUnavailable:
        raise
    except GatewayError as refusal:
        if not decision.recorded and _worth_recording(decision, s, refusal):
            async with s.store.unit() as unit:
                await decision.record(unit, refusal)
        raise
    assert decision.recorded, "an action without a unit of work"
    decision.tell()


def _worth_recording(decision: Decision, s: Services, refusal: GatewayError) -> bool:
    """Everything but the bulk of a flood, which is counted."""
    if not isinstance(refusal, Throttled):
        return True
    left_out = s.floods.left_out(decision.party.address, decision.act.value, decision.now)
    if left_out:
        decision.note(left_out=left_out)
    return left_out is not None
