"""Reading without I/O: a parser says how many bytes it needs next and is handed exactly these.

A parser is a generator: each `yield n` gives back the next `n` bytes. So a parser reads from top to
bottom like the specification, and survives any split of the stream, without an `await` per field.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from gateway.errors import RfbError

T = TypeVar("T")
Reading: TypeAlias = Generator[int, memoryview, T]


class Reader:
    """Runs one parser over whatever pieces the network hands over.

    INVARIANT: after `feed`, less is held than the parser asked for; so a parser that asks only for
    what it has checked bounds the memory.
    """

    def __init__(self, parser: Reading[None]) -> None:
        self._parser = parser
        self._pieces: list[bytes] = []
        self._held = 0
        self._ended = False
        self._need = 0
        try:
            self._need = next(parser)
        except StopIteration:
            self._ended = True

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Run the parser as far as the bytes reach.

        Raises: what the parser raises; RfbError for bytes after its end.
        """
        if not data:
            return
        self._pieces.append(bytes(data))
        self._held += len(data)
        if self._ended:
            raise RfbError("bytes arrived where none were expected")
        if self._need <= self._held:
            self._run()

    def _run(self) -> None:
        held = memoryview(b"".join(self._pieces) if 1 < len(self._pieces) else self._pieces[0])
        send, need, at, end = self._parser.send, self._need, 0, len(held)
        try:
            while at + need <= end:
                start, at = at, at + need
                need = send(held[start:at])
        except StopIteration:
            self._ended = True
            if at < end:
                raise RfbError("bytes arrived where none were expected") from None
        except BaseException:
            self._ended = True
            raise
        self._need = need
        self._pieces = [bytes(held[at:])] if at < end else []
        self._held = end - at


def skip(count: int, step: int = 64 * 1024) -> Reading[None]:
    """Pass over `count` bytes without ever holding more than `step` of them."""
    while count:
        passed = min(count, step)
        yield passed
        count -= passed
