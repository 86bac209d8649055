"""A small world to act in: a real store, a fake registry, two tenants, operators and an admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pyotp
from sqlalchemy import text

from gateway import bus
from gateway.actions.admit import Admission, TicketSecret, admit
from gateway.actions.authenticate import Session, actor_of
from gateway.actions.carry_out import carry_out
from gateway.actions.open_console import new_grant
from gateway.actions.services import Services
from gateway.actions.sign_in import new_sign_in
from gateway.actions.tickets import issue_ticket
from gateway.bus import Bus, Fact
from gateway.consoles.participants import End
from gateway.identity import Identity
from gateway.identity.throttle import Misses
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.consents import new_consent
from gateway.policy.facts import Consent, Grant, Role, Vm, Workstation
from gateway.store import Account, AuditRecord, RecoveryAction, Store, new_id
from tests.actions.guests import FakeGuests, FakeRecoveries

START = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
NODE = "AzS-ERCS01"
CONTOSO = "5f2a9c1e-0d4b-4c3a-9e8f-1a2b3c4d5e6f"
FABRIKAM = "b7d1e3f5-2a4c-4e6f-8a1b-3c5d7e9f1a2b"
WORKSTATION = "10.0.0.7"
ELSEWHERE = "192.0.2.66"
PASSWORD = "a long enough passphrase"


def resource_id(subscription: str, name: str) -> str:
    provider = "providers/Microsoft.Compute/virtualMachines"
    return f"/subscriptions/{subscription}/resourceGroups/Prod/{provider}/{name}"


def machine(subscription: str, name: str, node: str = NODE, port: int = 5901) -> Machine:
    vm = Vm(resource_id(subscription, name), subscription, name, "linux", node)
    return Machine(vm, ConsoleAddress("vnc", host="127.0.0.1", port=port))


WEB01 = machine(CONTOSO, "web01")
WEB02 = machine(CONTOSO, "web02", port=5902)
FAB01 = machine(FABRIKAM, "fab01", port=5903)
FAR01 = machine(CONTOSO, "far01", node="AzS-ERCS02", port=5904)


class FakeInventory:
    def __init__(self, *machines: Machine) -> None:
        self._machines = {m.vm.key: m for m in machines}

    def get(self, wanted: str) -> Machine | None:
        return self._machines.get(wanted.lower())

    def machines(self) -> tuple[Machine, ...]:
        return tuple(self._machines.values())

    def put(self, entry: Machine) -> None:
        self._machines[entry.vm.key] = entry

    def drop(self, entry: Machine) -> None:
        del self._machines[entry.vm.key]


@dataclass
class FakeRegistry:
    """Remembers which sessions it was told to end."""

    ended: list[tuple[str, End]] = field(default_factory=list)
    live: dict[str, Any] = field(default_factory=dict)

    def get(self, consent_id: str) -> Any:
        return self.live.get(consent_id)

    def sessions(self) -> tuple[Any, ...]:
        return tuple(self.live.values())

    def end(self, consent_id: str, end: End) -> None:
        self.ended.append((consent_id, end))


class QuickPasswords:
    """Stands in for argon2id, whose slowness is tested where it lives."""

    def __init__(self) -> None:
        self.checked = 0

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, encoded: str | None, password: str) -> bool:
        self.checked += 1
        return encoded == f"hash of {password}"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


class World:
    """Everything that an action is handed, and what came of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.facts: list[Fact] = []
        self.registry = FakeRegistry()
        self.guests = FakeGuests()
        self.recoveries = FakeRecoveries()
        self.inventory = FakeInventory(WEB01, WEB02, FAB01, FAR01)
        self.identity = Identity(b"k" * 32, clock=self.clock)
        self.passwords = QuickPasswords()
        self.identity.passwords = self.passwords  # type: ignore[assignment]
        self.bus = Bus()
        for kind in (
            bus.ConsentGiven,
            bus.ConsentEnded,
            bus.GrantEnded,
            bus.LinkRevoked,
            bus.SignInEnded,
            bus.SafelistChanged,
            bus.SubscriptionChanged,
            bus.RecoveryChanged,
        ):
            self.bus.subscribe(kind, self.facts.append)
        self.s = Services(
            store=store,
            bus=self.bus,
            identity=self.identity,
            inventory=self.inventory,
            registry=self.registry,
            misses=Misses(),
            node=NODE,
            public_base="https://gateway.example",
            clock=self.clock,
            checkpoints=tuple,
            guests=self.guests,
            recoveries=self.recoveries,
        )
        self.accounts: dict[str, Account] = {}
        self.code_secrets: dict[str, str] = {}

    @property
    def now(self) -> datetime:
        return self.clock.now

    async def furnish(self) -> None:
        """Accounts with credentials, Contoso enabled, one workstation on the safelist."""
        await self.add_account("tina", Role.TENANT, CONTOSO)
        await self.add_account("theo", Role.TENANT, FABRIKAM)
        await self.add_account("olga", Role.CLOUDADMIN)
        await self.add_account("oscar", Role.CLOUDADMIN)
        await self.add_account("ada", Role.ADMIN)
        async with self.store.unit() as unit:
            await unit.subscriptions.set_enabled(CONTOSO, True, self.now)
            entry = Workstation(NODE, ip_network("10.0.0.0/24"), "ada", self.now)
            await unit.safelist.add(entry)

    async def add_account(self, name: str, role: Role, *subscriptions: str) -> Account:
        sealed = self.identity.new_code_secret() if self.identity.needs_code(role) else None
        account = Account(
            id=new_id(),
            name=name,
            role=role,
            password_hash=f"hash of {PASSWORD}",
            code_secret=sealed,
            subscriptions=frozenset(subscriptions),
            disabled=False,
            created_at=self.now,
        )
        async with self.store.unit() as unit:
            await unit.accounts.add(account)
        self._know(account)
        return account

    async def load(self) -> None:
        """Know the accounts that are there."""
        async with self.store.reading() as unit:
            for account in await unit.accounts.list():
                self._know(account)

    def _know(self, account: Account) -> None:
        self.accounts[account.name] = account
        if account.code_secret is not None:
            self.code_secrets[account.name] = self.identity.unseal(account.code_secret)

    def code(self, name: str) -> str | None:
        """What the person's authenticator shows now."""
        secret = self.code_secrets.get(name)
        return pyotp.TOTP(secret).at(self.now) if secret else None

    async def session(self, name: str, address: str = WORKSTATION) -> Session:
        """A sign-in of that person, as if they had proven who they are."""
        account = self.accounts[name]
        begun = new_sign_in(
            account, kind="browser", address=address, user_agent="Firefox", now=self.now
        )
        _, digest = self.identity.new_secret()
        async with self.store.unit() as unit:
            await unit.sign_ins.add(begun, digest)
        return Session(actor_of(account, begun.id, address), begun, account)

    async def consent(self, entry: Machine = WEB01) -> Consent:
        """A consent that the machine's tenant has just given."""
        name = "tina" if entry.vm.subscription_id == CONTOSO else "theo"
        actor = actor_of(self.accounts[name], new_id(), ELSEWHERE)
        consent = new_consent(
            consent_id=new_id(), actor=actor, vm=entry.vm, reason="locked out", now=self.now
        )
        async with self.store.unit() as unit:
            await unit.consents.add(consent)
        return consent

    async def grant(self, session: Session, consent: Consent, **changes: Any) -> Grant:
        """A grant as a step-up right now would give it."""
        grant = replace(new_grant(consent, session.actor, self.now), **changes)
        async with self.store.unit() as unit:
            await unit.grants.add(grant)
        return grant

    async def enter(self, session: Session, consent: Consent) -> Admission:
        """Step up and enter the console: from here on it runs."""
        await self.grant(session, consent)
        ticket = await issue_ticket(self.s, session, consent_id=consent.id, now=self.now)
        return await admit(
            self.s,
            consent_id=consent.id,
            credentials=TicketSecret(ticket),
            address=session.actor.address,
            now=self.now,
        )

    async def carry_out(self) -> list[RecoveryAction]:
        """Carry out what was to be begun, one after the other; how each ended."""
        begun, self.recoveries.started = self.recoveries.started, []
        for action_id in begun:
            await carry_out(self.s, action_id)
        async with self.store.reading() as unit:
            found = [await unit.recovery_actions.get(action_id) for action_id in begun]
        return [action for action in found if action is not None]

    async def audit(self) -> tuple[AuditRecord, ...]:
        """Every record, oldest first."""
        async with self.store.reading() as unit:
            return tuple(reversed(await unit.audit.page(limit=10_000)))

    async def rows(self) -> dict[str, list[Any]]:
        """Every row but the audit log's."""
        found: dict[str, list[Any]] = {}
        async with self.store.reading() as unit:
            connection = unit.audit._connection
            names = await connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'table'")
            )
            for (name,) in names.all():
                if not name.startswith("audit"):
                    rows = await connection.execute(text(f"SELECT * FROM {name}"))
                    found[name] = sorted(map(repr, rows.all()))
        return found

    def facts_of(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


Ask = Callable[[World], Any]
