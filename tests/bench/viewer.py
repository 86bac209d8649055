"""A viewer that asks for what noVNC 1.7 asks for, counts frames and bytes, and decodes nothing.

It walks the structure of each update and leaves the pixels alone, so that a measurement is one of
the server and not of this program. Run as a program it prints one JSON object with its counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import struct
import time
from collections.abc import Generator
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect

from gateway.rfb.wire import RGBX, Encoding

NOVNC_ENCODINGS = (
    Encoding.COPYRECT, Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.ZLIB,
    Encoding.RAW, Encoding.QUALITY_0 + 6, Encoding.COMPRESS_0 + 2, Encoding.DESKTOP_SIZE,
    Encoding.LAST_RECT, Encoding.QEMU_EXTENDED_KEY, Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.FENCE, Encoding.CONTINUOUS_UPDATES, Encoding.DESKTOP_NAME, Encoding.CURSOR,
)  # fmt: skip

Walk = Generator[int, bytes, None]


@dataclass
class Counts:
    frames: int = 0
    rects: int = 0
    received: int = 0


class CountingViewer:
    """Bytes in, bytes out: an RFB client that keeps pace and keeps no picture."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.running = False
        self._buffer = bytearray()
        self._out = bytearray()
        self._width = self._height = 0
        self._continuous = False
        self._walk = self._connection()
        self._need = next(self._walk)

    def receive(self, data: bytes) -> bytes:
        """Take what arrived; what must be sent now."""
        self.counts.received += len(data)
        self._buffer += data
        while self._need <= len(self._buffer):
            taken = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
            self._need = self._walk.send(taken)
        out = bytes(self._out)
        self._out.clear()
        return out

    def _connection(self) -> Walk:
        version = yield 12
        self._out += version
        (count,) = yield 1
        types = yield count
        assert 1 in types, "the server wants a password"
        self._out += b"\x01"
        assert (yield 4) == bytes(4)
        self._out += b"\x01"  # ClientInit: shared
        init = yield 24
        self._width, self._height = struct.unpack(">HH", init[:4])
        yield struct.unpack(">I", init[20:])[0]
        self._ask()
        while True:
            yield from self._message()

    def _ask(self) -> None:
        encodings = b"".join(struct.pack(">i", e) for e in NOVNC_ENCODINGS)
        self._out += b"\x00\x00\x00\x00" + RGBX.pack()
        self._out += struct.pack(">BxH", 2, len(NOVNC_ENCODINGS)) + encodings
        self._request(incremental=False)
        self.running = True

    def _request(self, *, incremental: bool) -> None:
        self._out += struct.pack(">BBHHHH", 3, incremental, 0, 0, self._width, self._height)

    def _message(self) -> Walk:
        kind = (yield 1)[0]
        match kind:
            case 0:
                yield from self._update()
            case 2:
                pass
            case 3:
                header = yield 7
                yield struct.unpack(">3xI", header)[0]
            case 150:  # EndOfContinuousUpdates: the server knows them
                self._continuous = True
                self._out += struct.pack(">BBHHHH", 150, 1, 0, 0, self._width, self._height)
            case 248:
                header = yield 8
                flags, length = struct.unpack(">3xIB", header)
                payload = yield length
                if flags & 1 << 31:
                    reply = struct.pack(">B3xIB", 248, flags & 7, length)
                    self._out += reply + payload
            case _:
                raise AssertionError(f"message {kind}")

    def _update(self) -> Walk:
        (count,) = struct.unpack(">xH", (yield 3))
        painted = False
        while count:
            width, height, encoding = struct.unpack(">4xHHi", (yield 12))
            count -= 1
            if encoding == Encoding.LAST_RECT:
                break
            self.counts.rects += 1
            painted = painted or 0 <= encoding
            yield from self._rect(width, height, encoding)
        self.counts.frames += painted
        if not self._continuous:
            self._request(incremental=True)

    def _rect(self, width: int, height: int, encoding: int) -> Walk:
        match encoding:
            case Encoding.RAW:
                yield width * height * 4
            case Encoding.COPYRECT:
                yield 4
            case Encoding.ZRLE | Encoding.ZLIB:
                yield struct.unpack(">I", (yield 4))[0]
            case Encoding.TIGHT:
                yield from self._tight(width, height)
            case Encoding.CURSOR:
                yield width * height * 4 + (width + 7) // 8 * height
            case Encoding.DESKTOP_SIZE:
                self._resized(width, height)
            case Encoding.EXTENDED_DESKTOP_SIZE:
                screens = (yield 4)[0]
                yield screens * 16
                self._resized(width, height)
            case Encoding.DESKTOP_NAME:
                yield struct.unpack(">I", (yield 4))[0]
            case Encoding.QEMU_EXTENDED_KEY:
                pass
            case _:
                raise AssertionError(f"encoding {encoding}")

    def _resized(self, width: int, height: int) -> None:
        self._width, self._height = width, height

    def _tight(self, width: int, height: int) -> Walk:
        control = (yield 1)[0] >> 4
        if control == 8:  # fill
            yield 3
        elif control == 9:  # JPEG
            yield from self._compact()
        else:
            bits = 24
            if control & 4:
                kind = (yield 1)[0]
                if kind == 1:  # palette
                    colours = (yield 1)[0] + 1
                    yield colours * 3
                    bits = 1 if colours == 2 else 8
            size = (width + 7) // 8 * height if bits == 1 else width * height * bits // 8
            if size < 12:
                yield size
            else:
                yield from self._compact()

    def _compact(self) -> Walk:
        length = shift = 0
        while True:
            (byte,) = yield 1
            length |= (byte & 0x7F if shift < 14 else byte) << shift
            shift += 7
            if byte < 0x80 or 21 <= shift:
                break
        yield length


@dataclass(frozen=True)
class Door:
    """How to get at one stream."""

    url: str
    subprotocols: tuple[str, ...] = ("binary",)
    token: str | None = None
    origin: str | None = None
    ca_file: str | None = None


async def watch(
    door: Door, opened: asyncio.Event, started: asyncio.Barrier, seconds: float
) -> Counts:
    """Connect, say so, wait for the others, then count for `seconds`."""
    headers = {"Authorization": f"Bearer {door.token}"} if door.token else {}
    context = ssl.create_default_context(cafile=door.ca_file) if door.ca_file else None
    async with connect(
        door.url, subprotocols=list(door.subprotocols), origin=door.origin, ssl=context,
        additional_headers=headers, compression=None, max_size=None, max_queue=None,
    ) as socket:  # fmt: skip
        viewer = CountingViewer()
        while not viewer.counts.frames:
            await socket.send(viewer.receive(await _next(socket)))
        opened.set()
        await started.wait()
        before = Counts(**vars(viewer.counts))
        end = time.monotonic() + seconds
        while 0 < (left := end - time.monotonic()):
            try:
                data = await asyncio.wait_for(socket.recv(), left)
            except TimeoutError:
                break
            assert isinstance(data, bytes)
            if reply := viewer.receive(data):
                await socket.send(reply)
        return Counts(
            viewer.counts.frames - before.frames,
            viewer.counts.rects - before.rects,
            viewer.counts.received - before.received,
        )


async def _next(socket: ClientConnection) -> bytes:
    data = await asyncio.wait_for(socket.recv(), 20)
    assert isinstance(data, bytes)
    return data


async def watch_all(doors: list[Door], seconds: float) -> list[Counts]:
    """One viewer per door, all counting over the same time."""
    started = asyncio.Barrier(len(doors) + 1)

    async def announce() -> None:
        await started.wait()
        print("started", flush=True)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(announce())
        watching = []
        for door in doors:
            # One after another, as people come; the first door may have to open the others.
            opened = asyncio.Event()
            watching.append(tasks.create_task(watch(door, opened, started, seconds)))
            await opened.wait()
    return [task.result() for task in watching]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    seconds = parser.parse_args().seconds
    doors = [Door(**door) for door in json.loads(input())]
    counts = asyncio.run(watch_all(doors, seconds))
    print(json.dumps([vars(count) for count in counts]), flush=True)


if __name__ == "__main__":
    main()
