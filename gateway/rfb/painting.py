"""Encoding a list of operations once, for every viewer with the same profile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.rfb.encodings.copyrect_encoder import copy_rect
from gateway.rfb.encodings.raw_encoder import raw_rect
from gateway.rfb.encodings.tight_encoder import TightEncoder
from gateway.rfb.encodings.words import Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.profile import Profile
from gateway.rfb.tally import Tally
from gateway.rfb.wire import Encoding, Rect

__all__ = ["Encoded", "MergedPaintings", "Painting"]

_MAX_MERGED: Final = 256
_MAX_MERGED_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rects as bytes, how many they are, and where they are not exact."""

    count: int
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
        self._profile = profile
        self._tally = tally
        self._encoded: Encoded | None = None
        self._steps = [(each, self._taken(each, pixels)) for each in operations]

    @property
    def size(self) -> int:
        """Bytes held: of the rects, or of the pixels that still wait to be encoded."""
        if self._encoded is not None:
            return len(self._encoded.rects)
        return sum(_held(*step) for step in self._steps)

    @property
    def work(self) -> int:
        """How many pixels have yet to be looked at; nothing once it is encoded."""
        return sum(_work(*step) for step in self._steps)

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
            self._steps = []
        else:
            self._tally.hits += 1
        return encoded

    def _taken(self, operation: Operation, pixels: Words) -> Words | None:
        if isinstance(operation, Copy):
            if self._profile.copyrect:
                return None
        elif operation.content is not None and self._profile.encoding == Encoding.TIGHT:
            return None
        rect = operation.rect
        return pixels[rect.y : rect.bottom, rect.x : rect.right].copy()

    def _encode(self, steps: Sequence[_Step]) -> Encoded:
        self._tally.misses += 1
        payloads = list(self._payloads(steps))
        for payload, _ in payloads:
            self._tally.encoded(payload)
        return Encoded(
            count=len(payloads),
            rects=b"".join(payload for payload, _ in payloads),
            lossy=tuple(rect for _, rect in payloads if rect is not None),
        )

    def _payloads(self, steps: Sequence[_Step]) -> Iterator[tuple[bytes, Rect | None]]:
        """Each rect, and its place where it is not exact."""
        tight = TightEncoder(self._profile.jpeg_quality)
        for operation, pixels in steps:
            rect = operation.rect
            if pixels is None:
                if isinstance(operation, Copy):
                    yield copy_rect(operation), None
                else:
                    assert operation.content is not None
                    yield tight.rect_of(operation.content, rect), None
            elif self._profile.encoding == Encoding.RAW:
                yield raw_rect(pixels, rect.x, rect.y, self._profile.pixel_format), None
            else:
                lossless = isinstance(operation, Write) and operation.lossless
                for each in tight.rects(pixels, rect.x, rect.y, lossless=lossless):
                    yield each.payload, each.rect if each.lossy else None


def _held(operation: Operation, pixels: Words | None) -> int:
    if pixels is not None:
        return pixels.nbytes
    if isinstance(operation, Write) and operation.content is not None:
        return operation.content.size
    return 0


def _work(operation: Operation, pixels: Words | None) -> int:
    # What only has to be deflated is about a fourth of the work that its bytes are as pixels.
    return pixels.size if pixels is not None else _held(operation, None) // 4


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
