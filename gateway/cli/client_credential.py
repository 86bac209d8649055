"""credential …: programs that sign in by themselves. Only an admin may use these."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.account import find_account
from gateway.cli.client import Client, segment
from gateway.cli.command import talks
from gateway.cli.output import AsJson, field, moment, print_json, print_table, say

app = typer.Typer(
    help="Programs that sign in at Resource Manager by themselves: add, list, revoke their "
    "credentials (admins only).",
    no_args_is_help=True,
)


@app.command()
@talks
async def add(
    client: Client,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The tenant or admin as whom the program acts.")
    ],
    label: Annotated[str, typer.Option("--label", help="What the program is, for the list.")],
    days: Annotated[
        int, typer.Option("--days", min=1, max=365, help="How long the credential counts.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a client id and a secret for a program, and print them once.

    Example: eva-gateway credential add contoso --label "nightly checks" --days 30
    """
    account = await find_account(client, name)
    body = {"account_id": account["id"], "label": label, "days": days}
    added = await client.post("credentials", body)
    if as_json:
        print_json(added)
        return
    say(f"The program acts as {added['account']}. Keep its secret: it is not shown again.")
    say(f"client id:     {added['client_id']}")
    say(f"client secret: {added['client_secret']}")
    say(f"tenant:        {added['tenant_id']}")


@app.command("list")
@talks
async def list_all(client: Client, as_json: AsJson = False) -> None:
    """List the credentials, those that are over included.

    Example: eva-gateway credential list
    """
    answer = await client.get("credentials")
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["credentials"],
        [
            ("CLIENT ID", field("client_id")),
            ("ACTS AS", field("account")),
            ("STATE", field("state")),
            ("EXPIRES", moment("expires_at")),
            ("LABEL", field("label")),
        ],
        empty="There are no credentials.",
    )


@app.command()
@talks
async def revoke(
    client: Client,
    client_id: Annotated[str, typer.Argument(metavar="CLIENT-ID", help="The credential's id.")],
    as_json: AsJson = False,
) -> None:
    """End a credential at once, with everything that its program is signed in with.

    Example: eva-gateway credential revoke 6f1f2a4e-8d3c-4d8e-9f55-0a1b2c3d4e5f
    """
    revoked = await client.delete(f"credentials/{segment(client_id)}")
    if as_json:
        print_json(revoked)
        return
    say(f"The credential is revoked; {revoked['sign_ins_ended']} sign-ins ended with it.")
