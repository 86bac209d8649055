"""ZRLE's runs: a colour, and how many pixels on it reaches (RFC 6143 §7.7.5 and §7.7.6).

A run of n pixels says n - 1 as bytes of 255 and one last smaller byte. Where a run begins depends
on all runs before it; both kinds are nevertheless taken apart many at a time.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.errors import RfbError
from gateway.rfb.encodings.words import USED, WORD, Words

Runs: TypeAlias = npt.NDArray[np.int64]

_MORE = 255
_FIRST_WINDOW = 256
_FEW = 8


def expand_plain(data: bytes, at: int, area: int) -> tuple[Words, int]:
    """The `area` pixels of a plain RLE tile that begins at `at`, and where it ends.

    Raises: RfbError where the runs and the tile do not end together.
    """
    pixels = np.empty(area, WORD)
    painted, most = 0, area
    while painted < area:
        colours, runs = _short_runs(data, at, min(most, area - painted))
        stretch = np.repeat(colours, runs)
        if area < painted + stretch.size:
            raise RfbError("a run reaches beyond its tile")
        pixels[painted : painted + stretch.size] = stretch
        painted, at = painted + stretch.size, at + 4 * runs.size
        # Where a long run is in the way, another may be: it is not worth looking far.
        painted, at = _paint_few(data, at, pixels, painted)
        most = max(_FIRST_WINDOW, 4 * runs.size)
    return pixels, at


def _paint_few(data: bytes, at: int, pixels: Words, painted: int) -> tuple[int, int]:
    """Paint some runs from pixel `painted` on; how many pixels are painted then, and what follows
    them."""
    for _ in range(_FEW):
        if painted == pixels.size:
            break
        run, end = _run(data, at + 3, pixels.size - painted)
        pixels[painted : painted + run] = int.from_bytes(data[at : at + 3], "little")
        painted, at = painted + run, end
    return painted, at


def _short_runs(data: bytes, at: int, area: int) -> tuple[Words, Runs]:
    """The runs from `at` on up to the first long one; those that `area` pixels need."""
    # As long as no length is 255, a run is four bytes: red, green, blue, length less one.
    count = max(0, min(area, (len(data) - at) // 4))
    colours: Words = np.ndarray((count,), WORD, data, at if count else 0, (4,))
    lengths = (colours >> np.uint32(24)).astype(np.int64)
    long = lengths == _MORE
    if long.any():
        count = int(long.argmax())
    reach = np.cumsum(lengths[:count] + 1)
    needed = min(count, int(np.searchsorted(reach, area)) + 1)
    return colours[:needed] & USED, lengths[:needed] + 1


def _run(data: bytes, at: int, area: int) -> tuple[int, int]:
    """The run whose length is said at `at`, of at most `area` pixels, and where it ends."""
    run = 1
    while run <= area and at < len(data):
        run += data[at]
        at += 1
        if data[at - 1] != _MORE:
            if run <= area:
                return run, at
            break
    raise RfbError("a run reaches beyond its tile")


def expand_indexed(data: bytes, at: int, area: int) -> tuple[npt.NDArray[np.uint8], int]:
    """The `area` colour numbers of a palette RLE tile that begins at `at`, and where it ends.

    Raises: RfbError where the runs and the tile do not end together.
    """
    indices = np.empty(area, np.uint8)
    painted, size = 0, _FIRST_WINDOW
    while painted < area:
        heads, runs, ends = _indexed_runs(np.frombuffer(data[at : at + size], np.uint8))
        reach = np.cumsum(runs)
        needed = min(runs.size, int(np.searchsorted(reach, area - painted)) + 1)
        if not needed:
            # Even the longest run of a tile fits in the smallest window.
            raise RfbError("a run reaches beyond its tile")
        end = painted + int(reach[needed - 1])
        if area < end:
            raise RfbError("a run reaches beyond its tile")
        indices[painted:end] = np.repeat(heads[:needed] & 0x7F, runs[:needed])
        painted, at, size = end, at + int(ends[needed - 1]), size * 4
    return indices, at


def _indexed_runs(window: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], Runs, Runs]:
    """The runs that lie whole in `window`: their first bytes, their pixels, where they end."""
    # A first byte below 128 is a run of one; from 128 on, a length follows. So, whatever a byte is,
    # below 128 the next one begins a run, and after 255 the next one belongs to a length; any other
    # byte toggles between the two.
    toggles = (window >= 128) & (window < _MORE)
    parity = np.concatenate(([0], np.cumsum(toggles))) & 1
    told = np.concatenate(([True], ~toggles))
    within = np.concatenate(([False], window == _MORE))
    last_told = np.maximum.accumulate(np.where(told, np.arange(told.size), 0))
    in_length = within[last_told] ^ (parity != parity[last_told])
    (starts,) = np.nonzero(~in_length)
    # The last start is where the next run would begin, if the last run is whole.
    starts, ends = starts[:-1], starts[1:]
    if not starts.size:
        return window[:0], np.empty(0, np.int64), ends
    lengths = np.where(in_length[:-1], window, 0)[: ends[-1]]
    return window[starts], np.add.reduceat(lengths, starts, dtype=np.int64) + 1, ends
