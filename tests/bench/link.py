"""A far link between two loopback ports: it delays what passes, and carries so much a second.

Each connection has a link of its own, as viewers at different places have.

python -m tests.bench.link PORT --round-trip 0.1 --rate 20e6
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, cast

import uvloop

# What an Ethernet carries at a time. Both ends are told so: for loopback's own segments of 64 KiB
# a kernel would hold megabytes ready to send, which are seconds on a slow link.
_SEGMENT: Final = 1448
_KERNEL_BUFFER: Final = 16 << 10  # Linux doubles it, for its own bookkeeping
_QUEUE: Final = 64 << 10
_LEAST_HELD: Final = 128 << 10
# uvloop's timers are whole milliseconds: half of one too early is as good as half too late.
_SLACK: Final = 0.0005


@contextmanager
def linked(port: int, *, round_trip: float, bits_per_second: float) -> Iterator[int]:
    """A loopback port that leads to `port`, from as far away as `round_trip` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.link", str(port),
         "--round-trip", str(round_trip), "--rate", str(bits_per_second)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        with process.stdout as told:
            near = int(told.readline())
        yield near
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Link:
    """What a connection passes through, the same both ways."""

    delay: float  # seconds, one way
    rate: float  # bytes a second

    @property
    def held(self) -> int:
        """The bytes on their way and in the queue before it, each way, before reading stops.

        What travels is the rate times the way, which must not count as queue, or else a long link
        were never full; before it 64 KiB wait. On links for which that is little, 128 KiB are held,
        as home routers do: at 2 Mbit/s half a second, which a sender that fills them waits for.
        """
        return max(_LEAST_HELD, round(self.rate * self.delay) + _QUEUE)

    @property
    def portion(self) -> int:
        """How many bytes arrive at once: a segment, or what passes in a millisecond."""
        return max(_SEGMENT, round(self.rate / 1000))


class Way:
    """One direction of a connection: what came in, and when it has to arrive."""

    def __init__(self, link: Link) -> None:
        self.into: asyncio.Transport | None = None
        self.out_of: asyncio.Transport | None = None
        self._link = link
        self._free = 0.0  # when the link has taken all that came so far
        self._held = 0
        # INVARIANT: times rise from left to right. No bytes are the end of the stream.
        self._travelling: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = True  # until the far end is there; and while it reads too slowly
        self._paused = False
        self._gone: float | None = None  # when the news arrives that the near end is no more

    def take(self, data: bytes) -> None:
        """Bytes of the near end; none is its end of file."""
        self._free = max(self._free, monotonic())
        for start in range(0, len(data), self._link.portion):
            portion = data[start : start + self._link.portion]
            self._free += len(portion) / self._link.rate
            self._travelling.append((self._free + self._link.delay, portion))
        if not data:
            self._travelling.append((self._free + self._link.delay, b""))
        self._held += len(data)
        self._hold_back(self._link.held <= self._held)
        self._wait()

    def lose(self) -> None:
        """The near end is no more: the far end will hear it after all that was sent."""
        self.out_of = None
        self._gone = max(self._free, monotonic()) + self._link.delay
        self._wait()

    def block(self, *, blocked: bool) -> None:
        """The far end's kernel takes no more, or does again."""
        self._blocked = blocked
        self._wait()

    def _wait(self) -> None:
        if self._timer is not None or self._blocked:
            return
        due = self._travelling[0][0] if self._travelling else self._gone
        if due is not None:
            left = max(0.0, due - monotonic())
            self._timer = asyncio.get_running_loop().call_later(left, self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        now = monotonic() + _SLACK
        while self._travelling and self._travelling[0][0] <= now and not self._blocked:
            portion = self._travelling.popleft()[1]
            self._held -= len(portion)
            self._deliver(portion)
        self._hold_back(self._link.held <= self._held)
        if not self._travelling and self._gone is not None and self._gone <= now:
            self._gone = None
            if self.into is not None:
                self.into.close()
        self._wait()

    def _hold_back(self, paused: bool) -> None:
        if self.out_of is None or paused == self._paused:
            return
        self._paused = paused
        if paused:
            self.out_of.pause_reading()
        else:
            self.out_of.resume_reading()

    def _deliver(self, portion: bytes) -> None:
        if self.into is None or self.into.is_closing():
            return
        if portion:
            self.into.write(portion)
        else:
            with suppress(OSError):
                self.into.write_eof()


class End(asyncio.Protocol):
    """One of the two sockets: what arrives goes `away`, what is `due` comes from the other."""

    def __init__(self, away: Way, due: Way) -> None:
        self._away = away
        self._due = due

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's does not say that it is one
        stream.set_write_buffer_limits(0)  # what the kernel does not take counts as held
        self._away.out_of = self._due.into = stream
        self._due.block(blocked=False)

    def data_received(self, data: bytes) -> None:
        self._away.take(data)

    def eof_received(self) -> bool:
        self._away.take(b"")
        return True  # the other direction lives on

    def pause_writing(self) -> None:
        self._due.block(blocked=True)

    def resume_writing(self) -> None:
        self._due.block(blocked=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.into = None
        self._due.block(blocked=False)
        self._away.lose()


def narrow_socket() -> socket.socket:
    """A TCP socket that neither holds nor saves up much; accepted ones are like it."""
    made = socket.socket()
    made.setblocking(False)
    # Before connect and listen: the window and the segment's size are agreed upon there.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


async def serve(port: int, link: Link, until: asyncio.Event) -> None:
    """Print the port to connect to; carry until told to stop."""
    loop = asyncio.get_running_loop()
    near = narrow_socket()
    near.bind(("127.0.0.1", 0))
    near.listen(64)
    accepting = loop.create_task(_accept(near, port, link), name="accept")
    print(near.getsockname()[1], flush=True)
    await until.wait()
    accepting.cancel()
    near.close()


async def _accept(near: socket.socket, port: int, link: Link) -> None:
    loop = asyncio.get_running_loop()
    while True:
        accepted, _ = await loop.sock_accept(near)
        far = narrow_socket()
        try:
            await loop.sock_connect(far, ("127.0.0.1", port))
        except OSError:
            accepted.close()
            far.close()
            continue
        there, back = Way(link), Way(link)
        await loop.create_connection(partial(End, back, there), sock=far)
        await loop.create_connection(partial(End, there, back), sock=accepted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="where the link leads to")
    parser.add_argument("--round-trip", type=float, required=True, help="seconds")
    parser.add_argument("--rate", type=float, required=True, help="bits a second, each way")
    arguments = parser.parse_args()
    link = Link(arguments.round_trip / 2, arguments.rate / 8)

    async def run() -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        await serve(arguments.port, link, told)

    uvloop.run(run())


if __name__ == "__main__":
    main()
