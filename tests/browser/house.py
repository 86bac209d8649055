"""A gateway in this process with the demo's machines, and shortcuts to the scene of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.actions.accounts import disable_account
from gateway.actions.authenticate import Session
from gateway.actions.end_consent import end_consent
from gateway.actions.open_console import open_console
from gateway.actions.request_consent import request_consent
from gateway.actions.services import Services
from gateway.actions.share_console import share_console
from gateway.actions.sign_in import sign_in
from gateway.actions.sweep import end_sessions_of_missing_vms
from gateway.backends import load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.demo import CONTOSO
from gateway.edge import SIGN_IN_COOKIE
from gateway.guests.demo import demo_kind
from gateway.inventory import ConsoleAddress, Inventory, Machine
from gateway.policy.facts import Actor, Consent, ShareLink, Vm
from tests.browser.person import Person, Resident
from tests.doubles.staged_guest import StagedGuest
from tests.doubles.standing import NODE, ShiftedClock, Standing, standing_gateway

ADDRESS = "127.0.0.1"


@dataclass
class House:
    """A served gateway whose clock, machines and inventory a test has in its hands."""

    standing: Standing
    hypervisor: DemoHypervisor
    clock: ShiftedClock

    @property
    def services(self) -> Services:
        return self.standing.gateway.services

    def resident(self, name: str) -> Resident:
        password = self.standing.accounts[name].password
        return Resident(name, self.standing.base, password, lambda: self.standing.code(name))

    def stranger(self, name: str = "guest") -> Resident:
        """Somebody without an account."""
        return Resident(name, self.standing.base)

    def actor(self, name: str) -> Actor:
        account = self.standing.accounts[name]
        owned = frozenset(account.subscriptions)
        return Actor(account.id, name, account.role, owned, ADDRESS, "scene")

    def vm(self, name: str) -> Vm:
        machines = self.standing.gateway.inventory.machines()
        return next(machine.vm for machine in machines if machine.vm.name == name)

    async def consent(self, vm: str = "web01", reason: str = "locked out") -> Consent:
        """As contoso."""
        return await request_consent(
            self.services, self.actor("contoso"), resource_id=self.vm(vm).resource_id,
            reason=reason, now=self.clock(),
        )  # fmt: skip

    async def end(self, consent: Consent, who: str, reason: str = "") -> None:
        """As whoever ends it."""
        actor = self.actor(who)
        await end_consent(self.services, actor, consent.id, reason=reason, now=self.clock())

    async def share(
        self, consent: Consent, label: str = "Ana", capacity: int = 5
    ) -> tuple[ShareLink, str]:
        """As contoso: a link, and its address for people."""
        shared = await share_console(
            self.services, self.actor("contoso"), consent.id, label=label, capacity=capacity,
            now=self.clock(),
        )  # fmt: skip
        return shared.link, f"{self.standing.base}/join#{shared.secret}"

    async def let_in(self, person: Person) -> Session:
        """Sign `person` in without the form."""
        resident = person.resident
        begun = await sign_in(
            self.services, name=resident.name, password=resident.password,
            code=resident.next_code(), address=ADDRESS, user_agent="Chromium", kind="browser",
            now=self.clock(),
        )  # fmt: skip
        await person.keep_cookie(SIGN_IN_COOKIE, begun.secret)
        return Session(begun.actor, begun.sign_in, begun.account)

    async def seat(self, person: Person, consent: Consent) -> None:
        """Put `person` before the console: an operator with the step-up done, others to watch."""
        session = await self.let_in(person)
        if person.name in {"olga", "omar"}:
            opened = await open_console(
                self.services, session, consent_id=consent.id, password=person.resident.password,
                code=person.resident.next_code(), now=self.clock(),
            )  # fmt: skip
            await person.keep_cookie(SIGN_IN_COOKIE, opened.secret)
        await person.goto(f"/consoles/{consent.id}")

    async def lock(self, name: str) -> None:
        """As admin: the account and its sign-ins end."""
        account = self.standing.accounts[name].id
        await disable_account(self.services, self.actor("admin"), account, now=self.clock())

    async def reload(self, machines: Sequence[Machine]) -> None:
        """Let the inventory's file hold just these."""
        self.standing.gateway.inventory.replace(machines)
        await end_sessions_of_missing_vms(self.services, self.clock())

    async def join(self, person: Person, address: str, *, name: str = "Gustav") -> None:
        """By a share link, as a guest does."""
        await person.page.goto(address)
        await person.page.fill("#name", name)
        await person.press("Watch the screen")
        await person.page.wait_for_url("**/shared/*")


def machine_at_port(port: int, name: str = "fake01") -> Machine:
    """A machine of contoso's whose console is a server of the test's own."""
    resource_id = (
        f"/subscriptions/{CONTOSO}/resourceGroups/demo/providers/Microsoft.Compute"
        f"/virtualMachines/{name}"
    )
    vm = Vm(resource_id, CONTOSO, name, "linux", NODE)
    return Machine(vm, ConsoleAddress("vnc", host=ADDRESS, port=port))


@asynccontextmanager
async def open_house(
    folder: Path, *more: Machine, guest: StagedGuest | None = None
) -> AsyncIterator[House]:
    """Serve the demo's machines and `more` until the block ends.

    `guest` is inside all of them, where there is one, instead of the demo's own agents.
    """
    hypervisor, clock = DemoHypervisor(pace=0), ShiftedClock()
    await hypervisor.start()
    try:
        machines = Inventory.parse(hypervisor.inventory(NODE, CONTOSO), load_kinds()).machines()
        inside = guest or StagedGuest()
        async with standing_gateway(
            folder,
            [inside.in_(machine) if guest else machine for machine in (*machines, *more)],
            backends={"demo": DemoBackend(hypervisor)},
            guests={"demo": demo_kind(hypervisor), **inside.kinds()},
            clock=clock,
        ) as standing:
            yield House(standing, hypervisor, clock)
    finally:
        await hypervisor.stop()
