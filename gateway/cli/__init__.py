"""The command `eva-gateway`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import __version__
from gateway.cli import (
    access,
    account,
    audit,
    client_credential,
    config,
    connect,
    consent,
    inventory,
    keys,
    recovery,
    serve,
    sessions,
    sign_in,
    subscription,
)

app = typer.Typer(
    name="eva-gateway",
    help="Emergency consoles of virtual machines: consented, live, watched and revocable.\n\n"
    "A tenant consents (consent request) or recovers access alone (recovery start), an operator "
    "opens the console (connect) or proposes a recovery (recovery propose), an admin "
    "decides where this is possible (subscription, access) and who may take part (account).\n\n"
    "Sign in first: eva-gateway login --gateway https://gateway.example:8443",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the gateway cannot be "
    "reached.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they hold passwords
    rich_markup_mode=None,  # help is text; brackets in it are meant
)
app.add_typer(account.app, name="account")
app.add_typer(client_credential.app, name="credential")
app.add_typer(subscription.app, name="subscription")
app.add_typer(access.app, name="access")
app.add_typer(consent.app, name="consent")
app.add_typer(recovery.app, name="recovery")
app.add_typer(sessions.app, name="session")
app.add_typer(audit.app, name="audit")
app.add_typer(config.app, name="config")
app.add_typer(inventory.app, name="inventory")
app.add_typer(keys.app, name="keys")
for group in (serve, sign_in, connect):
    group.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eva-gateway {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command that the arguments name."""
    app()
