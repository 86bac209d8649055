"""FramebufferUpdate: rects that paint, copy, resize, rename (RFC 6143 §7.6.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from gateway.errors import RfbError
from gateway.rfb.encodings.copyrect import decode_copyrect
from gateway.rfb.encodings.cursor import decode_cursor
from gateway.rfb.encodings.desktop_size import decode_extended_desktop_size
from gateway.rfb.encodings.hextile import decode_hextile
from gateway.rfb.encodings.raw import decode_raw
from gateway.rfb.encodings.tight import TightDecoder
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.words import USED, WORD, Words, as_words
from gateway.rfb.encodings.zlib import ZlibDecoder
from gateway.rfb.encodings.zrle import ZrleDecoder
from gateway.rfb.events import CursorChanged, Event, FrameReceived, LedState, Renamed, Resized
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Operation, Write
from gateway.rfb.reader import LOOK, PEEK, Reading
from gateway.rfb.text import printable
from gateway.rfb.wire import MAX_NAME, MAX_PIXELS, Cursor, Encoding, Rect

Painter: TypeAlias = Callable[[Words], Reading[TightContent | None]]

_RECT_HEADER: Final = struct.Struct(">HHHHi")
_U32: Final = struct.Struct(">I")
# No server paints its screen so often in one update; beside that, it may paint a largest one once.
_MOST_SCREENS: Final = 64
# Work of a rect, of one of its rows, of a pixel, of a pixel in memory that was never touched, of a
# byte of a name. It is told once it comes to so much.
_TOLD_WORK: Final = 1_000_000
_RECT_WORK: Final = 10_000
_ROW_WORK: Final = 40
_PIXEL_WORK: Final = 2
_NEW_PIXEL_WORK: Final = 20
_NAME_BYTE_WORK: Final = 100
# Whether so few pixels changed at all is cheap to see: the answer to a probe disturbs no viewer.
_COMPARED_AREA: Final = 4096
_SMALL_AREA: Final = 16 * 1024


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
        self._shown = False  # there was a first frame, however black
        self._unseen = False  # the owner may not have seen the last one yet
        self._words = as_words(self.framebuffer.pixels)
        self._operations: list[Operation] = []
        self._painters: dict[int, Painter] = {
            Encoding.RAW: decode_raw,
            Encoding.HEXTILE: decode_hextile,
            Encoding.ZLIB: ZlibDecoder().decode,
            Encoding.TIGHT: TightDecoder().decode,
            Encoding.ZRLE: ZrleDecoder().decode,
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
        self._area = work = 0
        self.framebuffer.whole = False
        left = rects
        while left:
            left -= 1
            # RFC 6143 §7.6.1: a rectangle begins with its place, size and encoding.
            x, y, width, height, encoding = _RECT_HEADER.unpack((yield _RECT_HEADER.size))
            rect = Rect(x, y, width, height)
            painter = self._painters.get(encoding)
            if painter is not None:
                into = self._inside(rect)
                self._count(into.size)
                compared = rects == 1 and self._shown and into.size <= _COMPARED_AREA
                before = into.tobytes() if compared else None
                content = yield from painter(into)
                if before is None or into.tobytes() != before:
                    self._painted(Write(rect, content=content))
            elif encoding == Encoding.COPYRECT:
                self.copied = True
                self._painted((yield from decode_copyrect(self.framebuffer, rect)))
                self._count(rect.area)
            elif encoding == Encoding.LAST_RECT:
                break
            else:
                yield from self._pseudo(encoding, rect)
            work += _RECT_WORK + _ROW_WORK * height + _PIXEL_WORK * width * height
            if _TOLD_WORK < work:
                yield -work
                work = 0
            if encoding == Encoding.RAW and left and rect.area:
                left -= yield from self._raw_rects(left)
        yield -work
        self.framebuffer.whole = True
        if self._operations:
            self._emit(FrameReceived(tuple(self._operations)))
            self._operations.clear()
            self._shown = self._unseen = True

    def _raw_rects(self, most: int) -> Reading[int]:
        """Paint the small Raw rects that have come, as far as they are whole; how many there were.

        QEMU says a screen of text in hundreds of these.
        """
        held = yield PEEK
        end, at, done, work = len(held), 0, 0, 0
        while done < most and at + _RECT_HEADER.size <= end and work < _TOLD_WORK:
            x, y, width, height, encoding = _RECT_HEADER.unpack_from(held, at)
            area = width * height
            begin = at + _RECT_HEADER.size
            if encoding != Encoding.RAW or not 0 < area <= _SMALL_AREA or end < begin + 4 * area:
                break
            rect = Rect(x, y, width, height)
            into = self._inside(rect)
            self._count(area)
            pixels: Words = np.frombuffer(held, WORD, area, begin).reshape(height, width)
            np.bitwise_and(pixels, USED, out=into)
            self._operations.append(Write(rect))
            at, done = begin + 4 * area, done + 1
            work += _RECT_WORK + _ROW_WORK * height + _PIXEL_WORK * area
        yield at
        yield -work
        return done

    def _count(self, area: int) -> None:
        self._area += area
        if _MOST_SCREENS * self._words.size + MAX_PIXELS < self._area:
            raise RfbError(f"an update paints its screen more than {_MOST_SCREENS} times")

    def _inside(self, rect: Rect) -> Words:
        height, width = self._words.shape
        if width < rect.right or height < rect.bottom:
            raise RfbError(
                f"rect {rect.width}x{rect.height}+{rect.x}+{rect.y} reaches outside "
                f"{width}x{height}"
            )
        return self._words[rect.y : rect.bottom, rect.x : rect.right]

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
