"""Carries out one recovery action, step by step, and never a changing step twice.

    requested → sent → done | failed | unknown

The row says `sent`, committed, before anything that changes the guest is sent. Until then every
step only looks, and may be done again after a restart; from then on nothing is ever repeated. It is
unknown, rather than failed, where a changing step was asked and its answer is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.actions.asking import (
    announce,
    end_unsent,
    handler_named,
    request_of,
    settle_extension,
)
from gateway.actions.extensions import NOT_RUNNING
from gateway.actions.recording import GATEWAY, Act, Decision, deciding
from gateway.actions.services import Agent, Services
from gateway.actions.steps import StepRecord, StepState, begun, closed, ended, from_text, to_text
from gateway.bus import RecoveryChanged
from gateway.errors import GuestLost, GuestUnreachable, SettingsError, StoreUnavailable
from gateway.inventory import Machine
from gateway.policy.consents import consent_active
from gateway.policy.facts import Role
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.policy.verdict import Deny
from gateway.recovery.catalogue import (
    NO_STATUS,
    PROVISIONING,
    Failure,
    outcome_unknown,
    silent_agent,
    timed_out,
    vm_not_running,
)
from gateway.recovery.plan import Plan, Run, Step, plan_for
from gateway.store import RecoveryAction, Unit

log = structlog.get_logger(__name__)

STORE_PAUSE = 1.0  # seconds between attempts to write what must not be lost

RESTARTED = (
    "The gateway was restarted after the request was sent to the guest: the change may or may not "
    "have been made. It was not sent again."
)
BROKEN = "The gateway failed while it carried this out; its log says more."
VM_GONE = "The virtual machine was deleted or moved before this was begun."
NO_KEY = "The protected settings cannot be opened: the key that sealed them is missing."


async def carry_out(s: Services, action_id: str) -> None:
    """Carry out a requested action of this node to its end. Others are left as they are.

    What went wrong stands in the row. Raises: StoreUnavailable, before anything was sent.
    """
    async with s.store.reading() as unit:
        action = await unit.recovery_actions.get(action_id)
    if action is None or action.state is not ActionState.REQUESTED or action.node != s.node:
        return
    await _Errand(s, action).run()


async def settle_after_restart(s: Services, now: datetime) -> int:
    """Whatever this node had sent when it stopped: nobody knows. How many there were."""
    async with s.store.reading() as unit:
        sent = await unit.recovery_actions.in_states({ActionState.SENT}, node=s.node)
    for action in sent:
        await end_action(s, action.id, ActionState.UNKNOWN, Failure(NO_STATUS, RESTARTED), now)
    return len(sent)


async def give_up(s: Services, action_id: str, now: datetime) -> None:
    """After a fault of ours: failed, or unknown where it was sent. Raises: StoreUnavailable."""
    async with s.store.reading() as unit:
        action = await unit.recovery_actions.get(action_id)
    if action is not None and action.state in OPEN_STATES:
        sent = action.state is ActionState.SENT
        state = ActionState.UNKNOWN if sent else ActionState.FAILED
        await end_action(s, action_id, state, Failure(PROVISIONING, BROKEN), now)


async def end_action(
    s: Services, action_id: str, state: ActionState, said: Failure | str, now: datetime
) -> None:
    """Note how an action ended; nothing if it is over. `said`: the failure, or the good news."""
    target = ""
    async with (
        deciding(s, GATEWAY, Act.END_RECOVERY, target=target, now=now) as d,
        d.unit() as unit,
    ):
        action = await unit.recovery_actions.get(action_id)
        if action is None or action.state not in OPEN_STATES:
            d.drop()  # cancelled meanwhile
            return
        running: StepState = "unknown" if state is ActionState.UNKNOWN else "failed"
        over = replace(
            action,
            state=state,
            protected=None,
            ended_at=now,
            steps=to_text(closed(from_text(action.steps), running, now)),
            error_code=said.code if isinstance(said, Failure) else None,
            message=said.message if isinstance(said, Failure) else said,
        )
        await unit.recovery_actions.update(over)
        await settle_extension(unit, over, now)
        d.target = action.resource_id
        d.note(action=action.id, kind=action.kind, state=state.value, error=over.error_code)
        announce(d, over)


class _Errand:
    """One action on its way.

    INVARIANT: `_asked` is the changing step that was handed to the agent and is not answered.
    """

    def __init__(self, s: Services, action: RecoveryAction) -> None:
        self._s = s
        self._action = action
        self._sent = False
        self._asked: Step | None = None

    async def run(self) -> None:
        ready = await self._prepare()
        if ready is None:
            return
        plan, machine = ready
        run = Run(plan)
        try:
            async with self._s.guests.agent(machine) as agent:
                if not await self._walk(run, agent):
                    return
        except GuestUnreachable:
            await self._fail(silent_agent(machine.vm.name))
        except GuestLost:
            vm = machine.vm.name
            await self._fail(outcome_unknown(vm) if self._asked else silent_agent(vm))
        except TimeoutError:
            await self._fail(timed_out(self._action.extension_name))
        else:
            await self._finish(run)

    async def _prepare(self) -> tuple[Plan, Machine] | None:
        """The plan and the machine, or None where it has failed without asking a guest."""
        machine = self._s.inventory.get(self._action.resource_id)
        if machine is None or machine.vm.node != self._s.node:
            await self._fail(Failure("ResourceNotFound", VM_GONE))
            return None
        try:
            request = request_of(self._s, self._action)
        except SettingsError:
            await self._fail(Failure(PROVISIONING, NO_KEY))
            return None
        plan = plan_for(request, handler_named(self._action.handler))
        if isinstance(plan, Failure):
            await self._fail(plan)
            return None
        if await self._s.guests.power(machine) in NOT_RUNNING:
            refusal = vm_not_running()
            await self._fail(Failure(refusal.code, refusal.reason))
            return None
        return plan, machine

    async def _walk(self, run: Run, agent: Agent) -> bool:
        """Every step that there is; False where it was cancelled meanwhile.

        Raises: GuestUnreachable, GuestLost, TimeoutError.
        """
        async with asyncio.timeout(self._s.recovery_timeout.total_seconds()):
            while (step := run.next()) is not None:
                if not await self._begin(step):
                    return False
                self._asked = step if step.changes else None
                answer = await agent.perform(step.call)
                self._asked = None
                run.answered(step, answer)
                await self._answered(run, step)
        return True

    async def _begin(self, step: Step) -> bool:
        """Note that `step` is asked now, as sent before the first that changes the guest."""
        if step.changes and not self._sent:
            self._sent = await self._patiently(lambda: self._send(step))
            return self._sent
        return await self._patiently(
            lambda: self._note(lambda steps, now: begun(steps, step.key, now))
        )

    async def _send(self, step: Step) -> bool:
        """Commit `sent`; False where it may not be sent any more."""
        now = self._s.clock()
        async with (
            deciding(self._s, GATEWAY, Act.SEND_RECOVERY, now=now) as d,
            d.unit() as unit,
        ):
            action = await unit.recovery_actions.get(self._action.id)
            if action is None or action.state not in {ActionState.REQUESTED, ActionState.SENT}:
                d.drop()  # cancelled meanwhile
                return False
            d.target = action.resource_id
            d.note(action=action.id, kind=action.kind, by=action.requested_by)
            if action.state is ActionState.SENT:
                d.drop()  # ours: the commit was lost sight of, and tried again
                return True
            why = await _why_not(unit, action, now)
            if why is not None:
                d.note(cancelled=why.message)
                await end_unsent(d, unit, action, ActionState.CANCELLED, why, GATEWAY.name)
                return False
            steps = begun(from_text(action.steps), step.key, now)
            sent = replace(
                action, state=ActionState.SENT, sent_at=now, protected=None, steps=to_text(steps)
            )
            await unit.recovery_actions.update(sent)
            announce(d, sent)
            return True

    async def _answered(self, run: Run, step: Step) -> None:
        failed = isinstance(run.outcome, Failure)
        message = run.outcome.message if isinstance(run.outcome, Failure) else ""

        def change(steps: tuple[StepRecord, ...], now: datetime) -> tuple[StepRecord, ...]:
            return ended(steps, step.key, "failed" if failed else "done", now, message)

        await self._patiently(lambda: self._note(change))

    async def _note(
        self, change: Callable[[tuple[StepRecord, ...], datetime], tuple[StepRecord, ...]]
    ) -> bool:
        """Write the steps; False where the action is over."""
        now = self._s.clock()
        async with self._s.store.unit() as unit:
            action = await unit.recovery_actions.get(self._action.id)
            if action is None or action.state not in OPEN_STATES:
                return False
            steps = to_text(change(from_text(action.steps), now))
            await unit.recovery_actions.update(replace(action, steps=steps))
        self._s.bus.publish(RecoveryChanged(action.id, action.vm_key, action.consent_id))
        return True

    async def _finish(self, run: Run) -> None:
        outcome = run.outcome
        assert outcome is not None, "a walk that came to its end has an outcome"
        if isinstance(outcome, Failure):
            await self._fail(outcome)
        else:
            await self._end(ActionState.DONE, outcome.message)

    async def _fail(self, failure: Failure) -> None:
        state = ActionState.UNKNOWN if self._asked else ActionState.FAILED
        await self._end(state, failure)

    async def _end(self, state: ActionState, said: Failure | str) -> None:
        async def end() -> bool:
            await end_action(self._s, self._action.id, state, said, self._s.clock())
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
            return Failure("Canceled", f"Cancelled before it was sent: {verdict.reason}.")
    account = await unit.accounts.by_id(action.account_id)
    if account is None or account.disabled:
        return Failure("Canceled", "Cancelled before it was sent: the account was disabled.")
    if account.role is Role.TENANT and action.subscription_id not in account.subscriptions:
        return Failure("Canceled", "Cancelled before it was sent: the subscription is not theirs.")
    return None


__all__ = ["Decision", "carry_out", "end_action", "give_up", "settle_after_restart"]
