"""A random walk over DESIGN.md §3: whatever people do, in whatever order, policy and model agree.

`EVA_STATE_MACHINE_EXAMPLES` sets how many walks of 50 steps; 1000 by default.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.policy.facts import Actor, Role, Vm
from gateway.policy.verdict import Allow, Deny, Verdict
from tests.policy.desk import Desk, Watcher
from tests.policy.model import EIGHT_HOURS, Link, Model, Pass, Promise

EXAMPLES = int(os.environ.get("EVA_STATE_MACHINE_EXAMPLES", "1000"))

NODE = "ercs01"
VMS = {
    key: Vm(key, subscription, key, "linux", node)
    for key, subscription, node in (
        ("web", "contoso", NODE),
        ("far", "contoso", "ercs02"),
        ("fab", "fabrikam", NODE),
    )
}
PLACES = ("10.0.0.7", "10.0.9.9", "2001:db8::7", "::ffff:10.0.0.7")
# A network, and how the addresses in it begin.
NETWORKS = {"10.0.0.0/24": "10.0.0.", "10.0.9.9/32": "10.0.9.9", "2001:db8::/32": "2001:db8:"}
MOMENTS = (1, 1, 30, 59, 60, 61, 119, 120, 3600, EIGHT_HOURS - 1, EIGHT_HOURS)


def _person(name: str, role: Role, *subscriptions: str) -> Actor:
    return Actor(name, name, role, frozenset(subscriptions), PLACES[0], f"{name}-1")


TINA = _person("tina", Role.TENANT, "contoso")
THEO = _person("theo", Role.TENANT, "fabrikam")
OLGA = _person("olga", Role.CLOUDADMIN)
OSCAR = _person("oscar", Role.CLOUDADMIN)
ADA = _person("ada", Role.ADMIN)
PEOPLE = (TINA, THEO, OLGA, OSCAR, ADA)

people = st.sampled_from(PEOPLE)
operators = st.sampled_from((OLGA, OLGA, OSCAR))
mostly_ada = st.sampled_from((ADA, ADA, ADA, OLGA, TINA))
places = st.sampled_from((PLACES[0], PLACES[0], *PLACES))
# Which of the things there are, counted from the newest: what is old is mostly over.
turns = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 5))


class Rules(RuleBasedStateMachine):
    """One walk."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(NODE, VMS)
        self.model = Model(
            owner={key: vm.subscription_id for key, vm in VMS.items()},
            served={key for key, vm in VMS.items() if vm.node == NODE},
            owns={"tina": {"contoso"}, "theo": {"fabrikam"}},
            operators={"olga", "oscar"},
            admins={"ada"},
        )
        self.sign_ins = {person.name: 1 for person in PEOPLE}
        # Hypothesis leaves out half of the rules in each walk: all begin where there is something
        # to lose.
        self.everything_goes_well(OLGA)

    # Time

    @rule(seconds=st.sampled_from(MOMENTS))
    def time_goes_by(self, seconds: int) -> None:
        self.desk.advance(seconds)
        self.model.advance(seconds)

    # An admin's rules; others try

    @rule(subscription=st.sampled_from(("contoso", "fabrikam")), who=mostly_ada)
    def enable(self, subscription: str, who: Actor) -> None:
        self.agree(who is ADA, self.desk.set_enabled(who, subscription, enabled=True))
        if who is ADA:
            self.model.enabled.add(subscription)

    @rule(subscription=st.sampled_from(("contoso", "fabrikam")), who=mostly_ada)
    def disable(self, subscription: str, who: Actor) -> None:
        self.agree(who is ADA, self.desk.set_enabled(who, subscription, enabled=False))
        if who is ADA:
            self.model.enabled.discard(subscription)
            for promise in self.model.promises.values():
                if self.model.owner[promise.vm] == subscription:
                    promise.dead = True

    @rule(network=st.sampled_from(tuple(NETWORKS)), who=mostly_ada)
    def allow_workstation(self, network: str, who: Actor) -> None:
        self.agree(who is ADA, self.desk.allow_workstation(who, network))
        if who is ADA:
            self.model.places.add(NETWORKS[network])

    @rule(network=st.sampled_from(tuple(NETWORKS)), who=mostly_ada)
    def revoke_workstation(self, network: str, who: Actor) -> None:
        self.agree(who is ADA, self.desk.revoke_workstation(who, network))
        if who is ADA:
            self.model.places.discard(NETWORKS[network])

    # Consents

    @rule(who=st.sampled_from((TINA, TINA, *PEOPLE)), vm=st.sampled_from((*VMS, "web", "none")))
    def consent(self, who: Actor, vm: str) -> None:
        verdict, consent = self.desk.request(who, vm)
        self.agree(self.model.may_consent(who.name, vm), verdict)
        if consent is None:
            return
        running = self.model.running(vm)
        if running is None:
            self.model.promises[consent.id] = Promise(vm, self.model.now)
        else:
            assert consent.id == running, "asking again returns the same consent (rule 2)"
        lasts = (consent.expires_at - consent.given_at).total_seconds()
        assert lasts == EIGHT_HOURS, "and does not extend it"

    @precondition(lambda self: self.desk.consents)
    @rule(who=people, turn=turns)
    def end_consent(self, who: Actor, turn: int) -> None:
        key = self.pick(self.desk.consents, turn)
        verdict = self.desk.end(who, key)
        self.agree_or_hide(self.model.may_know(who.name, key), self.model.holds(key), verdict)
        if isinstance(verdict, Allow):
            self.model.promises[key].dead = True

    # Operators

    @precondition(lambda self: self.desk.consents)
    @rule(who=operators, place=places, proven=st.sampled_from((True, True, False)), turn=turns)
    def step_up(self, who: Actor, place: str, proven: bool, turn: int) -> None:
        key = self.pick(self.desk.consents, turn)
        actor = self.at(who, place)
        verdict, grant = self.desk.open(actor, key, proven=proven)
        self.agree(self.model.may_open(who.name, _plain(place), key), verdict)
        assert (grant is not None) == (isinstance(verdict, Allow) and proven)
        if grant is not None:
            held = Pass(key, who.name, actor.sign_in_id, _plain(place), proven=self.model.now)
            self.model.passes[grant.id] = held

    @rule(who=operators)
    def everything_goes_well(self, who: Actor) -> None:
        """From nothing to an open console: chance alone rarely comes here, and seldom twice."""
        self.enable("contoso", ADA)
        self.allow_workstation("10.0.0.0/24", ADA)
        self.consent(TINA, "web")
        running = self.model.running("web")
        turn = list(reversed(self.desk.consents)).index(str(running))
        self.step_up(who, PLACES[0], True, turn)
        self.connect(0)

    @precondition(lambda self: self.desk.consents)
    @rule(who=st.sampled_from((TINA, ADA)), turn=turns)
    def others_cannot_step_up(self, who: Actor, turn: int) -> None:
        verdict, _ = self.desk.open(who, self.pick(self.desk.consents, turn), proven=True)
        assert isinstance(verdict, Deny)

    @precondition(lambda self: self.desk.grants)
    @rule(turn=turns)
    def connect(self, turn: int) -> None:
        key = self.pick(self.desk.grants, turn)
        grant = self.desk.grants[key]
        owner = next(person for person in PEOPLE if person.name == grant.operator)
        self.connect_as(owner, grant.address, key)

    @precondition(lambda self: self.desk.grants)
    @rule(who=people, place=places, turn=turns)
    def anybody_connects(self, who: Actor, place: str, turn: int) -> None:
        self.connect_as(who, place, self.pick(self.desk.grants, turn))

    @precondition(lambda self: self.desk.consents)
    @rule(who=operators, seconds=st.sampled_from((59, 60)))
    def step_up_and_hesitate(self, who: Actor, seconds: int) -> None:
        before = len(self.desk.grants)
        self.step_up(who, PLACES[0], True, 0)
        self.time_goes_by(seconds)
        if before < len(self.desk.grants):
            self.connect(0)

    @precondition(lambda self: self.desk.connected)
    @rule(seconds=st.sampled_from((119, 120)))
    def leave_and_come_back(self, seconds: int) -> None:
        key = self.pick(sorted(self.desk.connected), 0)
        self.leave(0)
        self.time_goes_by(seconds)
        self.connect(list(reversed(self.desk.grants)).index(key))

    @precondition(lambda self: self.desk.connected)
    @rule(turn=turns)
    def leave(self, turn: int) -> None:
        key = self.pick(sorted(self.desk.connected), turn)
        self.desk.leave(key)
        held = self.model.passes[key]
        held.inside = False
        held.seen = held.seen if held.dead else self.model.now

    @precondition(lambda self: self.desk.consents)
    @rule(who=people, turn=turns)
    def end_session(self, who: Actor, turn: int) -> None:
        key = self.pick(self.desk.consents, turn)
        ending = [
            held
            for held in self.model.passes.values()
            if held.promise == key
            and not held.dead
            and (who.name not in self.model.operators or held.who == who.name)
        ]
        may = self.model.holds(key) and bool(ending)
        verdict = self.desk.end_session(who, key)
        self.agree_or_hide(self.model.may_know(who.name, key), may, verdict)
        if isinstance(verdict, Allow):
            for held in ending:
                held.dead = True

    @rule(who=operators)
    def sign_in_elsewhere(self, who: Actor) -> None:
        """Another browser; the sign-in before stays, and what was opened by it."""
        self.sign_ins[who.name] += 1

    @rule(who=people, owner=people)
    def end_sign_in(self, who: Actor, owner: Actor) -> None:
        current = self.at(owner, PLACES[0]).sign_in_id
        verdict = self.desk.end_sign_in(who, current, owner.account_id)
        self.agree_or_hide(who is ADA or who is owner, True, verdict)
        if isinstance(verdict, Allow):
            self.sign_ins[owner.name] += 1
            for held in self.model.passes.values():
                held.dead = held.dead or held.sign_in == current

    # Watchers

    @precondition(lambda self: self.desk.consents)
    @rule(who=people, turn=turns)
    def watch(self, who: Actor, turn: int) -> None:
        key = self.pick(self.desk.consents, turn)
        verdict = self.desk.watch(who, key)
        self.agree(self.model.may_watch(who.name, key), verdict)
        self.hides(self.model.may_know(who.name, key), verdict)

    @precondition(lambda self: self.desk.consents)
    @rule(who=people, capacity=st.integers(1, 2), turn=turns)
    def share(self, who: Actor, capacity: int, turn: int) -> None:
        key = self.pick(self.desk.consents, turn)
        verdict, link = self.desk.share(who, key, capacity)
        self.agree(self.model.may_share(who.name, key), verdict)
        if link is not None:
            self.model.links[link.id] = Link(key, capacity)
            self.redeem(0)

    @precondition(lambda self: self.desk.links)
    @rule(who=people, turn=turns)
    def revoke_link(self, who: Actor, turn: int) -> None:
        key = self.pick(self.desk.links, turn)
        link = self.model.links[key]
        verdict = self.desk.revoke_link(who, key)
        self.agree_or_hide(self.model.may_know(who.name, link.promise), not link.dead, verdict)
        if isinstance(verdict, Allow):
            link.dead = True

    @precondition(lambda self: self.desk.links)
    @rule(turn=turns)
    def redeem(self, turn: int) -> None:
        key = self.pick(self.desk.links, turn)
        link = self.model.links[key]
        works = self.model.link_works(key)
        verdict, visit = self.desk.redeem(key)
        self.agree_or_hide(works, link.taken < link.seats, verdict)
        if visit is not None:
            link.taken += 1
            self.model.guests[visit.id] = key

    @precondition(lambda self: self.desk.visits)
    @rule(turn=turns)
    def visit(self, turn: int) -> None:
        key = self.pick(self.desk.visits, turn)
        verdict = self.desk.visit(key)
        self.agree(self.model.guest_sees(key), verdict)

    # What holds after every step

    @invariant()
    def operators_see_and_type_by_rule_1(self) -> None:
        for key in tuple(self.desk.connected):
            held = self.model.passes[key]
            sees = self.desk.operator_sees(key)
            assert sees == self.model.pass_holds(held)
            if not sees:
                self.desk.connected.discard(key)  # cut, for good
                held.inside = False

    @invariant()
    def watchers_see_by_rule_1(self) -> None:
        self.desk.watchers = [w for w in self.desk.watchers if self.still_sees(w)]

    @invariant()
    def only_operators_type(self) -> None:
        for person in PEOPLE:
            actor = self.at(person, PLACES[0])
            for key in tuple(self.desk.consents)[-2:]:
                types = self.desk.types(actor, key)
                assert types == self.model.may_type(actor.name, actor.sign_in_id, key)

    @invariant()
    def no_consent_outlives_its_promise(self) -> None:
        for key, consent in self.desk.consents.items():
            ended = consent.ended_at is not None or consent.expires_at <= self.desk.now
            assert ended is not self.model.holds(key)

    # Parts

    def still_sees(self, watcher: Watcher) -> bool:
        sees = self.desk.watcher_sees(watcher)
        if watcher.visit is not None:
            assert sees == self.model.guest_sees(watcher.visit.id)
        elif watcher.actor is not None:
            assert sees == self.model.may_watch(watcher.actor.name, watcher.consent_id)
        return sees

    def connect_as(self, who: Actor, place: str, key: str) -> None:
        actor, held = self.at(who, place), self.model.passes[key]
        # Policy compares the addresses as they are written; so does whoever wrote the grant.
        same_place = place == self.desk.grants[key].address
        may = same_place and self.model.may_enter(who.name, actor.sign_in_id, _plain(place), key)
        verdict = self.desk.connect(actor, key)
        self.agree(may, verdict)
        if isinstance(verdict, Allow):
            assert held.entered or self.model.now - held.proven < 60, "a fresh step-up"
            held.entered = held.inside = True
            held.seen = self.model.now

    def at(self, who: Actor, place: str) -> Actor:
        """That person at that place, by their newest sign-in."""
        return replace(who, address=place, sign_in_id=f"{who.name}-{self.sign_ins[who.name]}")

    def pick(self, things: object, turn: int) -> str:
        keys = tuple(things)  # type: ignore[call-overload]
        return str(keys[-1 - turn % len(keys)])

    def agree(self, expected: bool, verdict: Verdict) -> None:
        assert isinstance(verdict, Allow) == expected, verdict

    def hides(self, may_know: bool, verdict: Verdict) -> None:
        """Who may not know of a thing gets the answer of a missing one, and nobody else does."""
        assert (isinstance(verdict, Deny) and verdict.hidden) == (not may_know), verdict

    def agree_or_hide(self, may_know: bool, may: bool, verdict: Verdict) -> None:
        self.agree(may_know and may, verdict)
        self.hides(may_know, verdict)


def _plain(place: str) -> str:
    return place.removeprefix("::ffff:")


Rules.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    # Failing walks are shrunk; explaining them takes longer than reading them.
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestRules = pytest.mark.timeout(900)(Rules.TestCase)
