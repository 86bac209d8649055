"""The feature itself, as Microsoft.Compute.Admin shows it: where emergency access is possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.actions.endings import end_consent_rows
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.policy.administration import may_administer
from gateway.policy.consents import feature_enabled
from gateway.policy.facts import Actor, EndCode, FeatureState
from gateway.policy.verdict import Deny


@dataclass(frozen=True, slots=True)
class FeatureView:
    """The global state, and the subscriptions that it leaves to themselves."""

    state: FeatureState
    enabled_subscriptions: Sequence[str]  # the one enabled last comes last


async def see_feature(s: Services, actor: Actor, *, now: datetime) -> FeatureView:
    """Admin only: a refusal is recorded, reading is not. Raises: Refused."""
    verdict = may_administer(actor)
    if isinstance(verdict, Deny):
        async with deciding(s, actor, Act.READ, target="feature", now=now) as d:
            d.refuse(verdict)
    async with s.store.reading() as unit:
        return FeatureView(await unit.features.state(), await unit.subscriptions.enabled_ids())


async def set_feature_state(
    s: Services, actor: Actor, state: FeatureState, *, now: datetime
) -> None:
    """The global state wins over the subscriptions' own. Raises: Refused.

    Consents for which emergency access is no longer possible end in the same commit (rule 3).
    """
    async with (
        deciding(s, actor, Act.SET_FEATURE, target="feature", now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        await unit.features.set_state(state, now)
        end = End(EndCode.SUBSCRIPTION_DISABLED, actor.name, _WHY, now)
        own = {known.id: known for known in await unit.subscriptions.list()}
        over = [
            consent
            for consent in await unit.consents.active(now)
            if not feature_enabled(state, own.get(consent.subscription_id))
        ]
        for consent in over:
            await end_consent_rows(d, unit, consent, end)
        d.note(state=state.value, consents_ended=len(over))


_WHY = "emergency access was disabled"
