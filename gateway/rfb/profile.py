"""What a viewer can be sent: everything about it that changes the bytes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

from gateway.rfb.wire import RGBX, Encoding, PixelFormat

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """How to encode for a viewer; viewers with equal profiles share their encoded bytes.

    It is the key to what has been encoded, looked up for each viewer of each frame: what is derived
    from it is derived once.

    `jpeg_quality` is the level 0 … 9 that the viewer asked for, None for no loss at all.
    `resize` is the pseudo-encoding that tells it a new size, None where it knows neither.
    """

    encoding: Encoding = Encoding.RAW
    jpeg_quality: int | None = None
    copyrect: bool = False
    pixel_format: PixelFormat = RGBX
    resize: Encoding | None = None

    @classmethod
    def for_viewer(cls, encodings: Collection[int], pixel_format: PixelFormat = RGBX) -> Profile:
        """The best profile for a viewer that offered `encodings` and keeps `pixel_format`."""
        # rfbproto, TPIXEL: only 888 formats send three bytes; the others are served with Raw.
        tight = Encoding.TIGHT in encodings and pixel_format.is_888
        levels = [e for e in encodings if Encoding.QUALITY_0 <= e <= Encoding.QUALITY_9]
        return cls(
            encoding=Encoding.TIGHT if tight else Encoding.RAW,
            jpeg_quality=max(levels) - Encoding.QUALITY_0 if tight and levels else None,
            copyrect=Encoding.COPYRECT in encodings,
            # Tight says its colours in one order, whatever the viewer's: let these share.
            pixel_format=RGBX if tight else pixel_format,
            resize=next((e for e in _RESIZES if e in encodings), None),
        )

    def at_level(self, jpeg_quality: int) -> Profile:
        """The same with photos painted at another JPEG level."""
        return replace(self, jpeg_quality=jpeg_quality)

    def continues(self, before: Profile) -> bool:
        """Whether what was sent as `before` may stay where it is.

        It may if only photos are painted otherwise from now on: what is not exact of them is sent
        without loss when it stands still. Whoever wants no loss any more is not told of that.
        """
        if self.jpeg_quality is None and before.jpeg_quality is not None:
            return False
        return replace(before, jpeg_quality=self.jpeg_quality) == self

    @cached_property
    def painting(self) -> Profile:
        """The part that decides how pixels are encoded."""
        return self if self.resize is None else replace(self, resize=None)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        fields = (self.encoding, self.jpeg_quality, self.copyrect, self.pixel_format, self.resize)
        return hash(fields)


_RESIZES = (Encoding.EXTENDED_DESKTOP_SIZE, Encoding.DESKTOP_SIZE)
