"""FramebufferUpdate: rects that paint, copy, resize, rename (RFC 6143 §7.6.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from gateway.errors import RfbError
from gateway.rfb.encodings.copyrect import COPIED_AT_ONCE, SOURCE, decode_copyrect
from gateway.rfb.encodings.cursor import decode_cursor
from gateway.rfb.encodings.desktop_size import decode_extended_desktop_size
from gateway.rfb.encodings.hextile import decode_hextile
from gateway.rfb.encodings.raw import decode_raw, whole_raw
from gateway.rfb.encodings.tight import TightDecoder
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.whole import Whole
from gateway.rfb.encodings.words import Words, as_words
from gateway.rfb.encodings.zlib import ZlibDecoder
from gateway.rfb.encodings.zrle import ZrleDecoder
from gateway.rfb.events import CursorChanged, Event, FrameReceived, LedState, Renamed, Resized
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.reader import LOOK, PEEK, TOLD_WORK, Reading
from gateway.rfb.text import printable
from gateway.rfb.wire import MAX_NAME, MAX_PIXELS, Cursor, Encoding, Rect

Painter: TypeAlias = Callable[[Words], Reading[TightContent | None]]
WholeDecoder: TypeAlias = Callable[[memoryview, int, Words], Whole | None]

_RECT_HEADER: Final = struct.Struct(">HHHHi")
_HEADER_SIZE: Final = _RECT_HEADER.size
_U32: Final = struct.Struct(">I")
# No server paints its screen so often in one update; beside that, it may paint a largest one once.
_MOST_SCREENS: Final = 64
# Work of a rect, of one of its rows, of a pixel, of a pixel in memory that was never touched, of a
# byte of a name.
_RECT_WORK: Final = 10_000
_ROW_WORK: Final = 40
_PIXEL_WORK: Final = 2
_NEW_PIXEL_WORK: Final = 20
_NAME_BYTE_WORK: Final = 100
# Whether so few pixels changed at all is cheap to see: the answer to a probe disturbs no viewer.
_COMPARED_AREA: Final = 4096
# Encoders of Tight make no larger rects.
_WHOLE_AREA: Final = 64 * 1024
_COPYRECT: Final = int(Encoding.COPYRECT)


class Updates:
    """The framebuffer as the server's updates paint it; `emit` is told what happened."""

    def __init__(self, width: int, height: int, name: str, emit: Callable[[Event], None]) -> None:
        """Raises: RfbError where the size is beyond the bounds."""
        self.framebuffer = Framebuffer(width, height)
        self.name = name
        self.cursor: Cursor | None = None
        self.extended_keys = False
        self.copied = False  # the server has ever said CopyRect
        self._emit = emit
        self._area = 0  # what this update has painted so far
        self._work = 0  # not told yet
        self._shown = False  # there was a first frame, however black
        self._unseen = False  # the owner may not have seen the last one yet
        self._words = as_words(self.framebuffer.pixels)
        self._operations: list[Operation] = []
        tight = TightDecoder()
        self._painters: dict[int, Painter] = {
            Encoding.RAW: decode_raw,
            Encoding.HEXTILE: decode_hextile,
            Encoding.ZLIB: ZlibDecoder().decode,
            Encoding.TIGHT: tight.decode,
            Encoding.ZRLE: ZrleDecoder().decode,
        }
        self._wholes: dict[int, WholeDecoder] = {
            Encoding.RAW: whole_raw,
            Encoding.TIGHT: tight.whole,
        }

    def seen(self) -> None:
        """The owner has been told of the last frame."""
        self._unseen = False

    def settle(self) -> Reading[None]:
        """Take the framebuffer's memory before anything is painted; it asks for no bytes."""
        for pixels in self.framebuffer.settling():
            yield -_NEW_PIXEL_WORK * pixels

    def read(self, rects: int) -> Reading[None]:
        """Read one update of so many rects. Raises: RfbError."""
        if self._unseen:
            # There is a frame to look at before this one paints over it.
            yield LOOK
        self._area = 0
        self.framebuffer.whole = False
        left = rects
        while left:
            if 1 < rects:
                left -= yield from self._whole_rects(left)
                if not left:
                    break
            left -= 1
            # RFC 6143 §7.6.1: a rectangle begins with its place, size and encoding.
            x, y, width, height, encoding = _RECT_HEADER.unpack((yield _HEADER_SIZE))
            rect = Rect(x, y, width, height)
            painter = self._painters.get(encoding)
            if painter is not None:
                into = self._begin(x, y, width, height)
                compared = rects == 1 and self._shown and into.size <= _COMPARED_AREA
                before = into.tobytes() if compared else None
                content = yield from painter(into)
                if before is None or into.tobytes() != before:
                    self._painted(Write(rect, content=content))
            elif encoding == Encoding.COPYRECT:
                self.copied = True
                self._begin(x, y, width, height)
                self._painted((yield from decode_copyrect(self.framebuffer, rect)))
            elif encoding == Encoding.LAST_RECT:
                break
            else:
                yield from self._pseudo(encoding, rect)
            self._work += _work(height, width * height)
            yield from self._tell()
        self.framebuffer.whole = True
        if self._operations:
            self._emit(FrameReceived(tuple(self._operations)))
            self._operations.clear()
            self._shown = self._unseen = True

    def _whole_rects(self, most: int) -> Reading[int]:
        """Paint rects of the common kinds as long as they have come whole; how many there were.

        Text comes in dozens of these, and from QEMU in hundreds: each is one call, no more.
        """
        done = 0
        while done < most:
            held = yield PEEK
            at = 0
            # Behind its header, each has at least a byte.
            last = len(held) - _HEADER_SIZE
            while at < last and done < most and self._work <= TOLD_WORK:
                end = self._whole_rect(held, at)
                if end == at:
                    break
                at = end
                done += 1
            if at:
                yield at
            if self._work <= TOLD_WORK:
                break
            yield from self._tell()
        return done

    def _whole_rect(self, held: memoryview, at: int) -> int:
        """Paint the rect at `at`, and say where it ends; there, where nothing was painted."""
        x, y, width, height, encoding = _RECT_HEADER.unpack_from(held, at)
        area = width * height
        if encoding == _COPYRECT:
            return self._whole_copy(held, at, Rect(x, y, width, height))
        decoder = self._wholes.get(encoding)
        if decoder is None or not 0 < area <= _WHOLE_AREA:
            return at
        into = self._begin(x, y, width, height)
        whole = decoder(held, at + _HEADER_SIZE, into)
        if whole is None:
            self._area -= area
            return at
        end, work, content = whole
        self._operations.append(Write(Rect(x, y, width, height), content=content))
        self._work += work + _work(height, area)
        return end

    def _whole_copy(self, held: memoryview, at: int, rect: Rect) -> int:
        end = at + _HEADER_SIZE + SOURCE.size
        if len(held) < end or not 0 < rect.area <= COPIED_AT_ONCE:
            return at
        self.copied = True
        self._begin(*rect)
        source_x, source_y = SOURCE.unpack_from(held, end - SOURCE.size)
        self.framebuffer.copy(rect, source_x, source_y)
        self._operations.append(Copy(rect, source_x, source_y))
        self._work += _work(rect.height, rect.area)
        return end

    def _begin(self, x: int, y: int, width: int, height: int) -> Words:
        """Where a rect is about to be painted. Raises: RfbError where that is too much."""
        words = self._words
        rows, columns = words.shape
        right, bottom = x + width, y + height
        if columns < right or rows < bottom:
            raise RfbError(f"rect {width}x{height}+{x}+{y} reaches outside {columns}x{rows}")
        self._count(width * height)
        return words[y:bottom, x:right]

    def _count(self, area: int) -> None:
        self._area += area
        if _MOST_SCREENS * self._words.size + MAX_PIXELS < self._area:
            raise RfbError(f"an update paints its screen more than {_MOST_SCREENS} times")

    def _tell(self) -> Reading[None]:
        """Say the work, once it has come to something."""
        if TOLD_WORK < self._work:
            work, self._work = self._work, 0
            yield -work

    def _painted(self, operation: Operation) -> None:
        if operation.rect.area:
            self._operations.append(operation)

    def _pseudo(self, encoding: int, rect: Rect) -> Reading[None]:
        match encoding:
            case Encoding.CURSOR:
                self.cursor = yield from decode_cursor(rect)
                self._emit(CursorChanged(self.cursor))
            case Encoding.DESKTOP_SIZE:
                yield from self._resize(rect.width, rect.height)
            case Encoding.EXTENDED_DESKTOP_SIZE:
                size = yield from decode_extended_desktop_size(rect)
                if size is not None:
                    yield from self._resize(*size)
            case Encoding.DESKTOP_NAME:
                yield from self._rename()
            case Encoding.QEMU_EXTENDED_KEY:
                self.extended_keys = True
            case Encoding.QEMU_LED_STATE:
                # rfbproto, QEMU LED state: one byte.
                (state,) = yield 1
                self._emit(LedState(state))
            case _:
                raise RfbError(f"encoding {encoding} was never offered")

    def _resize(self, width: int, height: int) -> Reading[None]:
        if (width, height) == (self.framebuffer.width, self.framebuffer.height):
            return
        for pixels in self.framebuffer.resizing(width, height):
            yield -_NEW_PIXEL_WORK * pixels
        self._count(self._words.size)
        self._words = as_words(self.framebuffer.pixels)
        # What was painted before lies in the old size; after a resize everything is owed anyway.
        self._operations.clear()
        self._emit(Resized(width, height))

    def _rename(self) -> Reading[None]:
        # rfbproto, DesktopName: U32 length, then UTF-8.
        (length,) = _U32.unpack((yield 4))
        if MAX_NAME < length:
            raise RfbError(f"a name of {length} bytes is too long")
        name = printable((yield length))
        yield -_NAME_BYTE_WORK * length
        if name != self.name:
            self.name = name
            self._emit(Renamed(name))


def _work(rows: int, area: int) -> int:
    return _RECT_WORK + _ROW_WORK * rows + _PIXEL_WORK * area
