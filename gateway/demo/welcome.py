"""What the demo tells whoever started it: where to go, as whom, and what to try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyotp
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from gateway.app import utc_now
from gateway.demo.cast import DemoAccount
from gateway.demo.engines import Engines
from gateway.demo.site import Site

_NEED_A_HOST: Final = (
    "Hyper-V, libvirt, Proxmox VE, KubeVirt, OpenStack and XenServer need a host: "
    "see docs/backends.md."
)


def welcome(site: Site) -> Group:
    """All of it but the one-time codes, which change."""
    settings = site.gateway.settings
    base = settings.public_base
    return Group(
        f"[bold]The console gateway's demo is running: [link={base}]{base}[/link][/]",
        "Your browser will warn of the certificate: its CA was made here, in certs/ca.pem.\n"
        "Trust it for the demo, or go on past the warning.",
        _people(site.accounts),
        _machines(site),
        *_left_out(site.engines),
        "Resource ids, for the command line:",
        *(vm.resource_id for vm in site.vms()),
        f"For az and Azure's SDKs: {base}, and {settings.admin_public_base} for administrators.",
        "[bold]Try:[/]\n"
        "1. as contoso, allow console access to web01\n"
        "2. as olga, in another browser or a private window, open it and log in to the VM\n"
        "3. as contoso, watch, and withdraw\n"
        "4. as admin, watch the wall and revoke\n"
        "5. as contoso, recover access to web01 or win01; the new password logs in at the console",
        *_more_to_try(site.engines),
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


def _machines(site: Site) -> Table:
    table = Table(title="VMs", title_justify="left")
    for heading in ("name", "state", "console", "logs in with"):
        table.add_column(heading, no_wrap=True)
    for vm in site.vms():
        # A user a line, so that a narrow terminal has room for the names.
        users = "\n".join(f"{user} / {word}" for user, word in vm.users.items())
        table.add_row(vm.name, vm.state, vm.way, users or "-")
    return table


def _left_out(engines: Engines) -> Iterator[str]:
    """A line for each reason why a kind of console is not shown."""
    for vm, why in engines.failed.items():
        yield escape(f"{vm} is left out: {why}")
    wanted: dict[str, list[str]] = {}
    for engine in engines.missing:
        wanted.setdefault(engine.packages, []).append(f"{engine.vm} ({engine.way})")
    for packages, vms in wanted.items():
        yield f"For {' and '.join(vms)} too: apt-get install {packages}"
    if engines.wanted:
        yield _NEED_A_HOST


def _more_to_try(engines: Engines) -> Iterator[str]:
    if engines.shown:
        names = ", ".join(engine.vm for engine in engines.shown)
        yield f"6. the same with what real VNC and RDP servers show: {names}"


def codes_of_the_moment(accounts: tuple[DemoAccount, ...]) -> str:
    now = utc_now()
    left = 30 - int(now.timestamp()) % 30
    codes = "   ".join(
        f"{account.name} [bold]{pyotp.TOTP(account.code_secret).at(now)}[/]"
        for account in accounts
        if account.code_secret
    )
    return f"One-time codes: {codes}   (each works once; new ones in {left:2} s)"
