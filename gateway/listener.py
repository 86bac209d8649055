"""Accepts connections, no more at once than it may: those that shake hands count like the rest."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final, cast

import structlog
from aiohttp import web

from gateway.errors import SettingsError
from gateway.illegible import PoliteHandler

log = structlog.get_logger(__name__)

BREATHER_SECONDS: Final = 1.0  # until we accept again where the kernel had no descriptor for us
SPARE_DESCRIPTORS: Final = 128  # for the store, the upstreams, the logs
LEAST_CONNECTIONS: Final = 16


def connections_that_fit(wanted: int) -> int:
    """At most `wanted`, within the limit on descriptors, which is raised as far as it goes.

    Raises: SettingsError where not even `LEAST_CONNECTIONS` fit.
    """
    limit = _raised_descriptor_limit()
    fit = wanted if limit is None else min(wanted, limit - SPARE_DESCRIPTORS)
    if fit < LEAST_CONNECTIONS:
        raise SettingsError(
            f"max_connections: only {limit} files may be open; allow {wanted + SPARE_DESCRIPTORS} "
            "(ulimit -n, LimitNOFILE=)"
        )
    if fit < wanted:
        log.warning("gateway.connections_lowered", wanted=wanted, most=fit, open_files=limit)
    return fit


def _raised_descriptor_limit() -> int | None:
    """How many descriptors we may have; None where nothing limits them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError) as error:  # the kernel may have a bound of its own
            log.warning("gateway.open_files_not_raised", open_files=soft, error=str(error))
        else:
            soft = hard
    return None if soft == resource.RLIM_INFINITY else soft


class CappedSite(web.BaseSite):
    """A TCP site that keeps at most `most` connections, from accept to end."""

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        most: int,
        handshake_seconds: float,
        handling: Mapping[str, Any],
    ) -> None:
        """`handling`: what each connection's handler is told, as the runner was."""
        super().__init__(runner, ssl_context=tls)
        self._host, self._port, self._most = host, port, most
        self._handling = handling
        self._handshake_seconds = handshake_seconds
        self._stack = AsyncExitStack()

    @property
    def name(self) -> str:
        scheme = "https" if self._ssl_context else "http"
        return f"{scheme}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Begin to listen. Raises: OSError."""
        await super().start()
        assert self._runner.server is not None
        sockets = await _bound(self._host, self._port, self._backlog)
        for each in sockets:
            self._stack.enter_context(each)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        loop = asyncio.get_running_loop()
        make = partial(PoliteHandler, self._runner.server, loop=loop, **self._handling)
        listener = _Listener(
            sockets,
            self._runner.server,
            make=make,
            tls=self._ssl_context,
            most=self._most,
            handshake_seconds=self._handshake_seconds,
        )
        listener.begin(tasks)
        # aiohttp asks a server for no more than its `sockets` and to `close`.
        self._server = cast("asyncio.AbstractServer", listener)

    async def stop(self) -> None:
        """Accept no more; in the task that called `start`."""
        await super().stop()
        await self._stack.aclose()


async def _bound(host: str, port: int, backlog: int) -> list[socket.socket]:
    """A listening socket for each of the host's addresses. Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((each[0], each[4]) for each in found):
            made = socket.create_server(address, family=family, backlog=backlog)
            made.setblocking(False)
            sockets.append(made)
    except OSError:
        for made in sockets:
            made.close()
        raise
    return sockets


class _Listener:
    """Accepts by itself: asyncio's servers tell nobody of a connection that says nothing yet."""

    def __init__(
        self,
        sockets: list[socket.socket],
        server: web.Server,
        *,
        make: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
        most: int,
        handshake_seconds: float,
    ) -> None:
        self.sockets = sockets  # aiohttp asks for them
        self._server, self._make, self._tls, self._most = server, make, tls, most
        self._handshake_seconds = handshake_seconds if tls else None
        self._shaking: set[asyncio.BaseProtocol] = set()
        self._accepting: list[asyncio.Task[None]] = []

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Accept until `close`."""
        self._accepting = [
            tasks.create_task(self._accept(each), name="accept") for each in self.sockets
        ]

    def close(self) -> None:
        """Accept no more; who has not shaken hands is cut."""
        for task in self._accepting:
            task.cancel()

    async def _accept(self, listening: socket.socket) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                accepted = await self._next(listening)
                if self._connections() < self._most:
                    protocol = self._make()
                    self._shaking.add(protocol)
                    tasks.create_task(self._shake(accepted, protocol), name="handshake")
                else:
                    accepted.close()
                # Those inside have their turn, however many knock.
                await asyncio.sleep(0)

    async def _next(self, listening: socket.socket) -> socket.socket:
        while True:
            try:
                accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
            except ConnectionError:  # it left before we came
                await asyncio.sleep(0)
            except OSError as error:
                log.error("gateway.accept_failed", error=str(error))
                await asyncio.sleep(BREATHER_SECONDS)
            else:
                return accepted

    def _connections(self) -> int:
        """Each counts once, also in the moment between its handshake and the end of its task."""
        return len(self._shaking.union(self._server.connections))

    async def _shake(self, accepted: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_seconds,
            )
        except OSError as error:  # ssl.SSLError is one; a stranger's bad handshake is no fault
            log.debug("gateway.handshake_failed", error=str(error))
        except Exception:
            # No stranger's connection may end the others'.
            log.exception("gateway.handshake_broke")
        finally:
            self._shaking.discard(protocol)
