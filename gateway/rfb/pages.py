"""Pages of text: upstreams cut these at the end of each line, and every piece has its price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.rfb.damage import around, common, overlapped
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.wire import Rect

__all__ = ["in_one_piece"]

_FEWEST: Final = 8
_MAX_WIDTH: Final = 2048  # rfbproto, Tight
_MAX_PIXELS: Final = 4 * 1024 * 1024
_TWO_COLOURS: Final = 6  # bytes of their palette

_Bits: TypeAlias = npt.NDArray[np.uint8]  # rows of pixels, eight to a byte, the leftmost highest


def in_one_piece(operations: Sequence[Operation], width: int, height: int) -> Sequence[Operation]:
    """The same frame, with what makes up a page of two colours as one Write, where it has one.

    It is put together from what was said; no pixel is looked at.
    """
    if len(operations) < _FEWEST:
        return operations
    palettes: Counter[bytes] = Counter()
    for each in operations:
        if isinstance(each, Copy):
            return operations  # no Write may move past it
        if each.content is not None and len(each.content.palette) == _TWO_COLOURS:
            palettes[each.content.palette] += 1
    if not palettes:
        return operations
    ((palette, _),) = palettes.most_common(1)
    background = palette[:3]
    page: list[tuple[Rect, TightContent]] = []
    rest: list[Operation] = []
    for each in operations:
        content = each.content if isinstance(each, Write) else None
        if content is not None and content.palette in (palette, background):
            page.append((each.rect, content))
        else:
            rest.append(each)
    box = _whole([rect for rect, _ in page])
    if box is None or not box.inside(min(width, _MAX_WIDTH), height):
        return operations
    if any(common(box, each.rect) for each in rest):
        return operations  # what of it was painted over, or painted over something?
    return [*rest, Write(box, content=TightContent(palette, _put_together(box, page)))]


def _whole(rects: Sequence[Rect]) -> Rect | None:
    """The rect that they make up, none over another; None where they make up none."""
    if len(rects) < _FEWEST:
        return None
    box = around(rects)
    area = sum([width * height for _, _, width, height in rects])
    return box if area == box.area <= _MAX_PIXELS and not overlapped(rects) else None


def _put_together(box: Rect, page: Sequence[tuple[Rect, TightContent]]) -> bytes:
    row = (box.width + 7) // 8
    if all(rect.width == box.width for rect, _ in page):
        return b"".join([said.data or bytes(row * rect.height) for rect, said in sorted(page)])
    # One byte more, so that all of a piece can be moved to the right.
    whole = np.zeros((box.height, row + 1), np.uint8)
    for rect, content in page:
        if content.data:
            at, shift = divmod(rect.x - box.x, 8)
            bits = _shifted(_bits(content.data, rect), shift)
            whole[rect.y - box.y : rect.bottom - box.y, at : at + bits.shape[1]] |= bits
    return whole[:, :row].tobytes()


def _bits(data: bytes, rect: Rect) -> _Bits:
    bits = np.frombuffer(data, np.uint8).reshape(rect.height, -1)
    if unused := -rect.width % 8:
        bits = bits.copy()
        bits[:, -1] &= 0xFF << unused & 0xFF
    return bits


def _shifted(bits: _Bits, by: int) -> _Bits:
    if not by:
        return bits
    height, row = bits.shape
    shifted = np.zeros((height, row + 1), np.uint8)
    shifted[:, :-1] = bits >> by
    shifted[:, 1:] |= bits << (8 - by)
    return shifted
