"""Encoding a list of operations once, for every viewer with the same profile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from gateway.rfb.encodings.copyrect_encoder import copy_rect
from gateway.rfb.encodings.raw_encoder import raw_rect
from gateway.rfb.encodings.tight_encoder import tight_rect, tight_rects
from gateway.rfb.encodings.words import Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.profile import Profile
from gateway.rfb.tally import Tally
from gateway.rfb.wire import Encoding, Rect

__all__ = ["Encoded", "MergedPaintings", "Painting"]

_MAX_MERGED: Final = 256
_MAX_MERGED_BYTES: Final = 8 * 1024 * 1024


class Encoded(NamedTuple):
    """Rects as bytes, how many they are, and where they are not exact."""

    number: int
    rects: bytes
    lossy: tuple[Rect, ...]


# An operation and its pixels; a Copy that is sent as one has none, nor has what has its content.
_Step: TypeAlias = tuple[Operation, Words | None]


class Painting:
    """Operations with the pixels that they paint, taken down at their frame.

    The pixels are copies: the screen may be painted again before, or while, they are encoded.
    INVARIANT: the same bytes for ever; so any thread may ask, and two at once do no harm.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        pixels: Words,
        profile: Profile,
        frame: int,
        tally: Tally,
    ) -> None:
        self.frame = frame
        self.noted = False  # whether the screen knows where this is lossy
        self.work = 0  # how many pixels have yet to be looked at; nothing once it is encoded
        self.size = 0  # bytes held: of the rects, or of the pixels that still wait to be encoded
        self._profile = profile
        self._tally = tally
        self._encoded: Encoded | None = None
        self._copyrect = profile.copyrect
        self._tight = profile.encoding == Encoding.TIGHT
        self._steps = [(each, self._taken(each, pixels)) for each in operations]

    @property
    def lossy(self) -> Sequence[Rect] | None:
        """Where the rects are not exact; None as long as nobody has had them encoded."""
        return None if self._encoded is None else self._encoded.lossy

    @property
    def rects(self) -> Sequence[Rect]:
        """Where it paints, at most, until it is encoded."""
        return [operation.rect for operation, _ in self._steps]

    def encoded(self) -> Encoded:
        """The rects; the first caller pays."""
        # In this order: once the steps are gone, another thread has put the rects there.
        steps, encoded = self._steps, self._encoded
        if encoded is None:
            encoded = self._encoded = self._encode(steps)
            self._steps, self.work, self.size = [], 0, len(encoded.rects)
        else:
            self._tally.hits += 1
        return encoded

    def _taken(self, operation: Operation, pixels: Words) -> Words | None:
        """What has to be taken down of the pixels."""
        if isinstance(operation, Copy):
            if self._copyrect:
                return None
        elif operation.content is not None and self._tight:
            size = len(operation.content.data)
            self.size += size
            # What only has to be deflated is about a fourth of the work that its bytes are as
            # pixels.
            self.work += size // 4
            return None
        x, y, width, height = operation.rect
        taken = pixels[y : y + height, x : x + width].copy()
        self.size += taken.nbytes
        self.work += taken.size
        return taken

    def _encode(self, steps: Sequence[_Step]) -> Encoded:
        self._tally.misses += 1
        payloads: list[bytes] = []
        lossy: list[Rect] = []
        for operation, pixels in steps:
            rect = operation.rect
            if pixels is None:
                if isinstance(operation, Copy):
                    payloads.append(copy_rect(operation))
                else:
                    assert operation.content is not None
                    payloads.append(tight_rect(operation.content, rect))
            elif self._tight:
                lossless = isinstance(operation, Write) and operation.lossless
                quality = None if lossless else self._profile.jpeg_quality
                for each in tight_rects(pixels, rect.x, rect.y, quality):
                    payloads.append(each.payload)
                    if each.lossy:
                        lossy.append(each.rect)
            else:
                payloads.append(raw_rect(pixels, rect.x, rect.y, self._profile.pixel_format))
        for payload in payloads:
            self._tally.encoded(payload)
        return Encoded(len(payloads), b"".join(payloads), tuple(lossy))


class MergedPaintings:
    """Paintings of single rects for viewers behind, the least recently used forgotten first.

    A rect's pixels cannot have changed while the newest frame in it, its generation, is the same.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._kept: OrderedDict[tuple[Write, int, Profile], Painting] = OrderedDict()

    def clear(self) -> None:
        self._kept.clear()

    def painting(
        self, write: Write, generation: int, profile: Profile, pixels: Words, frame: int
    ) -> Painting:
        """The painting of `write`, taken down from `pixels` as of `frame` unless one is kept."""
        key = (write, generation, profile)
        painting = self._kept.get(key)
        if painting is None:
            painting = self._kept[key] = Painting([write], pixels, profile, frame, self._tally)
        self._kept.move_to_end(key)
        while 1 < len(self._kept) and (_MAX_MERGED < len(self._kept) or self._too_large()):
            self._kept.popitem(last=False)
        return painting

    def _too_large(self) -> bool:
        return _MAX_MERGED_BYTES < sum(each.size for each in self._kept.values())
