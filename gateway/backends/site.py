"""One host of a hypervisor's API, for the length of a dial: found once, reached by TLS alone."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from gateway.backends.targets import Console, Progress
from gateway.backends.tcp import Address, Dialler
from gateway.backends.tls import context_for, not_pinned, not_trusted, upgrade
from gateway.backends.upstream import Upstream, shake_hands
from gateway.backends.websocket_wire import open_websocket
from gateway.errors import UpstreamRefused, UpstreamUnreachable
from gateway.policy.places import is_loopback

_ANSWER_SECONDS: Final = 8.0  # for one question and its whole answer
_MAX_ANSWER: Final = 1024 * 1024  # Keystone's catalogue is the largest, with some 100 KB


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API said. All of it is hostile."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: Any  # JSON; None where it is something else
    raw: bytes

    def find(self, *path: str) -> Any:
        """What lies at `path` of the body; None where there is nothing."""
        found = self.body
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def text(self, *path: str) -> str:
        """The same, where it must be a text. Raises: UpstreamRefused."""
        found = self.find(*path)
        if not isinstance(found, str) or not found:
            raise UpstreamRefused(f"the hypervisor's answer lacks {path[-1]}")
        return found


@dataclass(frozen=True, slots=True)
class Site:
    """A host whose addresses were judged, and how its certificate is."""

    host: str
    port: int
    addresses: tuple[Address, ...]
    context: ssl.SSLContext
    server_name: str
    pin: str | None
    loopback: bool  # the inventory itself says that this is about this machine

    async def elsewhere(self, dialler: Dialler, host: str, port: int) -> Site:
        """Another host, which this one's API handed out; as bound by the inventory as this one.

        Raises: UpstreamRefused, UpstreamUnreachable.
        """
        if (host, port) == (self.host, self.port):
            return self
        found = await dialler.addresses(host, loopback=self.loopback)
        return Site(host, port, tuple(found), self.context, host, self.pin, self.loopback)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """Ask the host things over HTTP until the block ends."""
        connector = _Connector(
            resolver=_Found(self.addresses),
            use_dns_cache=False,
            ssl=True if self.pin is None else aiohttp.Fingerprint(bytes.fromhex(self.pin)),
        )
        try:
            async with aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
                auto_decompress=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as session:
                yield Api(self, session, connector)
        finally:
            connector.drop()

    async def screen_by(self, ask: Callable[[Api], Awaitable[Upstream]]) -> Upstream:
        """The screen that `ask` opens, having asked the API. Raises: as `ask` does."""
        upstream: Upstream | None = None
        try:
            async with self.api() as api:
                upstream = await ask(api)
        except BaseException:  # cancelled while the API's connections close, say
            if upstream is not None:
                await upstream.close()
            raise
        return upstream

    async def open_screen(
        self,
        target: str,
        progress: Progress,
        *,
        headers: Mapping[str, str],
        subprotocol: str | None = None,
        password: str | None = None,
        desktop_name: str | None = None,
    ) -> Upstream:
        """The RFB stream inside the WebSocket at `target`. Raises: UpstreamError, RfbError."""
        try:
            wire = await Dialler.connect(list(self.addresses), self.port)
        except OSError as error:  # worded here, since there may be more to say
            raise UpstreamUnreachable(_unreachable(error)) from error
        try:
            await upgrade(wire, self.context, self.server_name, self.pin)
            stream = await open_websocket(
                wire, self.host, self.port, target, headers=headers, subprotocol=subprotocol
            )
        except BaseException:
            wire.abort()
            raise
        return await shake_hands(stream, progress, password=password, desktop_name=desktop_name)


async def find_site(dialler: Dialler, console: Console) -> Site:
    """The host that the inventory names. Raises: UpstreamRefused, UpstreamUnreachable."""
    assert console.host is not None and console.port is not None
    found = await dialler.addresses(console.host)
    context = await asyncio.to_thread(context_for, console)
    name = console.server_name or console.host
    loopback = is_loopback(console.host)
    return Site(console.host, console.port, tuple(found), context, name, console.pin, loopback)


class Api:
    """Asks a site's HTTP API. Cookies are not kept, redirects never followed."""

    def __init__(self, site: Site, session: aiohttp.ClientSession, connector: _Connector) -> None:
        self._site = site
        self._session = session
        self._connector = connector

    @property
    def certificate(self) -> bytes:
        """In DER, what the site showed when it was last asked; b"" before."""
        return self._connector.certificate

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: Any = None,
        raw: bytes | None = None,
    ) -> Answer:
        """One answer, whatever its status. `path` is taken as it is, `content` becomes JSON.

        One of `form`, `content` and `raw` may be given. Questions follow each other on one
        connection, as long as the site keeps it.

        Raises: UpstreamRefused for a redirect and a certificate, UpstreamUnreachable.
        """
        try:
            async with self._session.request(
                method,
                self._address(path),
                headers=headers,
                data=form if raw is None else raw,
                json=content,
                allow_redirects=False,
                ssl=self._site.context,
                server_hostname=self._site.server_name,
            ) as response:
                body = await _bounded(response)
        except aiohttp.ClientConnectorCertificateError as error:
            raise not_trusted(error.certificate_error) from None
        except aiohttp.ServerFingerprintMismatch:
            raise not_pinned() from None
        except aiohttp.ClientConnectorSSLError:
            raise UpstreamRefused("TLS with the hypervisor's API failed") from None
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable(_unreachable(error.os_error)) from None
        except TimeoutError:
            raise UpstreamUnreachable(
                f"the hypervisor's API gave no answer within {_ANSWER_SECONDS:g} s"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError):
            # Without their words: they may hold the request's address or what was answered.
            raise UpstreamUnreachable("the hypervisor's API broke off its answer") from None
        if 300 <= response.status < 400:
            raise UpstreamRefused("the hypervisor redirects elsewhere, which is never followed")
        return Answer(response.status, response.reason or "", response.headers, _parsed(body), body)

    def _address(self, path: str) -> URL:
        host = f"[{self._site.host}]" if ":" in self._site.host else self._site.host
        return URL(f"https://{host}:{self._site.port}{path}", encoded=True)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if _MAX_ANSWER < len(body):
            raise UpstreamRefused(f"the hypervisor's answer is longer than {_MAX_ANSWER} bytes")
    return body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _unreachable(error: OSError) -> str:
    why = os.strerror(error.errno) if error.errno else "the connection failed"
    return f"the hypervisor cannot be reached: {why}"


class _Connector(aiohttp.TCPConnector):
    """Remembers the certificate: an answer without a body has no connection any more."""

    certificate = b""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened: list[asyncio.Transport] = []

    def drop(self) -> None:
        """Close what is open, now: TLS would wait 30 s for a silent end to say goodbye."""
        for transport in self._opened:
            transport.abort()

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        connection = await super().connect(*args, **kwargs)
        if connection.transport is not None:
            self._opened.append(connection.transport)
        tls = connection.transport and connection.transport.get_extra_info("ssl_object")
        self.certificate = (tls and tls.getpeercert(binary_form=True)) or b""
        return connection


class _Found(AbstractResolver):
    """Answers with what was found before, so that nothing is resolved twice."""

    def __init__(self, addresses: tuple[Address, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Every address, whatever family is asked for: each was judged."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""
