"""What the demo tells whoever started it: where to go, as whom, and what to try."""

from __future__ import annotations

import pyotp
from rich.console import Group
from rich.table import Table

from gateway.app import Gateway, utc_now
from gateway.backends.demo import DemoHypervisor
from gateway.demo.cast import DemoAccount


def welcome(
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


def codes_of_the_moment(accounts: tuple[DemoAccount, ...]) -> str:
    now = utc_now()
    left = 30 - int(now.timestamp()) % 30
    codes = "   ".join(
        f"{account.name} [bold]{pyotp.TOTP(account.code_secret).at(now)}[/]"
        for account in accounts
        if account.code_secret
    )
    return f"One-time codes: {codes}   (each works once; new ones in {left:2} s)"
