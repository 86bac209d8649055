"""Backends that take broken networks, secrets and forbidden addresses wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
from typing import Any

from gateway.backends import Upstream
from gateway.backends.wire import Wire
from gateway.errors import UpstreamError, UpstreamRefused
from gateway.policy.places import ConsolePlace
from tests.conformance.breaking import Changed, breaks
from tests.conformance.sound import SoundBackend, SoundKind


@breaks("test_disturbed::test_the_way_is_cut_while_dialling-reset", "IndexError")
class Unready(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        try:
            return await super().greet(wire, console, progress)
        except UpstreamError:
            raise IndexError("nothing came") from None


@breaks("test_disturbed::test_the_way_is_cut_while_dialling-half closed", "not noticed")
class Waiting(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        try:
            return await super().greet(wire, console, progress)
        except UpstreamError:
            await asyncio.sleep(3600)
            raise


@breaks("test_disturbed::test_the_way_is_cut_while_shown-closed", "nobody was told")
class Silent(SoundBackend):
    class Made(Changed):
        def listen(self, heard: Any, ended: Any) -> None:
            super().listen(heard, lambda error: None)


@breaks("test_disturbed::test_the_way_is_cut_while_shown-half closed", "told twice")
class Echoing(SoundBackend):
    class Made(Changed):
        def listen(self, heard: Any, ended: Any) -> None:
            super().listen(heard, lambda error: (ended(error), ended(error)))  # type: ignore[func-returns-value]


@breaks("test_disturbed::test_the_way_is_cut_while_shown-reset", "told as OSError")
class Raw(SoundBackend):
    class Made(Changed):
        def listen(self, heard: Any, ended: Any) -> None:
            super().listen(heard, lambda error: ended(OSError("broken")))


@breaks("test_disturbed::test_the_way_falls_silent_while_shown", "close took")
class Polite(SoundBackend):
    class Made(Changed):
        async def close(self) -> None:
            if not self.wire._gone.is_set():
                super().write(b"\6\0\0\0\0\0\0\0")
                heard = self.wire._heard
                answered = asyncio.Event()
                self.wire._heard = lambda data: (heard and heard(data), answered.set())  # type: ignore[assignment,func-returns-value]
                self.connection.request_update(incremental=False)
                super().write(self.connection.data_to_send())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await answered.wait()
            await super().close()


@breaks("test_disturbed::test_byte_by_byte", "UpstreamRefused")
class Impatient(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        await wire._readable.wait()
        if wire.unread != 12:  # RFC 6143 §7.1.1: the greeting
            wire.abort()
            raise UpstreamRefused("not a greeting")
        return await super().greet(wire, console, progress)


@breaks("test_disturbed::test_a_slow_way", "LookupError")
class Hurried(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        try:
            async with asyncio.timeout(0.4):
                return await super().greet(wire, console, progress)
        except TimeoutError:
            raise LookupError("too slow") from None


@breaks("test_disturbed::test_nobody_listens", "RuntimeError")
class Rude(SoundBackend):
    async def open(self, console: Any) -> Wire:
        try:
            return await super().open(console)
        except OSError:
            raise RuntimeError("nobody there") from None


@breaks("test_disturbed::test_a_host_that_is_not_there", "LookupError")
class Lost(SoundBackend):
    async def open(self, console: Any) -> Wire:
        try:
            return await super().open(console)
        except UpstreamError:
            raise LookupError("no such host") from None


@breaks("test_secrets::test_no_log_says_a_secret", "logged by fjord")
class Logging(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        logging.getLogger("fjord").debug(
            "signing in", extra={"key": console.options.key._secret_value}
        )
        return await super().greet(wire, console, progress)


@breaks("test_secrets::test_no_log_says_a_secret", "printed")
class Printing(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        print(f"signing in with {console.password}", file=sys.stderr)
        return await super().greet(wire, console, progress)


@breaks("test_secrets::test_a_refused_login_says_no_secret", "holds the secret")
class Blaming(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        try:
            return await super().greet(wire, console, progress)
        except UpstreamRefused:
            try:
                raise ValueError(console.password)
            except ValueError as error:
                raise UpstreamRefused("wrong password") from error


@breaks("test_secrets::test_no_child_is_told_a_secret_in_the_open", "arguments or environment of")
class Telling(SoundBackend):
    async def greet(self, wire: Any, console: Any, progress: Any) -> Upstream:
        child = subprocess.Popen(["sleep", "0.5"], env={"KEY": console.password})
        try:
            await asyncio.sleep(0.3)
        finally:
            child.kill()
            child.wait()
        return await super().greet(wire, console, progress)


class Anywhere(SoundBackend):
    async def open(self, console: Any) -> Wire:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Wire, console.host, console.port))[1]


@breaks(
    "test_address_rules::test_an_address_that_is_no_console_is_refused-169.254.169.254", "tried"
)
class Dialling(Anywhere):
    pass


@breaks("test_address_rules::test_a_name_that_leads_there_is_refused-one of two", "tried")
class Resolving(Anywhere):
    pass


@breaks(
    "test_address_rules::test_an_address_that_is_no_console_is_refused-2852039166",
    "inventory takes",
)
class Believing(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        return ConsolePlace(url.hostname, url.port or 5900, url.path)


@breaks("test_power::test_power_is_told", "told ")
class Guessing(SoundBackend):
    async def power(self, target: Any) -> str:
        return "on, I think"


@breaks("test_power::test_power_of_a_host_that_is_not_there", "KeyError")
class Looking(SoundBackend):
    async def power(self, target: Any) -> str:
        raise KeyError(target.console.port)
