"""The node's rounds: may each live session and viewer still be there, and whose time is up?

One task asks for all of them together, and one looks at the clock for all of them: what nobody
moves costs next to nothing, however many watch it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from gateway.consoles.ports import Review, StillAllowed
from gateway.errors import StoreUnavailable
from gateway.policy.facts import EndCode

if TYPE_CHECKING:
    from gateway.consoles.session import ConsoleSession

log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 2.0  # between re-readings of the store
SLICE_SECONDS: Final = 0.25  # so late, at most, a deadline is noticed
STALL_LOOK_SECONDS: Final = 1.0  # between looks for viewers that take nothing


class EachByItself:
    """Asks them one by one; a question that fails ends whom it was about, and nobody else."""

    async def why_not(
        self,
        asked: Sequence[StillAllowed],
        *,
        afresh: bool,  # noqa: ARG002 - it always is
    ) -> Sequence[EndCode | None]:
        return await asyncio.gather(*map(_answer, asked))

    async def note_seen(self) -> None:
        """Each has noted it."""


class Rounds:
    """Goes round every live session. The registry runs its tasks."""

    def __init__(
        self, sessions: Callable[[], Iterable[ConsoleSession]], review: Review | None = None
    ) -> None:
        self._sessions = sessions
        self._review = review or EachByItself()
        self._afresh = True
        self._due = asyncio.Event()

    def now(self) -> None:
        """Go round at once, and read what is committed by now."""
        self._afresh = True
        self._due.set()

    async def watch_clock(self) -> None:
        """End what has run out of time, by the gateway's clock, and begin the rounds.

        One timer for all of it: what a process that idles pays for is being woken.
        """
        looked = asked = time.monotonic()
        while True:
            sessions, now = tuple(self._sessions()), time.monotonic()
            left = [_left(session) for session in sessions]
            if STALL_LOOK_SECONDS <= now - looked:
                looked = now
                for session in sessions:
                    session.look_at_viewers()
            if CHECK_SECONDS <= now - asked:
                asked = now
                self._due.set()
            await asyncio.sleep(min([SLICE_SECONDS, *(each for each in left if 0 < each)]))

    async def keep_allowed(self) -> None:
        """Ask for everybody every two seconds, or when told to."""
        while True:
            self._due.clear()
            afresh, self._afresh = self._afresh, False
            try:
                await self._round(afresh=afresh)
            except StoreUnavailable as error:
                # Fail closed elsewhere; what is live runs on to its deadline.
                log.warning("consoles.not_rechecked", error=str(error))
            await self._due.wait()

    async def _round(self, *, afresh: bool) -> None:
        questions = [each for session in self._sessions() for each in session.questions()]
        asked = [question for question, _ in questions]
        codes = await self._answers(asked, afresh=afresh)
        for (_, refuse), code in zip(questions, codes, strict=True):
            if code is not None:
                refuse(code)
        try:
            await self._review.note_seen()
        except StoreUnavailable as error:
            log.warning("consoles.not_noted", error=str(error))
        except Exception:
            # Who is not noted as seen may not come back; that ends no session that is live.
            log.exception("consoles.not_noted")

    async def _answers(
        self, asked: Sequence[StillAllowed], *, afresh: bool
    ) -> Sequence[EndCode | None]:
        try:
            return await self._review.why_not(asked, afresh=afresh)
        except StoreUnavailable:
            raise
        except Exception:
            # A row that cannot be read, say: it must not be everybody's end, nor keep anybody.
            log.exception("consoles.not_reviewed")
            return await EachByItself().why_not(asked, afresh=True)


def _left(session: ConsoleSession) -> float:
    """The seconds that it has left, having looked at the clock."""
    try:
        return session.look_at_clock()
    except Exception:
        # One session's fault ends that session and no other.
        log.exception("console.failed", session=session.id)
        session.give_up()
        return 0.0


async def _answer(question: StillAllowed) -> EndCode | None:
    try:
        return await question()
    except StoreUnavailable as error:
        log.warning("consoles.not_rechecked", error=str(error))
        return None
    except Exception:
        log.exception("consoles.not_judged")
        return EndCode.RESTARTING
