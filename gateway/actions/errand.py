"""One recovery action on its way to a guest, step by step, and never a changing step twice.

The row says `sent`, committed, before anything that changes the guest is sent. Until then every
step only looks, and may be done again after a restart; from then on nothing is ever repeated. It
ends as unknown, rather than failed, where a changing step was asked and its answer is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from gateway.actions.asking import announce, end_unsent, handler_named, request_of
from gateway.actions.extensions import NOT_RUNNING
from gateway.actions.recording import GATEWAY, Act, deciding
from gateway.actions.recovery_end import end_action, log_rows
from gateway.actions.services import Agent, Services
from gateway.actions.steps import begun, ended, from_text, to_text
from gateway.bus import RecoveryChanged
from gateway.errors import GuestLost, GuestUnreachable, SettingsError, StoreUnavailable
from gateway.inventory import Machine
from gateway.policy.consents import consent_active
from gateway.policy.facts import Role
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.policy.verdict import Deny
from gateway.recovery import logs
from gateway.recovery.catalogue import (
    PROVISIONING,
    Failure,
    outcome_unknown,
    silent_agent,
    timed_out,
    vm_not_running,
)
from gateway.recovery.plan import Outcome, Plan, Run, Step, plan_for
from gateway.store import RecoveryAction, Unit

log = structlog.get_logger(__name__)

STORE_PAUSE: Final = 1.0  # seconds between attempts to write what must not be lost

VM_GONE: Final = Failure(
    "ResourceNotFound", "The virtual machine was deleted or moved before this was begun."
)
NO_KEY: Final = Failure(
    PROVISIONING, "The protected settings cannot be opened: the key that sealed them is missing."
)
CANCELLED: Final = "Canceled"

Change = Callable[[RecoveryAction, datetime], RecoveryAction]


class Errand:
    """INVARIANT: `_asked` is the step that the agent was handed and has not answered."""

    def __init__(self, s: Services, action: RecoveryAction) -> None:
        self._s = s
        self._action = action
        self._claimed = False  # whether the commit that says `sent` was tried
        self._sent = False
        self._asked: Step | None = None
        self._lines: list[logs.LogLine] = []  # of its log, to be written with the next commit

    async def run(self) -> None:
        """From the row to its end, in the row."""
        machine = self._s.inventory.get(self._action.resource_id)
        if machine is None or machine.vm.node != self._s.node:
            await self._end(VM_GONE)
            return
        plan = await self._plan(machine)
        await (self._end(plan) if isinstance(plan, Failure) else self._reach(machine, plan))

    async def _plan(self, machine: Machine) -> Plan | Failure:
        """What to do, or why it fails without asking the guest."""
        try:
            request = request_of(self._s, self._action)
        except SettingsError:
            return NO_KEY
        plan = plan_for(request, handler_named(self._action.handler))
        if isinstance(plan, Plan) and await self._s.guests.power(machine) in NOT_RUNNING:
            refusal = vm_not_running()
            return Failure(refusal.code, refusal.reason)
        return plan

    async def _reach(self, machine: Machine, plan: Plan) -> None:
        vm, run = machine.vm.name, Run(plan)
        self._lines += logs.started(plan, plan.handler.versions[-1], self._s.clock())
        try:
            async with self._s.guests.agent(machine) as agent:
                if not await self._walk(plan, run, agent):
                    return
        except GuestUnreachable:
            # What was asked just now did not reach it: nothing is in doubt.
            self._unanswered("the agent was out of reach", in_doubt=False)
            await self._end(silent_agent(vm))
        except GuestLost:
            changing = self._asked is not None and self._asked.changes
            self._unanswered("the agent fell silent", in_doubt=changing)
            await self._end(outcome_unknown(vm) if changing else silent_agent(vm))
        except TimeoutError:
            self._unanswered("it took too long", in_doubt=True)
            await self._end(timed_out(self._action.extension_name))
        else:
            assert run.outcome is not None, "a walk that came to its end has an outcome"
            await self._end(run.outcome)

    async def _walk(self, plan: Plan, run: Run, agent: Agent) -> bool:
        """Every step that there is; False where it was cancelled meanwhile.

        Raises: GuestUnreachable, GuestLost, TimeoutError.
        """
        async with asyncio.timeout(self._s.recovery_timeout.total_seconds()):
            while (step := run.next()) is not None:
                if not await self._begin(step):
                    return False
                self._asked = step
                answer = await agent.perform(step.call)
                run.answered(step, answer)
                self._asked = None
                self._lines += logs.answered(plan, step, answer, self._s.clock())
                if not await self._answered(step, run.outcome):
                    return False
        return True

    async def _begin(self, step: Step) -> bool:
        """Note that `step` is asked now, as sent before the first that changes the guest."""
        self._lines += logs.asked(step, self._s.clock())

        def change(action: RecoveryAction, now: datetime) -> RecoveryAction:
            steps = begun(from_text(action.steps), step.key, now)
            return replace(action, steps=to_text(steps))

        if not step.changes or self._sent:
            return await self._patiently(lambda: self._note(change))
        self._sent = await self._patiently(lambda: self._send(change))
        return self._sent

    async def _answered(self, step: Step, outcome: Outcome | None) -> bool:
        wrong = outcome if isinstance(outcome, Failure) else None

        def change(action: RecoveryAction, now: datetime) -> RecoveryAction:
            state, said = ("failed", wrong.message) if wrong else ("done", "")
            steps = ended(from_text(action.steps), step.key, state, now, said)  # type: ignore[arg-type]
            return replace(action, steps=to_text(steps))

        return await self._patiently(lambda: self._note(change))

    def _unanswered(self, reason: str, *, in_doubt: bool) -> None:
        if self._asked is not None:
            self._lines += logs.unanswered(self._asked, reason, self._s.clock())
        if not in_doubt:
            self._asked = None

    async def _send(self, change: Change) -> bool:
        """Commit `sent`; False where it may not be sent any more."""
        now = self._s.clock()
        async with deciding(self._s, GATEWAY, Act.SEND_RECOVERY, now=now) as d, d.unit() as unit:
            action = await unit.recovery_actions.get(self._action.id)
            if action is None or action.state not in OPEN_STATES:
                d.drop()  # cancelled meanwhile
                return False
            if action.state is ActionState.SENT:
                d.drop()  # by us, where a commit was lost sight of; else it is somebody else's
                return self._claimed
            self._claimed = True
            d.target = action.resource_id
            d.note(action=action.id, kind=action.kind, by=action.requested_by)
            why = await _why_not(unit, action, now)
            if why is not None:
                d.note(cancelled=why.message)
                await end_unsent(d, unit, action, ActionState.CANCELLED, why, GATEWAY.name)
                return False
            await self._write(
                unit, replace(change(action, now), state=ActionState.SENT, sent_at=now)
            )
            announce(d, action)
        self._lines.clear()
        return True

    async def _note(self, change: Change) -> bool:
        """Write what changed; False where the action is over."""
        async with self._s.store.unit() as unit:
            action = await unit.recovery_actions.get(self._action.id)
            if action is None or action.state not in OPEN_STATES:
                return False
            await self._write(unit, change(action, self._s.clock()))
        self._lines.clear()
        self._s.bus.publish(RecoveryChanged(action.id, action.vm_key, action.consent_id))
        return True

    async def _write(self, unit: Unit, action: RecoveryAction) -> None:
        await unit.recovery_actions.update(action)
        await unit.agent_logs.add(log_rows(action, self._lines))

    async def _end(self, outcome: Outcome) -> None:
        in_doubt = self._asked is not None and self._asked.changes
        state = ActionState.DONE
        if isinstance(outcome, Failure):
            state = ActionState.UNKNOWN if in_doubt else ActionState.FAILED

        async def end() -> bool:
            now = self._s.clock()
            await end_action(self._s, self._action.id, state, outcome, now, self._lines)
            return True

        await self._patiently(end)

    async def _patiently(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Write until the store takes it: what the guest was asked must not be forgotten."""
        while True:
            try:
                return await write()
            except StoreUnavailable as error:
                log.warning("recovery.store", action=self._action.id, error=str(error))
            await asyncio.sleep(STORE_PAUSE)


async def _why_not(unit: Unit, action: RecoveryAction, now: datetime) -> Failure | None:
    """Why what was requested may not be sent any more."""
    if action.consent_id is not None:
        consent = await unit.consents.get(action.consent_id)
        verdict = consent_active(consent, now) if consent else Deny("", "the consent is gone")
        if isinstance(verdict, Deny):
            return Failure(CANCELLED, f"Cancelled before it was sent: {verdict.reason}.")
    behind = [await unit.accounts.by_id(action.account_id)]
    if action.decided_by is not None:
        # An operator proposed it; the tenant who approved answers for it as much.
        behind.append(await unit.accounts.by_name(action.decided_by))
    for account in behind:
        if account is None or account.disabled:
            return Failure(CANCELLED, "Cancelled before it was sent: the account was disabled.")
        if account.role is Role.TENANT and action.subscription_id not in account.subscriptions:
            return Failure(CANCELLED, "Cancelled before it was sent: the VM is no longer theirs.")
    return None
