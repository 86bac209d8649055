"""A viewer that paints what it is sent, written from the specifications and not from gateway/.

It knows Raw, CopyRect, Tight, DesktopSize and ExtendedDesktopSize in 32-bit RGBX, and nothing of
the gateway's decoders. It takes no rect that refers to the one before it, which Tight would allow.
"""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


class SimpleViewer:
    """Reads whole server messages; `image` is its framebuffer, three bytes R, G, B a pixel."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height))
        self.encodings: list[int] = []  # of every rect so far
        self.controls: list[int] = []  # Tight's compression control of every Tight rect so far
        self.updates = 0
        self._begun: set[int] = set()  # zlib streams whose header was read

    def receive(self, payload: bytes) -> None:
        self._data = io.BytesIO(payload)
        while (kind := self._data.read(1)) != b"":
            assert kind == b"\0", f"message type {kind!r}"
            _padding, count = struct.unpack(">BH", self._take(3))
            self.updates += 1
            for _ in range(count):
                self._rect()

    def pixels(self) -> bytes:
        return self.image.tobytes()

    def _take(self, size: int) -> bytes:
        data = self._data.read(size)
        assert len(data) == size, "the payload ends within a message"
        return data

    def _rect(self) -> None:
        x, y, width, height, encoding = struct.unpack(">HHHHi", self._take(12))
        self.encodings.append(encoding)
        if encoding == -223:
            self._resize(width, height)
        elif encoding == -308:
            screens = self._take(4)[0]
            self._take(16 * screens)
            self._resize(width, height)
        else:
            assert 0 < width and x + width <= self.image.width, "outside"
            assert 0 < height and y + height <= self.image.height, "outside"
            self.image.paste(self._painted(encoding, width, height), (x, y))

    def _resize(self, width: int, height: int) -> None:
        resized = Image.new("RGB", (width, height))
        resized.paste(self.image, (0, 0))
        self.image = resized

    def _painted(self, encoding: int, width: int, height: int) -> Image.Image:
        if encoding == 0:
            return Image.frombytes("RGBX", (width, height), self._take(4 * width * height)).convert(
                "RGB"
            )
        if encoding == 1:
            x, y = struct.unpack(">HH", self._take(4))
            assert x + width <= self.image.width and y + height <= self.image.height, "outside"
            return self.image.crop((x, y, x + width, y + height))
        assert encoding == 7, f"encoding {encoding}"
        return self._tight(width, height)

    def _tight(self, width: int, height: int) -> Image.Image:
        assert width <= 2048
        control = self._take(1)[0]
        self.controls.append(control)
        for stream in range(4):
            if control >> stream & 1:
                self._begun.discard(stream)
        kind = control >> 4
        if kind == 8:
            red, green, blue = self._take(3)
            return Image.new("RGB", (width, height), (red, green, blue))
        if kind == 9:
            return Image.open(io.BytesIO(self._take(self._length()))).convert("RGB")
        assert kind < 8, f"control {control}"
        chosen = self._take(1)[0] if kind & 4 else 0
        if chosen == 0:
            data = self._basic(kind & 3, 3 * width * height)
            return Image.frombytes("RGB", (width, height), data)
        assert chosen == 1, f"filter {chosen}"
        count = self._take(1)[0] + 1
        palette = self._take(3 * count)
        if count == 2:
            stride = (width + 7) // 8
            bits = self._basic(kind & 3, stride * height)
            image = Image.frombytes("1", (width, height), bits).convert("L")
            image = image.point([0] * 128 + [1] * 128)
        else:
            image = Image.frombytes("L", (width, height), self._basic(kind & 3, width * height))
        image.putpalette(palette)
        return image.convert("RGB")

    def _basic(self, stream: int, size: int) -> bytes:
        if size < 12:
            return self._take(size)
        # noVNC 1.7 forgets what a stream said before, once it was reset: each rect stands alone.
        inflater = zlib.decompressobj(-15 if stream in self._begun else 15)
        self._begun.add(stream)
        data = inflater.decompress(self._take(self._length()))
        assert len(data) == size
        return data

    def _length(self) -> int:
        length = shift = 0
        for bits in (7, 7, 8):
            byte = self._take(1)[0]
            length |= (byte & (1 << bits) - 1) << shift
            if bits == 8 or not byte & 0x80:
                break
            shift += 7
        return length
