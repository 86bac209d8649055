"""Reading without I/O: a parser says how many bytes it needs next and is handed exactly these.

A parser is a generator: each `yield n` gives back the next `n` bytes. So a parser reads from top to
bottom like the specification, and survives any split of the stream, without an `await` per field.

A few bytes can ask for much work. So a parser also says what it has done, by `yield -work`, and at
least every few milliseconds; when it has done enough it is left alone until the next `feed`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeAlias, TypeVar

from gateway.errors import RfbError

T = TypeVar("T")
Reading: TypeAlias = Generator[int, memoryview, T]

# A unit of work is what takes about a nanosecond at worst; what is said is a guess on the safe
# side, made once by measuring. This much is a pause that nobody notices.
WORK_AT_ONCE: Final = 20_000_000
# … and so much at least is worth saying: less is kept until more has come together.
TOLD_WORK: Final = 2_000_000

# What a parser says instead of work where its owner is to look at what there is, before any more is
# parsed.
LOOK: Final = -(1 << 62)

# What a parser says to be handed all that has come, without taking any of it. What it makes of that
# may not depend on how much it is.
PEEK: Final = LOOK - 1

_NOTHING: Final = memoryview(b"")


class Reader:
    """Runs one parser over whatever pieces the network hands over.

    INVARIANT: after `feed`, unless `paused`, less is held than the parser asked for; so a parser
    that asks only for what it has checked bounds the memory. Whoever feeds nothing more while
    `paused` bounds it too.
    INVARIANT: what a parser is handed depends neither on how the stream was cut nor on its pauses.
    """

    def __init__(self, parser: Reading[None], work: int = WORK_AT_ONCE) -> None:
        """`work` is how much is done in one `feed`, and a little more."""
        self.paused = False  # there is work left: feed again, if only b""
        self._parser = parser
        self._work = work
        self._pieces: list[bytes | memoryview] = []
        self._held = 0
        self._ended = False
        self._need = 0
        try:
            self._need = next(parser)
        except StopIteration:
            self._ended = True

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Run the parser as far as the bytes reach, or until it has done enough.

        Raises: what the parser raises; RfbError for bytes after its end.
        """
        if data:
            self._pieces.append(bytes(data))
            self._held += len(data)
            if self._ended:
                raise RfbError("bytes arrived where none were expected")
        elif not self.paused:
            return
        if self._need <= self._held:
            self._run()

    def _run(self) -> None:
        send, need, left = self._parser.send, self._need, self._work
        held, at, end = _NOTHING, 0, 0
        self.paused = False
        try:
            while True:
                while at + need <= end:
                    if need == PEEK:
                        if at == end and self._pieces:
                            break
                        need = send(held[at:])
                        continue
                    if need < 0:
                        stop = need == LOOK or left + need <= 0
                        left += 0 if need == LOOK else need
                        need = 0  # what resumes the parser is nothing
                        if stop:
                            self.paused = True
                            break
                    start, at = at, at + need
                    need = send(held[start:at])
                if self.paused or self._held < at + need:
                    break
                self._held -= at
                held, at = self._next(held[at:], need), 0
                end = len(held)
        except StopIteration:
            self._ended = True
            if at < self._held:
                raise RfbError("bytes arrived where none were expected") from None
        except BaseException:
            self._ended = True
            raise
        self._need = need
        self._held -= at
        if at < end:
            self._pieces.insert(0, _kept(held[at:], held))

    def _next(self, rest: memoryview, need: int) -> memoryview:
        """What comes after `rest`, which is too short, together with it.

        The last piece may be large: no more of it is copied than is asked for.
        """
        last = memoryview(self._pieces.pop())
        if not rest and not self._pieces:
            return last
        before = [rest, *self._pieces]
        missing = max(0, need - sum(map(len, before)))
        self._pieces = [last[missing:]] if missing < len(last) else []
        return memoryview(b"".join([*before, last[:missing]]))


def _kept(rest: memoryview, piece: memoryview) -> bytes | memoryview:
    """What is left of a piece; a small rest does not hold on to all of it."""
    return rest if len(piece) < 2 * len(rest) else bytes(rest)


def skip(count: int, step: int = 64 * 1024) -> Reading[None]:
    """Pass over `count` bytes without ever holding more than `step` of them."""
    while count:
        passed = min(count, step)
        yield passed
        count -= passed
