"""Runs the demo: its settings, its parts in their order, and the wait for visitors."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

from gateway.app import Gateway, open_gateway, utc_now
from gateway.backends import load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.certificates import make_development_certificates
from gateway.demo.cast import CONTOSO, LOOPBACK, NODE, DemoAccount
from gateway.demo.engines import ENGINES, Engines
from gateway.demo.furnishing import furnish, furnish_programs
from gateway.demo.ready_file import write_ready_file
from gateway.demo.site import Site
from gateway.demo.welcome import codes_of_the_moment, welcome
from gateway.errors import SettingsError
from gateway.guests.demo import demo_kind
from gateway.inventory import Inventory
from gateway.operations.logs import configure_logs
from gateway.serving import Signals, listening, load_tls
from gateway.settings import Settings


async def run_demo(
    *, port: int, state_directory: Path, ready_file: Path | None, engines: bool = True
) -> None:
    """Serve the demo on loopback until SIGTERM or SIGINT, all its state made anew.

    `engines`: with a VM more for each kind of console whose programs are installed.
    Raises: SettingsError, where the port is taken or the folder cannot be used.
    """
    settings = _settings(port, state_directory)
    tls = load_tls(settings)
    async with contextlib.AsyncExitStack() as stack:
        signals = stack.enter_context(Signals())
        log = stack.enter_context((state_directory / "gateway.log").open("a", encoding="utf-8"))
        configure_logs(to=log)
        hypervisor = await stack.enter_async_context(_hypervisor())
        more = await stack.enter_async_context(Engines(ENGINES if engines else ()))
        gateway = await stack.enter_async_context(_gateway(settings, hypervisor))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(more.start(), name="engines")
            accounts = await furnish(gateway.services)
            programs = await furnish_programs(gateway.services, accounts)
        _add_machines(gateway, more)
        await stack.enter_async_context(listening(gateway, tls))
        site = Site(gateway, accounts, hypervisor, more)
        if ready_file:
            write_ready_file(ready_file, site, programs)
            stack.callback(ready_file.unlink, missing_ok=True)
        await _receive_visitors(signals, site)


def _gateway(
    settings: Settings, hypervisor: DemoHypervisor
) -> contextlib.AbstractAsyncContextManager[Gateway]:
    kinds = load_kinds()
    return open_gateway(
        settings,
        inventory=Inventory.parse(hypervisor.inventory(NODE, CONTOSO), kinds),
        kinds=kinds,
        backends={"demo": DemoBackend(hypervisor)},
        guests={"demo": demo_kind(hypervisor)},
    )


def _add_machines(gateway: Gateway, engines: Engines) -> None:
    more = Inventory.parse(engines.inventory(NODE, CONTOSO), gateway.kinds)
    gateway.inventory.replace([*gateway.inventory.machines(), *more.machines()])


def _settings(port: int, state_directory: Path) -> Settings:
    """Loopback, a certificate of the development CA, and a state folder without a past."""
    _forget(state_directory)
    certificates = make_development_certificates(
        Path("certs"), ("localhost", LOOPBACK, "::1"), utc_now()
    )
    return Settings.load(
        node=NODE,
        listen=f"{LOOPBACK}:{port}",
        public_base=f"https://localhost:{port}",
        operations_listen=f"{LOOPBACK}:{port + 1}",
        admin_listen=f"{LOOPBACK}:{port + 2}",
        admin_public_base=f"https://localhost:{port + 2}",
        state_directory=state_directory,
        certificate_file=certificates.certificate,
        private_key_file=certificates.private_key,
        inventory_file=None,
    )


def _forget(state_directory: Path) -> None:
    """Empty what an earlier demo left, and nothing else. Raises: SettingsError."""
    marker = state_directory / "DEMO"
    if state_directory.exists() and any(state_directory.iterdir()):
        if not marker.exists():
            raise SettingsError(f"{state_directory} is not empty and no demo made it")
        shutil.rmtree(state_directory)
    state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    marker.touch()


@contextlib.asynccontextmanager
async def _hypervisor() -> AsyncIterator[DemoHypervisor]:
    hypervisor = DemoHypervisor()
    await hypervisor.start()
    try:
        yield hypervisor
    finally:
        await hypervisor.stop()


async def _receive_visitors(signals: Signals, site: Site) -> None:
    """Say what to try; on a terminal, keep showing the one-time codes of the moment."""
    console = Console()
    console.print(welcome(site), soft_wrap=True)
    if not sys.stdout.isatty():
        sys.stdout.flush()
        await signals.until_stop(_nothing_to_reload)
        return
    accounts = site.accounts
    with Live(codes_of_the_moment(accounts), console=console, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(_tick(live, accounts), name="one-time codes")
            await signals.until_stop(_nothing_to_reload)
            ticking.cancel()


async def _nothing_to_reload() -> None:
    """The demo's certificate and inventory live as long as it does."""


async def _tick(live: Live, accounts: tuple[DemoAccount, ...]) -> None:
    while True:
        live.update(codes_of_the_moment(accounts), refresh=True)
        await asyncio.sleep(1)
