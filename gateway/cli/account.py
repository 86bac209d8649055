"""account …: who may take part. Only an admin may use these."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.client import Client, Json
from gateway.cli.command import talks
from gateway.cli.failures import Failure
from gateway.cli.output import AsJson, field, moment, print_json, print_table, say
from gateway.policy.facts import Role

app = typer.Typer(
    help="Who may take part: create, list, disable accounts (admins only).", no_args_is_help=True
)

RoleName = StrEnum("RoleName", {role.value: role.value for role in Role})  # type: ignore[misc]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


@app.command()
@talks
async def create(
    client: Client,
    name: Name,
    role: Annotated[
        RoleName,
        typer.Option("--role", help="cloudadmin is the operator; a tenant owns subscriptions."),
    ],
    subscription: Annotated[
        list[str] | None,
        typer.Option(
            "--subscription", metavar="ID", help="A subscription of the tenant; repeat for more."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an account, and print the one-time link where its person chooses a password.

    Example: eva-gateway account create ops --role cloudadmin
    """
    body = {"name": name, "role": str(role), "subscriptions": subscription or []}
    _show_link(await client.post("accounts", body), as_json=as_json)


@app.command("list")
@talks
async def list_all(client: Client, as_json: AsJson = False) -> None:
    """List the accounts.

    Example: eva-gateway account list
    """
    answer = await client.get("accounts")
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["accounts"],
        [
            ("NAME", field("name")),
            ("ROLE", field("role")),
            ("STATE", _state),
            ("CREATED", moment("created_at")),
            ("SUBSCRIPTIONS", lambda row: ", ".join(row["subscriptions"]) or "–"),
        ],
        empty="There are no accounts.",
    )


@app.command()
@talks
async def disable(client: Client, name: Name) -> None:
    """Lock an account: its sign-ins end at once, and the consoles that it opened.

    Example: eva-gateway account disable ops
    """
    account = await find_account(client, name)
    await client.patch(f"accounts/{account['id']}", {"disabled": True})
    say(f"{account['name']} is disabled.")


@app.command()
@talks
async def enable(client: Client, name: Name) -> None:
    """Unlock an account. What ended when it was disabled stays ended.

    Example: eva-gateway account enable ops
    """
    account = await find_account(client, name)
    await client.patch(f"accounts/{account['id']}", {"disabled": False})
    say(f"{account['name']} is enabled.")


@app.command("set-up-link")
@talks
async def set_up_link(client: Client, name: Name, as_json: AsJson = False) -> None:
    """Print a new one-time set-up link, for somebody who lost password or codes.

    Older links of the account stop working.

    Example: eva-gateway account set-up-link ops
    """
    account = await find_account(client, name)
    _show_link(await client.post(f"accounts/{account['id']}/set-up-links"), as_json=as_json)


async def find_account(client: Client, name: str) -> Json:
    """The account called `name`, whatever the case. Raises: Failure."""
    accounts: list[Json] = (await client.get("accounts"))["accounts"]
    for account in accounts:
        if account["name"].casefold() == name.casefold():
            return account
    raise Failure(f"there is no account {name!r}; see: eva-gateway account list")


def _show_link(answer: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    say(f"Give {answer['name']} this one-time set-up link, by a way that only they can read:")
    say(answer["set_up_link"])


def _state(row: object) -> str:
    assert isinstance(row, dict)
    if row["disabled"]:
        return "disabled"
    return "active" if row["set_up"] else "to be set up"
