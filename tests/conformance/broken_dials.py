"""Backends whose consoles misbehave, or leave something behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any

from gateway.backends import Step, Upstream
from gateway.backends.upstream import shake_hands
from gateway.errors import UpstreamRefused
from tests.conformance.breaking import Changed, breaks
from tests.conformance.sound import SoundBackend

_kept: list[Any] = []


@breaks("test_dial::test_it_shows_a_first_picture", "the stream ended")
class Blank(SoundBackend):
    class Made(Changed):
        def listen(self, heard: Any, ended: Any) -> None:
            self.wire.abort()
            super().listen(heard, ended)


@breaks("test_dial::test_steps_are_told_in_their_order", "")
class Hasty(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        progress(Step.AUTHENTICATED)
        return await super().greet(wire, console, progress)


@breaks("test_dial::test_input_is_taken_and_the_stream_goes_on", "")
class Mumbling(SoundBackend):
    class Made(Changed):
        def write(self, data: bytes) -> None:
            # RFC 6143 §7.5.5: a PointerEvent has 6 bytes.
            super().write(data[:5] if data[:1] == b"\5" else data)


@breaks("test_dial::test_a_pause_holds_everything_back", "while it was paused")
class Pushing(SoundBackend):
    class Made(Changed):
        def pause(self) -> None:
            pass


@breaks("test_dial::test_a_pause_holds_everything_back", "")
class Losing(SoundBackend):
    class Made(Changed):
        deaf = False

        def listen(self, heard: Any, ended: Any) -> None:
            super().listen(lambda data: None if self.deaf else heard(data), ended)

        def pause(self) -> None:
            self.deaf = True

        def resume(self) -> None:
            self.deaf = False


@breaks("test_dial::test_the_end_is_told_once_at_most_when_we_close", "told twice")
class Repeating(SoundBackend):
    class Made(Changed):
        def listen(self, heard: Any, ended: Any) -> None:
            self.tell = ended
            super().listen(heard, ended)

        async def close(self) -> None:
            await super().close()
            self.tell(None)


@breaks("test_dial::test_close_may_be_called_again", "")
class Fragile(SoundBackend):
    class Made(Changed):
        async def close(self) -> None:
            await super().close()
            wire, self._wire = self._wire, None  # type: ignore[assignment]
            assert wire is not None


@breaks("test_dial::test_close_may_be_called_again", "close took")
class Lingering(SoundBackend):
    class Made(Changed):
        async def close(self) -> None:
            await super().close()
            await asyncio.sleep(2.5)


@breaks("test_dial::test_two_dials_at_once", "neither a screen nor words")
class Single(SoundBackend):
    busy = False

    async def dial(self, target: Any, progress: Any) -> Upstream:
        if self.busy:
            raise RuntimeError("busy")
        self.busy = True
        try:
            return await super().dial(target, progress)
        finally:
            self.busy = False


@breaks("test_nothing_left::test_many_visits_leave_nothing", "socket:")
class Leaking(SoundBackend):
    class Made(Changed):
        async def close(self) -> None:
            _kept.append(self)


@breaks("test_nothing_left::test_many_visits_leave_nothing", "thread ")
class Threading(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_many_visits_leave_nothing", "process ")
class Spawning(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        _kept.append(subprocess.Popen(["sleep", "60"]))
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_many_visits_leave_nothing", "path ")
class Littering(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        tempfile.mkdtemp(prefix="litter-")
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_many_visits_leave_nothing", "task ")
class Forgetting(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        _kept.append(asyncio.create_task(asyncio.sleep(60)))
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_many_visits_leave_nothing", "garbage collector")
class Dropping(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        socket.socket()
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_a_dial_cancelled_anywhere_leaves_nothing", "left behind")
class Careless(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        _kept.append(wire)
        await asyncio.sleep(0)
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_a_dial_cancelled_anywhere_leaves_nothing", "was swallowed")
class Swallowing(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        return await super().greet(wire, console, progress)


@breaks("test_nothing_left::test_a_refused_dial_leaves_nothing", "left behind")
class Refusing(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        found = await shake_hands(wire, progress, password=console.password)
        if console.desktop_name is not None:
            _kept.append(wire)
            raise UpstreamRefused("the console calls itself otherwise")
        return found
