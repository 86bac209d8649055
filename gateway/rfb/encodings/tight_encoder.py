"""Tight, encoded: each rect by what is in it (rfbproto, Tight).

One colour becomes a fill, two a bit mask, few an indexed picture, a photo a JPEG, anything else
deflated RGB. Each rect begins its zlib stream anew, so that what is encoded once means the same to
every viewer, whatever came before; and so that none refers to the rect before it, which the
inflater of noVNC 1.7 has forgotten once its stream was reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import simplejpeg
from isal import isal_zlib
from PIL import Image

from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.wire import Encoding, Rect

__all__ = ["TightRect", "tight_rect", "tight_rects"]

# rfbproto, Tight compression control: the low four bits reset the four zlib streams, of which the
# upper half says which one is used. Colours and indices deflate better apart.
_RGB_STREAM: Final = 0
_INDEX_STREAM: Final = 1
_FILTER_FOLLOWS: Final = 0x40
_FILL: Final = bytes([0x80])
_JPEG: Final = bytes([0x90])
_PALETTE_FILTER: Final = 1
_PALETTE_HEADS: Final = tuple(bytes([_PALETTE_FILTER, count - 1 & 0xFF]) for count in range(257))
_TIGHT: Final = int(Encoding.TIGHT)

# rfbproto, Tight: less than 12 bytes, counted behind the filter, are sent as they are.
_SMALLEST_DEFLATED: Final = 12
_MAX_WIDTH: Final = 2048
# Smaller pieces judge their colours for themselves, and deflate nearly as well. Each JPEG has its
# own tables.
_MAX_AREA: Final = 64 * 1024
_MAX_PHOTO: Final = 256 * 1024
_MAX_COLOURS: Final = 96

_CELL: Final = 64
_ROW_STEP: Final = 8
# A JPEG has 600 bytes of tables, and text is never so noisy.
_SMALLEST_PHOTO: Final = 32 * 32
_PHOTO_EQUAL_NEIGHBOURS: Final = 0.3

# Quality levels 0 … 9, as TigerVNC and libvncserver understand them: quality, subsampling.
_QUALITIES: Final = (
    (15, "420"),
    (29, "420"),
    (41, "420"),
    (42, "420"),
    (62, "420"),
    (77, "420"),
    (79, "420"),
    (86, "422"),
    (92, "444"),
    (100, "444"),
)

# Odd factors that spread colours over 65536 slots; the first that spreads a palette is used.
_FACTORS: Final = tuple(np.uint32(0x9E3779B1 + 0x3C6EF362 * n & 0xFFFFFFFF | 1) for n in range(32))


class TightRect(NamedTuple):
    """One encoded rect, its header included; `lossy` where its pixels are not exact."""

    rect: Rect
    payload: bytes
    lossy: bool = False


def tight_rects(words: Words, x: int, y: int, quality: int | None) -> Iterator[TightRect]:
    """The rects that paint `words` (their unused byte 0) at (`x`, `y`).

    `quality` is the JPEG level 0 … 9 for what looks like a photo; None allows no loss.
    """
    if _is_plain(words):
        yield from _fills(words, x, y)
        return
    for part, photo in _parts(words, find_photos=quality is not None):
        rect = Rect(x + part.x, y + part.y, part.width, part.height)
        # A copy: the pieces that encode pixels need them side by side.
        pixels = np.ascontiguousarray(words[part.y : part.bottom, part.x : part.right])
        lossy, body = _encoded(pixels, quality if photo else None)
        yield TightRect(rect, rect_header(rect, _TIGHT) + body, lossy)


def tight_rect(content: TightContent, rect: Rect) -> bytes:
    """A rect whose pixels somebody has named."""
    return rect_header(rect, _TIGHT) + _named(content)


def _fills(words: Words, x: int, y: int) -> Iterator[TightRect]:
    height, width = words.shape
    colour = TightContent(_rgb(words[:1, :1].copy()), b"")
    for left in range(0, width, _MAX_WIDTH):
        rect = Rect(x + left, y, min(_MAX_WIDTH, width - left), height)
        yield TightRect(rect, tight_rect(colour, rect))


def _encoded(pixels: Words, quality: int | None) -> tuple[bool, bytes]:
    """Whether exactness was given up, and the rect's bytes behind its header."""
    palette = _palette(pixels)
    if palette is not None:
        data = b"" if len(palette) == 1 else _indices(pixels, palette)
        return False, _named(TightContent(_rgb(palette.reshape(1, -1)), data))
    if quality is not None:
        return True, _JPEG + _with_length(_jpeg(pixels, quality))
    return False, _deflated(_RGB_STREAM, _rgb(pixels))


def _named(content: TightContent) -> bytes:
    palette, data = content
    colours = len(palette) // 3
    if colours == 1:
        return _FILL + palette
    # Filter id, number of colours less one, the colours; then what each pixel is.
    return _deflated(_INDEX_STREAM, data, _PALETTE_HEADS[colours] + palette)


def _deflated(stream: int, data: bytes, filtered: bytes = b"") -> bytes:
    """The control byte, the filter if there is one, and the data in a stream that begins here."""
    control = stream << 4 | (_FILTER_FOLLOWS if filtered else 0)
    if len(data) < _SMALLEST_DEFLATED:
        return bytes([control]) + filtered + data
    deflate = isal_zlib.compressobj(1)
    # Flushed and not finished, as every other server leaves it.
    deflated = deflate.compress(data) + deflate.flush(isal_zlib.Z_SYNC_FLUSH)
    return bytes([control | 1 << stream]) + filtered + _with_length(deflated)


def _is_plain(words: Words) -> bool:
    """Whether there is one colour; a few pixels tell most others apart."""
    colour = words[0, 0]
    return bool((words[::16, ::16] == colour).all() and (words == colour).all())


def _parts(words: Words, *, find_photos: bool) -> Iterator[tuple[Rect, bool]]:
    """Cut an area into rects that Tight can carry, and say which of them look like photos."""
    height, width = words.shape
    whole = Rect(0, 0, width, height)
    if not find_photos or whole.area < _SMALLEST_PHOTO:
        yield from ((piece, False) for piece in _pieces(whole))
        return
    for area, photo in _photo_areas(words):
        most = _MAX_PHOTO if photo else _MAX_AREA
        pieces = _pieces(area, most)
        yield from ((piece, photo and _SMALLEST_PHOTO <= piece.area) for piece in pieces)


def _pieces(rect: Rect, most: int = _MAX_AREA) -> Iterator[Rect]:
    for left in range(rect.x, rect.right, _MAX_WIDTH):
        width = min(_MAX_WIDTH, rect.right - left)
        rows = max(1, most // width)
        for top in range(rect.y, rect.bottom, rows):
            yield Rect(left, top, width, min(rows, rect.bottom - top))


def _photo_areas(words: Words) -> Iterator[tuple[Rect, bool]]:
    """Cover an area with rects of cells that all look like a photo, or all do not."""
    height, width = words.shape
    tops = np.arange(0, height, _CELL)
    lefts = np.arange(0, width, _CELL)
    # Photos are noisy: few pixels equal the one to their right. A sample of the rows will do.
    sample = words[::_ROW_STEP]
    equal = np.zeros(sample.shape, np.uint8)
    np.equal(sample[:, 1:], sample[:, :-1], out=equal[:, 1:], casting="unsafe")
    by_row = np.add.reduceat(equal, tops // _ROW_STEP, axis=0, dtype=np.uint16)
    counts = np.add.reduceat(by_row, lefts, axis=1, dtype=np.uint32)
    rows = np.diff(np.append(tops // _ROW_STEP, sample.shape[0]))
    columns = np.diff(np.append(lefts, width))
    noisy = counts < _PHOTO_EQUAL_NEIGHBOURS * np.outer(rows, columns)
    if noisy.all() or not noisy.any():
        yield Rect(0, 0, width, height), bool(noisy[0, 0])
        return
    for cells, photo in _same(noisy):
        yield _clip_cells(cells, width, height), photo


def _same(mask: npt.NDArray[np.bool_]) -> Iterator[tuple[Rect, bool]]:
    """Cover a grid with rects of equal cells: runs in a row, joined to equal runs below."""
    open_runs: dict[tuple[int, int, bool], int] = {}
    for row, cells in enumerate(mask):
        ends = np.append(np.flatnonzero(cells[1:] != cells[:-1]) + 1, len(cells))
        runs, start = set(), 0
        for end in ends.tolist():
            runs.add((start, end, bool(cells[start])))
            start = end
        for run in [run for run in open_runs if run not in runs]:
            top = open_runs.pop(run)
            yield Rect(run[0], top, run[1] - run[0], row - top), run[2]
        for run in runs:
            open_runs.setdefault(run, row)
    for (start, end, photo), top in open_runs.items():
        yield Rect(start, top, end - start, len(mask) - top), photo


def _clip_cells(cells: Rect, width: int, height: int) -> Rect:
    x, y = cells.x * _CELL, cells.y * _CELL
    return Rect(x, y, min(cells.right * _CELL, width) - x, min(cells.bottom * _CELL, height) - y)


def _palette(pixels: Words) -> Words | None:
    """The colours, none twice, in a row; None where they are too many to be worth it."""
    background = pixels[0, 0]
    others = pixels != background
    foreground = pixels.flat[others.argmax()]
    # One or two colours, by far the most usual screens, need no count.
    if np.array_equal(others, pixels == foreground) or foreground == background:
        return np.array(sorted({int(background), int(foreground)}), WORD)
    height, width = pixels.shape
    most = min(_MAX_COLOURS, max(2, pixels.size // 8))
    image = Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)
    # Stops as soon as there are too many: photos cost nothing.
    counted = cast("list[tuple[int, tuple[int, int, int, int]]] | None", image.getcolors(most))
    if counted is None:
        return None
    colours = [red | green << 8 | blue << 16 for _count, (red, green, blue, _unused) in counted]
    return np.array(sorted(colours), WORD)


def _indices(pixels: Words, palette: Words) -> bytes:
    if len(palette) == 2:
        # rfbproto, Tight palette filter: one bit per pixel, the leftmost highest, rows padded.
        return np.packbits(pixels == palette[1], axis=1).tobytes()
    for factor in _FACTORS:
        slots = _slots(palette, factor)
        if len(set(slots.tolist())) == len(palette):
            table = np.zeros(1 << 16, np.uint8)
            table[slots] = np.arange(len(palette), dtype=np.uint8)
            return np.take(table, _slots(pixels, factor)).tobytes()
    return np.searchsorted(palette, pixels).astype(np.uint8).tobytes()


def _slots(colours: Words, factor: np.uint32) -> Words:
    spread: Words = (colours * factor) >> np.uint32(16)
    return spread


def _rgb(pixels: Words) -> bytes:
    """Three bytes R, G, B per pixel (rfbproto, TPIXEL)."""
    height, width = pixels.shape
    image = Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)
    # Pillow's packer takes 1 ms for a megapixel where slicing in numpy takes 12.
    return image.tobytes("raw", "RGB")


def _jpeg(pixels: Words, quality: int) -> bytes:
    height, width = pixels.shape
    percent, subsampling = _QUALITIES[quality]
    jpeg: bytes = simplejpeg.encode_jpeg(
        pixels.view(np.uint8).reshape(height, width, 4),
        quality=percent,
        colorspace="RGBX",
        colorsubsampling=subsampling,
        fastdct=True,
    )
    return jpeg


def _with_length(data: bytes) -> bytes:
    """rfbproto, Tight: a length of one to three bytes, seven bits each, the lowest first."""
    size = len(data)
    if size < 1 << 7:
        return bytes([size]) + data
    if size < 1 << 14:
        return bytes([size & 0x7F | 0x80, size >> 7]) + data
    # The third byte carries eight bits. INVARIANT: no piece reaches 4 MiB.
    return bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + data
