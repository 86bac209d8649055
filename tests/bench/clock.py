"""What the picture says about itself: when it was painted, and whether a key arrived.

On the picture's first 16 rows stand 32 cells, white for 1 and black for 0, most significant first:
24 bits of a counter (milliseconds of the monotonic clock, where painter and reader share one), then
8 bits of CRC-8 over these three bytes, so that a torn picture is no time. A block beside them turns
from black to white and back at every key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.rfb.encodings.words import Words

ROWS: Final = 16
BITS: Final = 32
KEY_LEFT: Final = 540
KEY_WIDTH: Final = 36
WIDTH: Final = KEY_LEFT + KEY_WIDTH
WRAP: Final = 1 << 24
_WEIGHTS: Final = 1 << np.arange(BITS - 1, -1, -1, dtype=np.int64)


@dataclass(frozen=True)
class Clock:
    """A picture's clock: how many pixels a cell is wide."""

    pitch: int = 16

    def read(self, top: Words) -> int | None:
        """The counter on a picture's first `ROWS` x `WIDTH` pixels; None where it is torn."""
        cells = top[ROWS // 2, self.pitch // 2 : self.pitch * BITS : self.pitch]
        # The green channel: whatever JPEG did, black and white stay apart.
        value = int(_WEIGHTS[(cells >> np.uint32(8) & np.uint32(0xFF)) >= 128].sum())
        counter, check = value >> 8, value & 0xFF
        return counter if crc8(counter) == check else None


def key_block(top: Words) -> bool:
    """Whether the key's block is white."""
    return int(top[ROWS // 2, KEY_LEFT + KEY_WIDTH // 2] >> np.uint32(8) & np.uint32(0xFF)) >= 128


def cells(counter: int) -> list[bool]:
    """What each cell says of `counter`."""
    value = (counter % WRAP) << 8 | crc8(counter % WRAP)
    return [bool(value >> bit & 1) for bit in range(BITS - 1, -1, -1)]


def crc8(counter: int) -> int:
    """CRC-8, polynomial 0x07, of three bytes."""
    check = 0
    for byte in counter.to_bytes(3, "big"):
        check ^= byte
        for _ in range(8):
            check = (check << 1 ^ 0x07 if check & 0x80 else check << 1) & 0xFF
    return check
