"""A VNC server for many screens at once: 1280x800 of one colour, and a block that turns at a key.

python -m tests.bench.echo PORT …; each connection has a screen of its own. It costs very little.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Final

import uvloop

from gateway.rfb.messages import framebuffer_update
from gateway.rfb.wire import RGBX, Encoding
from tests.bench.clock import KEY_LEFT, KEY_WIDTH, ROWS, Clock
from tests.bench.screen import Screen, free_ports, wait_for_port

WIDTH: Final = 1280
HEIGHT: Final = 800
# The bytes behind the type of each message that a viewer may send.
_SIZES: Final = {0: 19, 3: 9, 4: 7, 5: 5, 150: 9}


class Conversation:
    """One connection, from its version to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._white = False
        self._requested = self._owed = False

    async def serve(self) -> None:
        try:
            await self._greet()
            while True:
                await self._message()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()

    async def _greet(self) -> None:
        self._writer.write(b"RFB 003.008\n")
        await self._reader.readexactly(12)
        self._writer.write(b"\x01\x01")
        await self._reader.readexactly(1)
        self._writer.write(bytes(4))
        await self._reader.readexactly(1)
        self._writer.write(struct.pack(">HH16sI", WIDTH, HEIGHT, RGBX.pack(), 4) + b"echo")

    async def _message(self) -> None:
        (kind,) = await self._reader.readexactly(1)
        if kind == 2:
            (count,) = struct.unpack(">xH", await self._reader.readexactly(3))
            await self._reader.readexactly(4 * count)
            return
        body = await self._reader.readexactly(_SIZES[kind])
        if kind == 4 and body[0]:
            self._white = not self._white
            self._owed = True
        if kind == 3:
            self._requested = True
            if not body[0]:
                self._paint(0, 0, WIDTH, HEIGHT, white=False)
                return
        if self._owed and self._requested:
            self._owed = False
            self._paint(KEY_LEFT, 0, KEY_WIDTH, ROWS, white=self._white)

    def _paint(self, x: int, y: int, width: int, height: int, *, white: bool) -> None:
        self._requested = False
        head = struct.pack(">HHHHi", x, y, width, height, Encoding.TIGHT)
        fill = b"\x80" + (b"\xff" if white else b"\0") * 3
        self._writer.write(framebuffer_update(1, head + fill))


@contextmanager
def echoing_screens(count: int) -> Iterator[list[Screen]]:
    """So many ports of one server, in a process of its own."""
    ports = free_ports(count)
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.echo", *map(str, ports)])
    try:
        for port in ports:
            wait_for_port(port)
        yield [Screen(port, process.pid, Clock()) for port in ports]
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ports", type=int, nargs="+")
    ports = parser.parse_args().ports

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await Conversation(reader, writer).serve()

        async with AsyncExitStack() as stack:
            for port in ports:
                await stack.enter_async_context(
                    await asyncio.start_server(serve, "127.0.0.1", port)
                )
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
