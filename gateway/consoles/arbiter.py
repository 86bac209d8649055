"""Who may type into the VM, and what they hold down there: plain state, no I/O.

INVARIANT: what the VM believes to be down is what the viewer in control pressed and did not let
go; whoever leaves, loses control or is cut, everything goes up. While the upstream is away nothing
goes through, and nothing is kept for later but the duty to let go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A keyboard has fewer keys; beyond it the one held longest goes up.
MAX_HELD: Final = 64


@dataclass(frozen=True, slots=True)
class KeyInput:
    """A key for the VM; `scancode` is an XT code where the viewer's browser knew it."""

    down: bool
    keysym: int
    scancode: int | None


@dataclass(frozen=True, slots=True)
class PointerInput:
    """The pointer's place and buttons for the VM; bit n of `buttons` is button n + 1."""

    x: int
    y: int
    buttons: int


Input = KeyInput | PointerInput
Inputs = tuple[Input, ...]


class Arbiter:
    """Turns what viewers type into what the VM is to be told. Viewers go by their ids."""

    def __init__(self) -> None:
        self.controller: str | None = None
        self.connected = False
        # Where the one in control moved the pointer; None until then.
        self.place: tuple[int, int] | None = None
        self._candidates: list[str] = []  # who may have control, by arrival
        self._asking: list[str] = []
        self._held: dict[int, KeyInput] = {}  # by physical key, longest held first
        self._pointer = PointerInput(0, 0, 0)

    @property
    def asking(self) -> tuple[str, ...]:
        """Who waits for control, longest first."""
        return tuple(self._asking)

    def may_type(self, viewer: str) -> bool:
        """Whether control could be given to `viewer`."""
        return viewer in self._candidates

    def join(self, viewer: str) -> None:
        """A viewer that may type arrived; it has control if nobody else does."""
        if viewer not in self._candidates:
            self._candidates.append(viewer)
        if self.controller is None:
            self.controller = viewer

    def leave(self, viewer: str) -> Inputs:
        """A viewer is gone. Control goes to whoever has asked for longest, if anyone."""
        if viewer in self._candidates:
            self._candidates.remove(viewer)
        self._stop_asking(viewer)
        if viewer != self.controller:
            return ()
        releases = self._released()
        self._control(self._asking.pop(0) if self._asking else None)
        return releases

    def ask(self, viewer: str) -> bool:
        """Ask for control: True if that gave it at once, because nobody had it."""
        if viewer not in self._candidates or viewer == self.controller:
            return viewer == self.controller
        if self.controller is None:
            self.give(viewer)
            return True
        if viewer not in self._asking:
            self._asking.append(viewer)
        return False

    def give(self, viewer: str | None) -> Inputs:
        """Give control to `viewer`, or to nobody. One that may not type gets none."""
        if viewer == self.controller or (viewer is not None and viewer not in self._candidates):
            return ()
        releases = self._released()
        self._control(viewer)
        if viewer is not None:
            self._stop_asking(viewer)
        return releases

    def key(self, viewer: str, key: KeyInput) -> Inputs:
        """What the VM is told when `viewer` presses or lets go of a key."""
        if viewer != self.controller or not self.connected:
            return ()
        # The scancode is the physical key; its keysym may change while a modifier comes and goes.
        name = -1 - key.scancode if key.scancode is not None else key.keysym
        if key.down:
            first = self._held.setdefault(name, key)
            return (*self._over_the_bound(), KeyInput(True, first.keysym, first.scancode))
        pressed = self._held.pop(name, None)
        if pressed is None:
            return ()  # pressed during an outage, or before this viewer had control
        return (KeyInput(False, pressed.keysym, pressed.scancode),)

    def pointer(self, viewer: str, pointer: PointerInput) -> Inputs:
        """What the VM is told when `viewer` moves, presses or lets go."""
        if viewer != self.controller or not self.connected:
            return ()
        self._pointer, self.place = pointer, (pointer.x, pointer.y)
        return (pointer,)

    def is_move(self, viewer: str, pointer: PointerInput) -> bool:
        """Whether this only moves the pointer, so that a later place may replace it."""
        return viewer != self.controller or pointer.buttons == self._pointer.buttons

    def lost(self) -> None:
        """The upstream is gone; input is dropped until it is back."""
        self.connected, self.place = False, None

    def restored(self) -> Inputs:
        """The upstream is back: what was held when it went goes up, for the VM may not know."""
        self.connected = True
        return self._released()

    def _control(self, viewer: str | None) -> None:
        # Where the last one pointed is not where this one does.
        self.controller, self.place = viewer, None

    def _released(self) -> Inputs:
        """Everything up; owed, if the upstream is away."""
        if not self.connected:
            return ()
        releases: list[Input] = [
            KeyInput(False, held.keysym, held.scancode) for held in reversed(self._held.values())
        ]
        self._held.clear()
        if self._pointer.buttons:
            self._pointer = PointerInput(self._pointer.x, self._pointer.y, 0)
            releases.append(self._pointer)
        return tuple(releases)

    def _over_the_bound(self) -> Inputs:
        if len(self._held) <= MAX_HELD:
            return ()
        oldest = self._held.pop(next(iter(self._held)))
        return (KeyInput(False, oldest.keysym, oldest.scancode),)

    def _stop_asking(self, viewer: str) -> None:
        if viewer in self._asking:
            self._asking.remove(viewer)
