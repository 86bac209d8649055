"""The demo: a gateway with a built-in hypervisor, fresh accounts and passwords at every start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyotp
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from gateway.actions.accounts import NewAccount, create_account, first_start
from gateway.actions.credentials import add_credential
from gateway.actions.services import Services
from gateway.actions.set_up import finish_setup, look_up_setup_link
from gateway.actions.subscriptions import enable_subscription
from gateway.actions.workstations import grant_workstation
from gateway.app import Gateway, open_gateway, utc_now
from gateway.backends import load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.certificates import make_development_certificates
from gateway.errors import SettingsError
from gateway.guests.demo import demo_kind
from gateway.identity.directory import provider_subscription, tenant_id
from gateway.inventory import Inventory
from gateway.operations.logs import configure_logs
from gateway.policy.facts import Actor, Role
from gateway.serving import Signals, listening, load_tls
from gateway.settings import Settings

NODE: Final = "AzS-ERCS01"
LOOPBACK: Final = "127.0.0.1"
CONTOSO: Final = "c0115050-0000-4000-8000-000000000001"
FABRIKAM: Final = "fab21ca0-0000-4000-8000-000000000002"

# Who is who: name, role, the subscriptions that they own.
CAST: Final[tuple[tuple[str, Role, tuple[str, ...]], ...]] = (
    ("olga", Role.CLOUDADMIN, ()),
    ("omar", Role.CLOUDADMIN, ()),
    ("contoso", Role.TENANT, (CONTOSO,)),
    ("fabrikam", Role.TENANT, (FABRIKAM,)),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account and, because this is a demo, what opens it."""

    id: str
    name: str
    role: Role
    subscriptions: tuple[str, ...]
    password: str = field(repr=False)
    code_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DemoProgram:
    """A client credential: what `az login --service-principal` takes."""

    account: str
    client_id: str
    secret: str = field(repr=False)


async def run_demo(*, port: int, state_directory: Path, ready_file: Path | None) -> None:
    """Serve the demo on loopback until SIGTERM or SIGINT, all its state made anew.

    Raises: SettingsError, where the port is taken or the folder cannot be used.
    """
    settings = _settings(port, state_directory)
    tls = load_tls(settings)
    async with contextlib.AsyncExitStack() as stack:
        signals = stack.enter_context(Signals())
        log = stack.enter_context((state_directory / "gateway.log").open("a", encoding="utf-8"))
        configure_logs(to=log)
        hypervisor = await stack.enter_async_context(_hypervisor())
        kinds = load_kinds()
        gateway = await stack.enter_async_context(
            open_gateway(
                settings,
                inventory=Inventory.parse(hypervisor.inventory(NODE, CONTOSO), kinds),
                kinds=kinds,
                backends={"demo": DemoBackend(hypervisor)},
                guests={"demo": demo_kind(hypervisor)},
            )
        )
        accounts = await furnish(gateway.services)
        programs = await furnish_programs(gateway.services, accounts)
        await stack.enter_async_context(listening(gateway, tls))
        if ready_file:
            _write_ready_file(ready_file, gateway, accounts, programs, hypervisor)
            stack.callback(ready_file.unlink, missing_ok=True)
        await _receive_visitors(signals, gateway, accounts, hypervisor)


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


async def furnish(services: Services) -> tuple[DemoAccount, ...]:
    """Accounts, one enabled subscription, loopback on the safelist: all by the usual actions."""
    invited = await first_start(services, now=services.clock())
    if invited is None:
        raise SettingsError("the demo's state folder already has an admin")
    ada = await _sign_up(services, invited, ())
    actor = Actor(ada.id, ada.name, Role.ADMIN, frozenset(), LOOPBACK, "demo")
    accounts = [ada]
    for name, role, subscriptions in CAST:
        new = await create_account(
            services, actor, name=name, role=role, subscriptions=subscriptions,
            now=services.clock(),
        )  # fmt: skip
        accounts.append(await _sign_up(services, new, subscriptions))
    await enable_subscription(services, actor, CONTOSO, now=services.clock())
    for network in ("127.0.0.0/8", "::1/128"):
        await grant_workstation(services, actor, services.node, network, now=services.clock())
    return tuple(accounts)


async def furnish_programs(
    services: Services, accounts: tuple[DemoAccount, ...]
) -> tuple[DemoProgram, DemoProgram]:
    """A credential for the tenant of the enabled subscription, and one for the admin."""
    ada = next(account for account in accounts if account.role is Role.ADMIN)
    tina = next(account for account in accounts if CONTOSO in account.subscriptions)
    actor = Actor(ada.id, ada.name, Role.ADMIN, frozenset(), LOOPBACK, "demo")

    async def program(account: DemoAccount) -> DemoProgram:
        made = await add_credential(
            services, actor, account_id=account.id, label="demo", days=1, now=services.clock()
        )
        return DemoProgram(account.name, made.named.credential.id, made.secret)

    return await program(tina), await program(ada)


async def _sign_up(
    services: Services, new: NewAccount, subscriptions: tuple[str, ...]
) -> DemoAccount:
    """Go through the set-up link as a person would."""
    now = services.clock()
    invitation = await look_up_setup_link(services, new.secret, address=LOOPBACK, now=now)
    secret = invitation.code_secret
    password = secrets.token_urlsafe(12)
    code = pyotp.TOTP(secret).at(now) if secret else None
    account = await finish_setup(
        services, new.secret, password=password, code=code, address=LOOPBACK, now=now
    )
    return DemoAccount(account.id, account.name, account.role, subscriptions, password, secret)


def _write_ready_file(
    path: Path,
    gateway: Gateway,
    accounts: tuple[DemoAccount, ...],
    programs: tuple[DemoProgram, DemoProgram],
    hypervisor: DemoHypervisor,
) -> None:
    """For scripts: everything that this demo's start made up, readable by its user alone."""
    ready = _ready(gateway, accounts, hypervisor) | _ready_for_arm(gateway, *programs)
    content = json.dumps(ready, indent=2)
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    unfinished.replace(path)


def _ready(
    gateway: Gateway, accounts: tuple[DemoAccount, ...], hypervisor: DemoHypervisor
) -> dict[str, Any]:
    settings = gateway.settings
    return {
        "base_address": settings.public_base,
        "operations_address": f"http://{settings.operations_listen}",
        "ca_file": str(Path("certs/ca.pem").resolve()),
        "node": settings.node,
        "accounts": [
            {
                "name": account.name,
                "role": account.role.value,
                "password": account.password,
                "code_secret": account.code_secret,
                "subscription_ids": list(account.subscriptions),
            }
            for account in accounts
        ],
        "subscription_ids": [CONTOSO, FABRIKAM],
        "enabled_subscription_ids": [CONTOSO],
        "vms": [
            {
                "name": machine.vm.name,
                "resource_id": machine.vm.resource_id,
                "state": hypervisor.state(machine.vm.name),
                "users": hypervisor.users(machine.vm.name),
            }
            for machine in gateway.inventory.machines()
        ],
    }


def _ready_for_arm(gateway: Gateway, tenant: DemoProgram, admin: DemoProgram) -> dict[str, Any]:
    """What `az cloud register` and `az login --service-principal` are told."""
    settings = gateway.settings
    directory = tenant_id(settings.public_base)

    def principal(program: DemoProgram) -> dict[str, str]:
        return {
            "client_id": program.client_id,
            "client_secret": program.secret,
            "tenant_id": directory,
            "account": program.account,
        }

    return {
        "arm_endpoint": settings.public_base,
        "arm_admin_endpoint": settings.admin_public_base,
        "arm_location": settings.location,
        "tenant_id": directory,
        "service_principal": principal(tenant),
        "admin_service_principal": principal(admin),
        "admin_subscription_id": provider_subscription(settings.public_base),
    }


async def _receive_visitors(
    signals: Signals,
    gateway: Gateway,
    accounts: tuple[DemoAccount, ...],
    hypervisor: DemoHypervisor,
) -> None:
    """Say what to try; on a terminal, keep showing the one-time codes of the moment."""
    console = Console()
    console.print(_welcome(gateway, accounts, hypervisor), soft_wrap=True)
    if not sys.stdout.isatty():
        sys.stdout.flush()
        await signals.until_stop(_nothing_to_reload)
        return
    with Live(_codes(accounts), console=console, auto_refresh=False) as live:
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(_tick(live, accounts), name="one-time codes")
            await signals.until_stop(_nothing_to_reload)
            ticking.cancel()


async def _nothing_to_reload() -> None:
    """The demo's certificate and inventory live as long as it does."""


async def _tick(live: Live, accounts: tuple[DemoAccount, ...]) -> None:
    while True:
        live.update(_codes(accounts), refresh=True)
        await asyncio.sleep(1)


def _codes(accounts: tuple[DemoAccount, ...]) -> str:
    now = utc_now()
    left = 30 - int(now.timestamp()) % 30
    codes = "   ".join(
        f"{account.name} [bold]{pyotp.TOTP(account.code_secret).at(now)}[/]"
        for account in accounts
        if account.code_secret
    )
    return f"One-time codes: {codes}   (each works once; new ones in {left:2} s)"


def _welcome(
    gateway: Gateway, accounts: tuple[DemoAccount, ...], hypervisor: DemoHypervisor
) -> Group:
    base = gateway.settings.public_base
    return Group(
        f"[bold]The console gateway's demo is running: [link={base}]{base}[/link][/]",
        "Your browser will warn of the certificate: its CA was made here, in certs/ca.pem.\n"
        "Trust it for the demo, or go on past the warning.",
        _people(accounts),
        _machines(gateway, hypervisor),
        "Resource ids, for the command line:",
        *(machine.vm.resource_id for machine in gateway.inventory.machines()),
        f"For az and Azure's SDKs: {base}, and {gateway.settings.admin_public_base} for "
        "administrators.",
        "[bold]Try:[/]\n"
        "1. as contoso, allow console access to web01\n"
        "2. as olga, in another browser or a private window, open it and log in to the VM\n"
        "3. as contoso, watch, and withdraw\n"
        "4. as admin, watch the wall and revoke\n"
        "5. as contoso, recover access to web01 or win01; the new password logs in at the console\n"
        "Ctrl+C ends the demo and forgets everything.",
    )


def _people(accounts: tuple[DemoAccount, ...]) -> Table:
    table = Table(title="Accounts, made up at this start", title_justify="left")
    for heading in ("name", "role", "password", "one-time-code secret"):
        table.add_column(heading, no_wrap=True)
    for account in accounts:
        table.add_row(
            account.name, account.role.value, account.password, account.code_secret or "none needed"
        )
    return table


def _machines(gateway: Gateway, hypervisor: DemoHypervisor) -> Table:
    table = Table(title="VMs of the built-in hypervisor", title_justify="left")
    for heading in ("name", "state", "logs in with"):
        table.add_column(heading, no_wrap=True)
    for machine in gateway.inventory.machines():
        name = machine.vm.name
        # A user a line, so that a narrow terminal has room for the names.
        users = "\n".join(f"{user} / {word}" for user, word in hypervisor.users(name).items())
        table.add_row(name, hypervisor.state(name), users or "-")
    return table
