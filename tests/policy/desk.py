"""The gateway on paper: facts in memory, moved only as `policy` allows, as the actions do it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import count

from gateway.policy import administration, consents, consoles
from gateway.policy.facts import (
    Actor,
    Consent,
    EndCode,
    Grant,
    ShareLink,
    Subscription,
    Visit,
    Vm,
    Workstation,
)
from gateway.policy.verdict import Allow, Deny, Verdict

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Watcher:
    """A tenant's or an admin's viewer, or a guest's."""

    consent_id: str
    actor: Actor | None = None
    visit: Visit | None = None


@dataclass
class Desk:
    """INVARIANT: nothing here changes but after `policy` said Allow, and time."""

    node: str
    vms: dict[str, Vm]
    now: datetime = START
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    safelist: list[Workstation] = field(default_factory=list)
    consents: dict[str, Consent] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    links: dict[str, ShareLink] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    connected: set[str] = field(default_factory=set)  # grants whose viewer is there
    watchers: list[Watcher] = field(default_factory=list)
    _ids: count[int] = field(default_factory=count)

    def advance(self, seconds: int) -> None:
        """Time goes by; whoever is connected is seen all the while."""
        self.now += timedelta(seconds=seconds)
        for grant_id in tuple(self.connected):
            if self.operator_sees(grant_id):
                self._grant(grant_id, last_seen_at=self.now)

    # What people do

    def set_enabled(self, actor: Actor, subscription: str, *, enabled: bool) -> Verdict:
        verdict = administration.may_administer(actor)
        if isinstance(verdict, Allow):
            self.subscriptions[subscription] = Subscription(subscription, enabled)
            if not enabled:
                for consent in self._active():
                    if consent.subscription_id == subscription:
                        self._end(consent, EndCode.SUBSCRIPTION_DISABLED)
        return verdict

    def allow_workstation(self, actor: Actor, network: str) -> Verdict:
        verdict = administration.may_administer(actor)
        if isinstance(verdict, Allow):
            entry = Workstation(self.node, ip_network(network), actor.name, self.now)
            self.safelist.append(entry)
        return verdict

    def revoke_workstation(self, actor: Actor, network: str) -> Verdict:
        verdict = administration.may_administer(actor)
        if isinstance(verdict, Allow):
            gone = ip_network(network)
            self.safelist = [entry for entry in self.safelist if entry.network != gone]
        return verdict

    def request(self, actor: Actor, vm_key: str) -> tuple[Verdict, Consent | None]:
        vm = self.vms.get(vm_key)
        subscription = self.subscriptions.get(vm.subscription_id) if vm else None
        verdict = consents.may_request_consent(actor, subscription, vm)
        if isinstance(verdict, Deny) or vm is None:
            return verdict, None
        for running in self._active():
            if running.vm_key == vm.key:
                return verdict, running
        consent = consents.new_consent(
            consent_id=self._id("c"), actor=actor, vm=vm, reason="", now=self.now
        )
        self.consents[consent.id] = consent
        return verdict, consent

    def end(self, actor: Actor, consent_id: str) -> Verdict:
        consent = self.consents[consent_id]
        verdict = consents.may_end_consent(actor, consent, self.node, self.now)
        if isinstance(verdict, Allow):
            self._end(consent, consents.end_code_for(actor.role))
        return verdict

    def open(self, actor: Actor, consent_id: str, *, proven: bool) -> tuple[Verdict, Grant | None]:
        """A step-up; `proven`: the password and the code were right."""
        consent = self.consents[consent_id]
        vm = self.vms.get(consent.vm_key)
        verdict = consoles.may_open_console(
            actor, consent, vm, self.safelist, node=self.node, now=self.now
        )
        if isinstance(verdict, Deny) or not proven:
            return verdict, None
        grant = Grant(
            id=self._id("g"),
            consent_id=consent.id,
            account_id=actor.account_id,
            operator=actor.name,
            sign_in_id=actor.sign_in_id,
            address=actor.address,
            stepped_up_at=self.now,
        )
        self.grants[grant.id] = grant
        return verdict, grant

    def connect(self, actor: Actor, grant_id: str) -> Verdict:
        grant = self.grants[grant_id]
        consent = self.consents[grant.consent_id]
        verdict = consoles.may_connect(actor, grant, consent, self.safelist, self.now)
        if isinstance(verdict, Allow):
            opened_at = grant.opened_at or self.now
            self._grant(grant_id, opened_at=opened_at, last_seen_at=self.now)
            self.connected.add(grant_id)
        return verdict

    def leave(self, grant_id: str) -> None:
        if grant_id in self.connected:
            self.connected.discard(grant_id)
            if self.grants[grant_id].ended_at is None:
                self._grant(grant_id, last_seen_at=self.now)

    def end_session(self, actor: Actor, consent_id: str) -> Verdict:
        consent, grants = self.consents[consent_id], self._grants_of(consent_id)
        verdict = consoles.may_end_session(actor, consent, grants, self.node, self.now)
        if isinstance(verdict, Allow):
            for grant in consoles.grants_to_end(actor, grants):
                self._grant(grant.id, ended_at=self.now)
        return verdict

    def end_sign_in(self, actor: Actor, sign_in_id: str, owner: str) -> Verdict:
        verdict = administration.may_end_sign_in(actor, owner)
        if isinstance(verdict, Allow):
            for grant in self.grants.values():
                if grant.sign_in_id == sign_in_id and grant.ended_at is None:
                    self._grant(grant.id, ended_at=self.now, end_code=EndCode.SIGN_IN_ENDED)
        return verdict

    def watch(self, actor: Actor, consent_id: str) -> Verdict:
        verdict = self._may_watch(actor, consent_id)
        if isinstance(verdict, Allow):
            self.watchers.append(Watcher(consent_id, actor=actor))
        return verdict

    def share(
        self, actor: Actor, consent_id: str, capacity: int
    ) -> tuple[Verdict, ShareLink | None]:
        consent, grants = self.consents[consent_id], self._grants_of(consent_id)
        verdict = consoles.may_share(actor, consent, grants, self.node, self.now)
        if isinstance(verdict, Deny):
            return verdict, None
        link = ShareLink(
            id=self._id("l"),
            consent_id=consent_id,
            created_by=actor.name,
            created_at=self.now,
            expires_at=consent.expires_at,
            capacity=capacity,
            label="",
        )
        self.links[link.id] = link
        return verdict, link

    def revoke_link(self, actor: Actor, link_id: str) -> Verdict:
        link = self.links[link_id]
        consent = self.consents[link.consent_id]
        verdict = consoles.may_revoke_link(actor, link, consent, self.node)
        if isinstance(verdict, Allow):
            self.links[link_id] = replace(link, revoked_at=self.now)
        return verdict

    def redeem(self, link_id: str) -> tuple[Verdict, Visit | None]:
        link = self.links[link_id]
        consent = self.consents[link.consent_id]
        joined = sum(visit.link_id == link_id for visit in self.visits.values())
        verdict = consoles.may_redeem(link, consent, joined, self.now)
        if isinstance(verdict, Deny):
            return verdict, None
        visit = Visit(
            self._id("v"), link_id, consent.id, "Gus", "203.0.113.5", self.now, link.expires_at
        )
        self.visits[visit.id] = visit
        return verdict, visit

    def visit(self, visit_id: str) -> Verdict:
        visit = self.visits[visit_id]
        verdict = self._may_visit(visit)
        if isinstance(verdict, Allow):
            self.watchers.append(Watcher(visit.consent_id, visit=visit))
        return verdict

    # What flows

    def operator_sees(self, grant_id: str) -> bool:
        """Whether frames and keys pass for that grant's viewer now."""
        grant = self.grants[grant_id]
        consent = self.consents[grant.consent_id]
        return consoles.grant_end(grant, consent, self.safelist, self.now) is None

    def watcher_sees(self, watcher: Watcher) -> bool:
        """Whether frames pass for that viewer now."""
        if watcher.visit is not None:
            return isinstance(self._may_visit(watcher.visit), Allow)
        assert watcher.actor is not None
        return isinstance(self._may_watch(watcher.actor, watcher.consent_id), Allow)

    def types(self, actor: Actor, consent_id: str) -> bool:
        """Whether that person's keys pass now."""
        consent, grants = self.consents[consent_id], self._grants_of(consent_id)
        verdict = consoles.may_type(actor, consent, grants, self.node, self.now)
        return isinstance(verdict, Allow)

    # Parts

    def _may_watch(self, actor: Actor, consent_id: str) -> Verdict:
        consent, grants = self.consents[consent_id], self._grants_of(consent_id)
        return consoles.may_watch(actor, consent, grants, self.node, self.now)

    def _may_visit(self, visit: Visit) -> Verdict:
        consent, grants = self.consents[visit.consent_id], self._grants_of(visit.consent_id)
        return consoles.may_visit(visit, self.links[visit.link_id], consent, grants, self.now)

    def _active(self) -> list[Consent]:
        return [
            consent
            for consent in self.consents.values()
            if isinstance(consents.consent_active(consent, self.now), Allow)
        ]

    def _end(self, consent: Consent, code: EndCode) -> None:
        self.consents[consent.id] = replace(consent, ended_at=self.now, end_code=code)

    def _grants_of(self, consent_id: str) -> list[Grant]:
        return [grant for grant in self.grants.values() if grant.consent_id == consent_id]

    def _grant(self, grant_id: str, **changes: object) -> None:
        self.grants[grant_id] = replace(self.grants[grant_id], **changes)  # type: ignore[arg-type]

    def _id(self, letter: str) -> str:
        return f"{letter}{next(self._ids)}"
