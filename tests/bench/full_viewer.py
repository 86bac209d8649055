"""A viewer that decodes every pixel, for comparing; asked on its input, it writes what it shows.

python -m tests.bench.full_viewer DOOR, a door as JSON; three bytes R, G, B a pixel.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from gateway.rfb.client import ClientConnection
from gateway.rfb.events import FrameReceived
from tests.bench.skimming import NOVNC_ENCODINGS
from tests.bench.viewer import Door, entered


async def show(door: Door) -> bytes:
    """Watch until a line is read from the input; the pixels at that time."""
    connection = ClientConnection(offer=NOVNC_ENCODINGS)
    loop = asyncio.get_running_loop()
    asked = loop.run_in_executor(None, sys.stdin.readline)
    there = False
    async with entered(door) as line:
        while not asked.done():
            try:
                async with asyncio.timeout(0.05):
                    data = await line.receive()
            except TimeoutError:
                continue
            while data or connection.pending:
                events = connection.receive_data(data)
                data = b""
                if not there and any(isinstance(each, FrameReceived) for each in events):
                    there = True
                    sys.stdout.buffer.write(b"there\n")
                    sys.stdout.buffer.flush()
            if said := connection.data_to_send():
                await line.send(said)
        return connection.framebuffer.pixels[:, :, :3].tobytes()


def main() -> None:
    door = Door(**json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(runner.run(show(door)))


if __name__ == "__main__":
    main()
