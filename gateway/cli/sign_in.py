"""login, logout, whoami: who this command line is to the gateway."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import credentials, target
from gateway.cli.client import Client
from gateway.cli.command import reported, talks
from gateway.cli.credentials import Credentials
from gateway.cli.failures import Failure, Refusal
from gateway.cli.output import AsJson, local_time, print_json, say
from gateway.cli.proof import CodeOption, PasswordStdinOption, UserOption, ask


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)


@reported
def login(
    *,
    gateway: target.GatewayOption = None,
    ca_file: target.CaFileOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdinOption = False,
    code: CodeOption = None,
    print_token: Annotated[
        bool,
        typer.Option(
            "--print-token",
            help="Print the bearer token instead of storing it, for EVA_TOKEN.",
        ),
    ] = False,
) -> None:
    """Sign in, and remember it for the commands that follow.

    The sign-in lies in $XDG_CONFIG_HOME/eva-gateway/credentials.json, readable by you alone.

    Example: eva-gateway login --gateway https://gateway.example:8443 --ca-file ca.pem

    For scripts: eva-gateway login --user ops --password-stdin --code 123456 < password-file
    """
    place = replace(target.find(gateway, ca_file), token=None, stored=False)
    proof = ask(user, password_stdin=password_stdin, code=code, wants_user=True)
    body = {"user": proof.user, "password": proof.password, "code": proof.code}
    asyncio.run(_login(place, body, print_token=print_token))


async def _login(place: target.Target, body: dict[str, str | None], *, print_token: bool) -> None:
    async with Client(place) as client:
        try:
            answer = await client.post("sign-ins", body)
        except Refusal as refusal:
            if refusal.status == 401:
                raise Failure("the name, the password or the one-time code is wrong") from None
            raise
    if print_token:
        sys.stdout.write(f"{answer['token']}\n")
        return
    name = str(answer["account"]["name"])
    credentials.save(Credentials(place.base, _absolute(place.ca_file), name, str(answer["token"])))
    say(f"Signed in to {place.base} as {name}, until {local_time(answer['expires_at'])}.")


def _absolute(ca_file: str | None) -> str | None:
    return None if ca_file is None else str(Path(ca_file).absolute())


@talks
async def logout(client: Client) -> None:
    """End this sign-in, on the gateway and here. Consoles that were opened with it close.

    Example: eva-gateway logout
    """
    if client.token is None:
        say("You were not signed in.")
        return
    try:
        await client.delete("sign-ins/current")
    except Refusal as refusal:
        if refusal.status != 401:  # it had ended already
            raise
    finally:
        if client.target.stored:
            credentials.forget()
    say("Signed out.")


@talks
async def whoami(client: Client, as_json: AsJson = False) -> None:
    """Say who you are to the gateway, in which role, and from which address.

    Example: eva-gateway whoami
    """
    answer = await client.get("sign-ins/current")
    if as_json:
        print_json(answer)
        return
    account = answer["account"]
    say(f"{account['name']} ({account['role']}) at {client.target.base}, node {answer['node']}")
    say(f"from {answer['address']}, signed in until {local_time(answer['expires_at'])}")
    for subscription in account["subscriptions"]:
        say(f"subscription {subscription}")
