"""Listening: TLS, every listener, signals, and an end that loses nobody."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import structlog
from aiohttp import web

from gateway.actions.accounts import first_start
from gateway.app import Gateway, create_admin_app, create_app, open_gateway
from gateway.backends import load_kinds
from gateway.errors import GatewayError, SettingsError
from gateway.inventory import Inventory
from gateway.listener import CappedSite, connections_that_fit
from gateway.operations.health import operations_app
from gateway.operations.logs import configure_logs
from gateway.settings import Settings, split_address

log = structlog.get_logger(__name__)

KEEPALIVE_SECONDS: Final = 15.0  # aiohttp's default keeps half a header waiting for an hour
HANDSHAKE_SECONDS: Final = 10.0  # for TLS; asyncio's default keeps who says nothing for a minute
LINGER_SECONDS: Final = 3.0  # for the rest of a body that was answered before it had all come
SHUTDOWN_SECONDS: Final = 10.0
LEAST_ADMINS: Final = 4  # connections to the administrators' endpoint, of all that fit


def load_tls(settings: Settings) -> ssl.SSLContext:
    """A server context with the configured certificate. Raises: SettingsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, settings)
    return context


def _load_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    files = settings.certificate_file, settings.private_key_file
    try:
        # Tried where it harms nobody: a certificate with another one's key would take the place
        # of the one in use, and nobody could connect any more.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
        context.load_cert_chain(*files)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"cannot use the certificate {settings.certificate_file} with the key "
            f"{settings.private_key_file}: {error.strerror or error}"
        ) from None


@asynccontextmanager
async def listening(gateway: Gateway, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Serve `gateway` on its listeners until the block ends. Raises: SettingsError."""
    settings = gateway.settings
    most = connections_that_fit(settings.max_connections)
    for_admins = 0 if settings.admin_listen is None else max(LEAST_ADMINS, most // 16)
    app = create_app(gateway)

    async def drain(_app: web.Application) -> None:
        await gateway.drain()

    app.on_shutdown.append(drain)
    main = _runner(app)
    admins = None if settings.admin_listen is None else _runner(create_admin_app(gateway))
    operations = web.AppRunner(
        operations_app(gateway.readiness, gateway.metrics.registry), **_handling()
    )
    try:
        await _listen(operations, settings.operations_listen, None, most)
        await _listen(main, settings.listen, tls, most - for_admins)
        if admins is not None and settings.admin_listen is not None:
            await _listen(admins, settings.admin_listen, tls, for_admins)
        log.info("gateway.serving", base=settings.public_base, node=settings.node)
        yield
    finally:
        # The operations listener goes last, so that /readyz says "draining" meanwhile.
        if admins is not None:
            await admins.cleanup()
        await main.cleanup()
        await operations.cleanup()


def _handling() -> dict[str, Any]:
    """What each connection's handler is told."""
    return {
        "access_log": None,
        "keepalive_timeout": KEEPALIVE_SECONDS,
        "lingering_time": LINGER_SECONDS,
    }


def _runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(
        app, shutdown_timeout=SHUTDOWN_SECONDS, handler_cancellation=True, **_handling()
    )


async def _listen(
    runner: web.AppRunner, address: str, tls: ssl.SSLContext | None, most: int
) -> None:
    await runner.setup()
    host, port = split_address(address)
    try:
        await CappedSite(
            runner, host, port, tls, most=most, handshake_seconds=HANDSHAKE_SECONDS,
            handling=_handling(),
        ).start()  # fmt: skip
    except OSError as error:
        raise SettingsError(f"cannot listen on {address}: {error.strerror}") from None


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main`, for the rest of the process, on the faster event loop where there is one.

    Raises: GatewayError, bare where it came through task groups; what else `main` raises.
    """
    # What was loaded by now stays. Looking through all of it for garbage takes a tenth of a second
    # now and then, in which no console moves.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(main)
        except BaseExceptionGroup as group:
            error = _alone(group)
            if isinstance(error, GatewayError):
                raise error from None
            raise


def _alone(error: BaseException) -> BaseException:
    """The one error that there is in groups of one each."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it is not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(settings: Settings) -> None:
    """Run a node until SIGTERM or SIGINT; SIGHUP reads certificate and inventory again.

    Raises: SettingsError, StoreUnavailable.
    """
    configure_logs(level=settings.log_level, form=settings.log_format)
    tls = load_tls(settings)
    file = settings.inventory_file
    kinds = load_kinds()
    inventory = Inventory.load(file, kinds) if file else Inventory(())
    with Signals() as signals:
        async with (
            open_gateway(settings, inventory=inventory, kinds=kinds) as gateway,
            listening(gateway, tls),
        ):
            await announce_first_start(gateway)
            await signals.until_stop(lambda: _reload(gateway, tls))


async def announce_first_start(gateway: Gateway) -> None:
    """Until an admin has signed up: print the one-time set-up link, and nowhere else."""
    invitation = await first_start(gateway.services, now=gateway.services.clock())
    if invitation is not None:
        base = gateway.settings.public_base
        print(f"Set up the first admin account: {base}/set-up#{invitation.secret}", flush=True)  # noqa: T201


class Signals:
    """What the supervisor says, noted from the moment that the block is entered."""

    STOP: Final = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self._told: asyncio.Queue[signal.Signals] = asyncio.Queue()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (*self.STOP, signal.SIGHUP):
            loop.add_signal_handler(number, self._told.put_nowait, number)
        return self

    def __exit__(self, *_exception: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (*self.STOP, signal.SIGHUP):
            loop.remove_signal_handler(number)

    async def until_stop(self, reload: Callable[[], Awaitable[None]]) -> None:
        """Wait for SIGTERM or SIGINT, and call `reload` at each SIGHUP meanwhile."""
        while await self._told.get() not in self.STOP:
            await reload()


async def _reload(gateway: Gateway, tls: ssl.SSLContext) -> None:
    """Certificate and inventory, each by itself: what cannot be read keeps what was there."""

    async def certificate() -> None:
        _load_certificate(tls, gateway.settings)

    for what, read in (("certificate", certificate), ("inventory", gateway.reload_inventory)):
        try:
            await read()
            log.info("gateway.reloaded", what=what)
        except GatewayError as error:
            log.error("gateway.reload_failed", what=what, error=str(error))
