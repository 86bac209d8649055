"""Which encodings to ask an upstream for: what each costs it and us, for each workload.

python -m tests.bench.offers [--server x11vnc]
One client of ours alone reads the screen and paints its framebuffer; nobody watches.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from gateway.backends.wire import Wire
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import FrameReceived
from gateway.rfb.wire import Encoding
from tests.bench.measuring import cpu_seconds
from tests.bench.screen import painted_screen, polled_screen

OFFERS: Final[dict[str, Sequence[int]]] = {
    "Raw": (Encoding.RAW,),
    "Tight 1": (Encoding.TIGHT, Encoding.RAW, Encoding.COMPRESS_0 + 1),
    "Tight 0": (Encoding.TIGHT, Encoding.RAW, Encoding.COMPRESS_0),
    "Tight 1, JPEG 8": (Encoding.TIGHT, Encoding.COMPRESS_0 + 1, Encoding.QUALITY_0 + 8),
    "ZRLE": (Encoding.ZRLE, Encoding.RAW, Encoding.COMPRESS_0 + 1),
    "Hextile": (Encoding.HEXTILE, Encoding.RAW),
}
SERVERS: Final = {"Xvnc": painted_screen, "x11vnc": polled_screen}
_ALWAYS: Final = (
    Encoding.CURSOR, Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE, Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY, Encoding.FENCE, Encoding.CONTINUOUS_UPDATES,
)  # fmt: skip


async def read_screen(port: int, offer: Sequence[int], seconds: float) -> tuple[int, int]:
    """Read for so long; frames and bytes."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(Wire, "127.0.0.1", port)
    connection = ClientConnection(offer=(Encoding.COPYRECT, *offer, *_ALWAYS))
    frames = received = 0
    warm = time.monotonic() + 0.5
    end = warm + seconds
    begun = False
    try:
        while time.monotonic() < end:
            if not begun and warm < time.monotonic():
                begun, frames, received = True, 0, 0
                print("started", flush=True)
            if connection.pending:
                data = b""
            else:
                data = await asyncio.wait_for(wire.read(), 20)
            received += len(data)
            events = connection.receive_data(data)
            frames += sum(isinstance(event, FrameReceived) for event in events)
            wire.write(connection.data_to_send())
    finally:
        await wire.close()
    return frames, received


def measured(port: int, pid: int, offer: str, seconds: float) -> tuple[float, float, float, float]:
    """Frames/s, MB/s, and cores of the upstream and of the reader."""
    reader = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.offers", "--read", str(port), "--offer", offer,
         "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline() == "started\n"
    begun = time.monotonic()
    before = cpu_seconds(pid), cpu_seconds(reader.pid)
    time.sleep(seconds - 0.2)
    spent = cpu_seconds(pid) - before[0], cpu_seconds(reader.pid) - before[1]
    elapsed = time.monotonic() - begun
    frames, received = json.loads(reader.stdout.readline())
    reader.wait(10)
    return frames / seconds, received / seconds / 1e6, spent[0] / elapsed, spent[1] / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read", type=int)
    parser.add_argument("--offer", choices=OFFERS)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workloads", default="lines,screens,desktop,video")
    parser.add_argument("--server", choices=SERVERS, default="Xvnc")
    arguments = parser.parse_args()
    if arguments.read is not None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            counted = read_screen(arguments.read, OFFERS[arguments.offer], arguments.seconds)
            print(json.dumps(runner.run(counted)))
        return
    table = Table(title=f"{arguments.server} 1280x800, one reader", title_justify="left")
    for heading in (
        "workload",
        "offer",
        "frames/s",
        "MB/s",
        "cores server",
        "cores reader",
        "both",
    ):
        table.add_column(heading, justify="left" if heading in {"workload", "offer"} else "right")
    for workload in arguments.workloads.split(","):
        with SERVERS[arguments.server](workload) as screen:
            for offer in OFFERS:
                frames, rate, theirs, ours = measured(
                    screen.port, screen.pid, offer, arguments.seconds
                )
                table.add_row(
                    workload, offer, f"{frames:.1f}", f"{rate:.2f}", f"{theirs:.3f}",
                    f"{ours:.3f}", f"{theirs + ours:.3f}",
                )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
