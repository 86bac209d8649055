"""Inflating within bounds: zlib streams that go on from rect to rect, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from isal import isal_zlib

from gateway.errors import RfbError
from gateway.rfb.encodings.words import Words
from gateway.rfb.reader import Reading
from gateway.rfb.wire import INFLATE_SLACK

# No more than this is inflated, or inflated to, in one go.
PIECE: Final = 32 * 1024
AT_ONCE: Final = 1024 * 1024
# Stored blocks are no work, so that they may come whole: those of the largest rect that encoders
# make, 65536 pixels, of which zlib stores up to 32 KiB in a block.
_MOST_STORED: Final = 256 * 1024
_MOST_BLOCKS: Final = 16
_HEADER: Final = 2  # RFC 1950 §2.2
_STORED_HEADER: Final = 5
# Work of a deflated byte. Blocks that hold nothing cost most, 350 to 1000; pixels cost a tenth.
_BYTE: Final = 400
# … and of a pixel painted from them.
_PIXEL: Final = 8

_NOTHING: Final = memoryview(b"")
Paint = Callable[[bytes, Words], object]


class Inflater:
    """One of a connection's zlib streams."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._stored = True  # it held nothing but whole stored blocks so far

    def begin_anew(self) -> None:
        """Another stream comes in its place."""
        self._stream = None
        self._stored = True

    def exactly(self, length: int, size: int) -> Reading[bytes]:
        """The `size` bytes that the next `length` bytes hold.

        Raises: RfbError for fewer or more, before more are held.
        """
        data = _NOTHING
        if length <= (_MOST_STORED if self._stored else PIECE) and size <= AT_ONCE:
            data = yield length
            whole = self.whole(data, size)
            if whole is not None:
                inflated, work = whole
                yield -work
                return inflated
        deflated = Deflated(self, length, data)
        inflated = yield from deflated.take(size)
        yield from deflated.end()
        return inflated

    def whole(self, data: memoryview, size: int) -> tuple[bytes, int] | None:
        """The `size` bytes that `data` holds, and the work that they were.

        None, and nothing was done, where that is too much to be done in one go.
        Raises: RfbError where there are fewer or more.
        """
        stored = self._stored and _only_stored(data, 0 if self._stream else _HEADER)
        if not stored and PIECE < len(data):
            return None
        inflated = self.inflate(data, size + INFLATE_SLACK)
        self._stored = stored
        if len(inflated) != size:
            raise RfbError(f"{len(inflated)} bytes were inflated where {size} were expected")
        return inflated, len(data) if stored else _BYTE * len(data)

    def paint(self, length: int, row: int, into: Words, paint: Paint) -> Reading[None]:
        """Let `paint` paint a rect whose rows are `row` bytes each, a band of rows at a time.

        Raises: RfbError where the next `length` bytes hold fewer or more.
        """
        size = row * len(into)
        check_deflated(length, size)
        if size <= AT_ONCE:
            paint((yield from self.exactly(length, size)), into)
            return
        deflated = Deflated(self, length)
        rows = max(1, AT_ONCE // row)
        for top in range(0, len(into), rows):
            band = into[top : top + rows]
            paint((yield from deflated.take(row * len(band))), band)
            yield -_PIXEL * band.size
        yield from deflated.end()

    def inflate(self, data: bytes | memoryview, most: int) -> bytes:
        """At most `most` bytes; where it is that many, `data` may hold more. Raises: RfbError."""
        self._stored = False
        if self._stream is None:
            # isal rather than zlib: the same streams, two to three times as fast.
            self._stream = isal_zlib.decompressobj()
        try:
            inflated: bytes = self._stream.decompress(data, most)
        except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub calls it an instance
            raise RfbError("a zlib stream is damaged") from error
        if self._stream.unused_data:
            raise RfbError("a zlib stream goes on after its end")
        return inflated

    @property
    def left(self) -> bytes:
        """What `inflate` was given and could not use yet."""
        left: bytes = self._stream.unconsumed_tail
        return left


class Deflated:
    """The deflated bytes of one rect, read and inflated as far as is asked for.

    INVARIANT: beside what it was handed, it holds no more than `PIECE` bytes that are not inflated.
    """

    def __init__(self, inflater: Inflater, length: int, data: memoryview = _NOTHING) -> None:
        """`data` are all the `length` bytes, where they were read already."""
        self._inflater = inflater
        self._unread = length
        self._data = data
        self._read: bytes | memoryview = b""
        self._more = False  # the stream itself may hold more than it gave

    def some(self, most: int) -> Reading[bytes]:
        """From one to `most` of the bytes that come next; none where these were all."""
        while self._read or self._more or self._unread:
            if not self._read and not self._more:
                self._read = self._data[:PIECE] or (yield min(PIECE, self._unread))
                self._data = self._data[PIECE:]
                self._unread -= len(self._read)
                yield -_BYTE * len(self._read)
            inflated = self._inflater.inflate(self._read, most)
            self._read, self._more = self._inflater.left, len(inflated) == most
            if inflated:
                yield -len(inflated)
                return inflated
        return b""

    def take(self, size: int) -> Reading[bytes]:
        """The next `size` bytes. Raises: RfbError where there are fewer."""
        pieces: list[bytes] = []
        missing = size
        while missing:
            piece = yield from self.some(min(missing, AT_ONCE))
            if not piece:
                raise RfbError(f"{size - missing} bytes were inflated where {size} were expected")
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end(self) -> Reading[None]:
        """Read the rest. Raises: RfbError where it holds anything."""
        if (yield from self.some(1)):
            raise RfbError("more bytes were inflated than the rect has")


def _only_stored(data: memoryview, at: int) -> bool:
    """Whether these are a few stored blocks, none of them the stream's last.

    It is where a block and its byte begin together, as all stored blocks leave it.
    """
    end = len(data)
    for _ in range(_MOST_BLOCKS):
        # RFC 1951 §3.2.4: a byte of flags, here all zero; U16 length, U16 its complement.
        if end < at + _STORED_HEADER or data[at]:
            return False
        at += _STORED_HEADER + (data[at + 1] | data[at + 2] << 8)
        if at == end:
            return True
    return False


def check_deflated(length: int, size: int) -> None:
    """Raises: RfbError where no encoder needs `length` bytes to deflate `size`."""
    if size + INFLATE_SLACK < length:
        raise RfbError(f"{length} deflated bytes are too many for {size}")
