"""A viewer that decodes every pixel, for comparing; asked on its input, it writes what it shows.

python -m tests.bench.full_viewer DOOR [TRUTH], a door as JSON; three bytes R, G, B a pixel.
With a file of what is the truth it writes instead how many seconds passed until it showed that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Final

import uvloop

from gateway.rfb.client import ClientConnection
from gateway.rfb.encodings.words import Words, as_words, words_of_rgb
from gateway.rfb.events import FrameReceived
from tests.bench.painter import HEIGHT, WIDTH
from tests.bench.skimming import NOVNC_ENCODINGS
from tests.bench.viewer import Door, entered
from tests.bench.window import right

_PATIENCE: Final = 30


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


async def arrival(door: Door, truth: Words) -> float:
    """Seconds from dialling to the right picture."""
    connection = ClientConnection(offer=NOVNC_ENCODINGS)
    dialled = time.monotonic()
    async with entered(door) as line, asyncio.timeout(_PATIENCE):
        while True:
            data = await line.receive()
            while data or connection.pending:
                events = connection.receive_data(data)
                data = b""
                if any(isinstance(each, FrameReceived) for each in events) and right(
                    as_words(connection.framebuffer.pixels), truth
                ):
                    return time.monotonic() - dialled
            if said := connection.data_to_send():
                await line.send(said)


def main() -> None:
    door = Door(**json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if len(sys.argv) == 2:
            sys.stdout.buffer.write(runner.run(show(door)))
        else:
            truth = words_of_rgb(Path(sys.argv[2]).read_bytes()).reshape(HEIGHT, WIDTH)
            print(runner.run(arrival(door, truth)))


if __name__ == "__main__":
    main()
