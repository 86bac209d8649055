"""DESIGN.md §3 said again, in whole seconds and plain sets, by somebody who has not read `policy`.

It knows neither facts nor verdicts: yes is True, no is False.
"""

from __future__ import annotations

from dataclasses import dataclass, field

EIGHT_HOURS = 8 * 60 * 60
STEP_UP = 60
AWAY = 120


@dataclass
class Promise:
    """A consent."""

    vm: str
    given: int
    dead: bool = False


@dataclass
class Pass:
    """A grant."""

    promise: str
    who: str
    sign_in: str
    place: str
    proven: int
    entered: bool = False
    seen: int = 0
    dead: bool = False
    inside: bool = False


@dataclass
class Link:
    promise: str
    seats: int
    taken: int = 0
    dead: bool = False


@dataclass
class Model:
    """`served`: the VMs of this node; `owner`: whose a VM is; `owns`: a tenant's subscriptions."""

    owner: dict[str, str]
    served: set[str]
    owns: dict[str, set[str]]
    operators: set[str]
    admins: set[str]
    now: int = 0
    enabled: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)  # beginnings of addresses
    promises: dict[str, Promise] = field(default_factory=dict)
    passes: dict[str, Pass] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    guests: dict[str, str] = field(default_factory=dict)  # a visit's link

    def advance(self, seconds: int) -> None:
        self.now += seconds
        for held in self.passes.values():
            if held.inside and self.pass_holds(held):
                held.seen = self.now

    # Rule 2

    def holds(self, promise: str) -> bool:
        made = self.promises[promise]
        return not made.dead and self.now - made.given < EIGHT_HOURS

    def running(self, vm: str) -> str | None:
        return next(
            (p for p, made in self.promises.items() if made.vm == vm and self.holds(p)), None
        )

    # Rule 3

    def may_consent(self, who: str, vm: str) -> bool:
        owner = self.owner.get(vm)
        return owner in self.owns.get(who, set()) and owner in self.enabled

    def may_know(self, who: str, promise: str) -> bool:
        vm = self.promises[promise].vm
        if who in self.admins:
            return True
        return vm in self.served if who in self.operators else self.owner[vm] in self.owns[who]

    # Rule 1

    def place_listed(self, place: str) -> bool:
        return any(place.startswith(beginning) for beginning in self.places)

    def may_open(self, who: str, place: str, promise: str) -> bool:
        return (
            who in self.operators
            and self.promises[promise].vm in self.served
            and self.holds(promise)
            and self.place_listed(place)
        )

    def pass_holds(self, held: Pass) -> bool:
        return not held.dead and self.holds(held.promise) and self.place_listed(held.place)

    def fresh(self, held: Pass) -> bool:
        if held.entered:
            return self.now - held.seen < AWAY
        return self.now - held.proven < STEP_UP

    def may_enter(self, who: str, sign_in: str, place: str, key: str) -> bool:
        held = self.passes[key]
        same = (held.who, held.sign_in, held.place) == (who, sign_in, place)
        return same and self.pass_holds(held) and self.fresh(held)

    def attended(self, promise: str, *whose: str) -> bool:
        """Whether an operator (or `whose`) has that console open."""
        return any(
            held.promise == promise
            and held.entered
            and not held.dead
            and self.fresh(held)
            and (not whose or held.who in whose)
            for held in self.passes.values()
        )

    def may_watch(self, who: str, promise: str) -> bool:
        if who in self.operators or not self.may_know(who, promise):
            return False
        return self.holds(promise) and self.attended(promise)

    def may_share(self, who: str, promise: str) -> bool:
        if who in self.admins or not (self.may_know(who, promise) and self.holds(promise)):
            return False
        return self.attended(promise, who) if who in self.operators else self.attended(promise)

    def link_works(self, link: str) -> bool:
        made = self.links[link]
        return not made.dead and self.holds(made.promise)

    def guest_sees(self, visit: str) -> bool:
        link = self.guests[visit]
        return self.link_works(link) and self.attended(self.links[link].promise)

    # Rule 5

    def may_type(self, who: str, sign_in: str, promise: str) -> bool:
        return self.holds(promise) and any(
            held.promise == promise
            and held.entered
            and not held.dead
            and self.fresh(held)
            and (held.who, held.sign_in) == (who, sign_in)
            for held in self.passes.values()
        )
