"""A console session: one upstream and its viewers, from dial to end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from gateway.consoles.arbiter import Arbiter, Inputs, KeyInput
from gateway.consoles.input_port import InputPort
from gateway.consoles.link import TIMING, Link, Timing
from gateway.consoles.meters import Meters
from gateway.consoles.participants import End, Participant, Rights
from gateway.consoles.picture import Picture
from gateway.consoles.pointer import SharedPointer
from gateway.consoles.ports import Clock, Dial, Machine, StillAllowed, ViewerSocket
from gateway.consoles.states import (
    STEPS,
    Connecting,
    ConsoleState,
    Ended,
    ParticipantView,
    SessionView,
)
from gateway.consoles.thumbnails import Thumbnails
from gateway.consoles.viewer import Viewer
from gateway.consoles.viewer_views import same_person, view_of
from gateway.policy.facts import Consent, EndCode, Vm
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event

log = structlog.get_logger(__name__)

OPERATOR_LINGER: Final = 120.0  # seconds that a session waits for its operator to come back
VIEW_SECONDS: Final = 2.0  # between views, for what changes all the time


@dataclass(frozen=True, slots=True)
class Waiting:
    """How patient a session is, in seconds."""

    operator_linger: float = OPERATOR_LINGER
    link: Timing = TIMING


class _OverError(Exception):
    """Ends the session's task group."""


class ConsoleSession:
    """One VM's console under one consent.

    INVARIANT: it never outlives `consent.expires_at` by the gateway's clock, whatever the store
    or the bus say.
    """

    def __init__(
        self,
        consent: Consent,
        machine: Machine,
        dial: Dial,
        clock: Clock,
        *,
        still_allowed: StillAllowed | None = None,
        waiting: Waiting | None = None,
        meters: Meters | None = None,
        after: ConsoleSession | None = None,
    ) -> None:
        """`still_allowed` says why the whole session must end; `after` closes before this dials."""
        self.id = secrets.token_hex(8)
        self.consent = consent
        self.vm: Vm = machine.vm
        self.opened_at = clock()
        self.state: ConsoleState = Connecting(STEPS[0], self.opened_at)
        self.still_allowed = still_allowed
        self.closed = asyncio.Event()  # nothing of it is running, its upstream is closed
        self._clock = clock
        self._waiting = waiting or Waiting()
        self._meters = meters or Meters()
        self._after = after
        self._now = asyncio.get_running_loop().time
        self._picture = Picture(self._meters)
        self._thumbnails = Thumbnails(self._picture)
        self._arbiter = Arbiter()
        self._pointer = SharedPointer()
        self._link = Link(lambda progress: dial(machine, progress), self, clock, self._waiting.link)
        self._viewers: dict[str, Viewer] = {}
        self._control_since: datetime | None = None
        self._operator_left_at: datetime | None = self.opened_at
        self._alone_since: float | None = self._now()
        self._ended = asyncio.Event()
        self._news = asyncio.Event()

    # For everyone

    @property
    def end(self) -> End | None:
        """Why it ended; None while it runs."""
        return self.state.end if isinstance(self.state, Ended) else None

    def view(self) -> SessionView:
        """What it looks like now; may be shown to any participant."""
        width, height = self._picture.size
        return SessionView(
            id=self.id,
            consent_id=self.consent.id,
            vm=self.vm.name,
            resource_id=self.vm.resource_id,
            state=self.state,
            opened_at=self.opened_at,
            ends_at=self.consent.expires_at,
            at=self._clock(),
            width=width,
            height=height,
            controller=self._arbiter.controller,
            control_since=self._control_since,
            operator_left_at=self._operator_left_at,
            participants=self._participant_views(),
        )

    def _participant_views(self) -> tuple[ParticipantView, ...]:
        holder, asking, now = self._controlling(), self._arbiter.asking, self._now()
        return tuple(view_of(each, holder, asking, now) for each in self._viewers.values())

    @property
    def behind(self) -> int:
        """How many viewers have not been sent the newest frame."""
        return sum(viewer.feed.behind for viewer in self._viewers.values())

    async def changes(self) -> AsyncIterator[SessionView]:
        """A view now, and another whenever something changed; the last one says how it ended."""
        last: SessionView | None = None
        while True:
            news = self._news
            view = self.view()
            if last is None or replace(view, at=last.at) != last:
                last = view
                yield view
            if self.end is not None:
                return
            try:
                async with asyncio.timeout(VIEW_SECONDS):
                    await news.wait()
            except TimeoutError:
                continue

    async def thumbnail(self, max_width: int) -> bytes:
        """A JPEG of the screen. Raises: NotFound where there is no picture."""
        return await self._thumbnails.get(max_width)

    def participants(self) -> tuple[Participant, ...]:
        """Who is connected."""
        return tuple(viewer.participant for viewer in self._viewers.values())

    async def attach(
        self,
        participant: Participant,
        rights: Rights,
        socket: ViewerSocket,
        *,
        still_allowed: StillAllowed,
    ) -> End:
        """Serve a viewer until its end, and return it.

        The viewer is registered before anything is awaited, and `still_allowed` is asked before
        its first frame. A tab that comes back under its old id takes its own place.
        """
        viewer = self._seat(participant, rights, socket, still_allowed)
        try:
            return await viewer.run()
        finally:
            self._unseat(viewer)

    # Control

    def ask_control(self, participant_id: str) -> bool:
        """Ask for control; True if it was given at once.

        It is when nobody has it, or the same person has it in another tab. Else the one in
        control is shown the question.
        """
        viewer, holder = self._viewers.get(participant_id), self._controlling()
        if viewer is None or not viewer.may_type:
            return False
        if holder is not None and same_person(holder.participant, viewer.participant):
            return self.give_control(participant_id)
        before = self._arbiter.controller
        given = self._arbiter.ask(participant_id)
        self._controlled(before)
        return given

    def give_control(self, participant_id: str | None) -> bool:
        """Give control to someone who may type, or to nobody; what was held goes up first."""
        before = self._arbiter.controller
        self._tell(self._arbiter.give(participant_id))
        self._controlled(before)
        return self._arbiter.controller == participant_id

    def retry(self) -> None:
        """Dial as soon as the kind of failure allows rather than later."""
        self._link.retry()

    # Ends

    def finish(self, end: End) -> None:
        """End it now: every viewer is cut, every key goes up. The first reason counts."""
        if self.end is not None:
            return
        self._tell(self._arbiter.give(None))
        self._pointer.forget()
        self.became(Ended(end))
        for viewer in self._viewers.values():
            viewer.cut(end)
        self._ended.set()
        log.info("console.ended", session=self.id, code=end.code.value)

    def cut_viewers(self, predicate: Callable[[Participant], bool], end: End) -> int:
        """Cut every viewer whose participant `predicate` names; returns how many."""
        named = [v for v in self._viewers.values() if predicate(v.participant)]
        for viewer in named:
            self._tell(self._arbiter.leave(viewer.participant.id))
            viewer.cut(end)
        return len(named)

    # The node's rounds

    def look_at_clock(self) -> float:
        """End at the consent's end by the gateway's clock, or when the operator stays away.

        Returns the seconds that the consent has left.
        """
        left = (self.consent.expires_at - self._clock()).total_seconds()
        if left <= 0:
            self._finish(EndCode.EXPIRED, "the consent has run out")
        elif self._alone_since is not None:
            lonely = self._now() - self._alone_since
            if self._waiting.operator_linger <= lonely:
                self._finish(EndCode.LEFT, "the operator left")
        return left

    def look_at_viewers(self) -> None:
        """Cut those that take nothing, and measure quiet links."""
        for viewer in tuple(self._viewers.values()):
            try:
                viewer.keep_moving()
            except Exception:
                # One viewer's fault ends that viewer and no other.
                log.exception("viewer.failed", viewer=viewer.participant.id)
                viewer.refuse(EndCode.RESTARTING)

    def give_up(self) -> None:
        """End for a fault of ours."""
        self._finish(EndCode.RESTARTING, "the gateway failed")

    def questions(self) -> Iterator[tuple[StillAllowed, Callable[[EndCode], None]]]:
        """What to ask of the store for each viewer and for the whole, and what to do with a no."""
        for viewer in self._viewers.values():
            yield viewer.still_allowed, viewer.refuse
        if self.still_allowed is not None:
            yield self.still_allowed, self._refuse

    async def run(self) -> None:
        """Live until the end. The registry runs this, once."""
        try:
            if self._after is not None:
                await self._after.closed.wait()
                self._after = None
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._wait_for_end(), name="console: end")
                tasks.create_task(self._link.run(), name="console: upstream")
                tasks.create_task(self._picture.keep_refined(self._now), name="console: refinement")
        except* _OverError:
            pass
        finally:
            self._finish(EndCode.RESTARTING, "the gateway failed")
            self._thumbnails.forget()
            self._picture.screen = None
            self.closed.set()

    # The link's host

    def became(self, state: ConsoleState) -> None:
        """The link is doing something else."""
        if self.end is None:
            self.state = state
            self._changed()

    def opened(self, connection: ClientConnection) -> None:
        """An upstream is there; input may go to it."""
        self._picture.follow(
            connection.framebuffer,
            connection.name,
            connection.cursor,
            says_scrolls=lambda: connection.says_scrolls,
        )
        self._tell(self._arbiter.restored())

    def happened(self, events: Sequence[Event]) -> bool:
        """The upstream did something."""
        before = self._picture.size
        frame = self._picture.happened(events, self._now())
        if before != self._picture.size:
            self._changed()
        return frame

    def lost(self) -> None:
        """The upstream is gone: what is typed now is dropped."""
        self._arbiter.lost()
        self._picture.lost(self._now())
        self._pointer.forget()

    # Tasks

    async def _wait_for_end(self) -> None:
        await self._ended.wait()
        raise _OverError

    # Parts

    def _seat(
        self,
        participant: Participant,
        rights: Rights,
        socket: ViewerSocket,
        still_allowed: StillAllowed,
    ) -> Viewer:
        before, may_type = self._arbiter.controller, Rights.TYPE in rights
        returning = self._make_room(participant)
        if participant.id in self._viewers:
            participant = replace(participant, id=secrets.token_hex(8))
        port = self._port(participant.id) if may_type else None
        viewer = Viewer(
            participant,
            socket,
            self._picture,
            self._pointer,
            input_port=port,
            still_allowed=still_allowed,
            clock=self._clock,
            meters=self._meters,
        )
        self._viewers[participant.id] = viewer
        if may_type:
            self._arbiter.join(participant.id)
            self._operator_left_at = self._alone_since = None
            if returning:
                self._tell(self._arbiter.give(participant.id))
        self._controlled(before)
        if self.end is not None:
            viewer.cut(self.end)
        return viewer

    def _make_room(self, participant: Participant) -> bool:
        """Cut this tab's earlier connection, if it has one; whether that one had control."""
        old = self._viewers.get(participant.id)
        if old is None or not same_person(old.participant, participant):
            return False
        had_control = self._arbiter.controller == participant.id
        self._tell(self._arbiter.leave(participant.id))
        del self._viewers[participant.id]
        old.cut(End(EndCode.LEFT, "gateway", "this tab connected again", self._clock()))
        return had_control

    def _port(self, participant_id: str) -> InputPort:
        return InputPort(participant_id, self._arbiter, self._tell, self._paste)

    def _unseat(self, viewer: Viewer) -> None:
        if self._viewers.get(viewer.participant.id) is not viewer:
            return
        before = self._arbiter.controller
        self._tell(self._arbiter.leave(viewer.participant.id))
        del self._viewers[viewer.participant.id]
        if viewer.may_type and not any(v.may_type for v in self._viewers.values()):
            self._operator_left_at, self._alone_since = self._clock(), self._now()
        self._controlled(before)

    def _tell(self, inputs: Inputs) -> None:
        """Say it to the upstream now, before any pixel is looked at."""
        if inputs:
            self._link.send(lambda connection: _say(connection, inputs))
        self._pointer.at(self._arbiter.place)

    def _paste(self, text: str) -> None:
        self._link.send(lambda connection: connection.send_cut_text(text))

    def _controlling(self) -> Viewer | None:
        return self._viewers.get(self._arbiter.controller or "")

    def _controlled(self, before: str | None) -> None:
        """Note since when somebody else has control, and tell."""
        if self._arbiter.controller != before:
            self._control_since = self._clock() if self._arbiter.controller else None
        self._changed()

    def _refuse(self, code: EndCode) -> None:
        self._finish(code, "the consent has ended")

    def _finish(self, code: EndCode, reason: str) -> None:
        self.finish(End(code, "gateway", reason, self._clock()))

    def _changed(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _say(connection: ClientConnection, inputs: Inputs) -> None:
    for each in inputs:
        if isinstance(each, KeyInput):
            connection.send_key(each.down, each.keysym, each.scancode)
        else:
            connection.send_pointer(each.x, each.y, each.buttons)
