"""connect: open a VM's console, in a browser or for any VNC viewer."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from gateway.cli import browser, credentials, target
from gateway.cli.client import Client, Json
from gateway.cli.command import reported
from gateway.cli.failures import Exit, Failure, Refusal
from gateway.cli.output import AsJson, local_time, note, print_json, say
from gateway.cli.proof import CodeOption, PasswordStdinOption, Proof, UserOption, ask
from gateway.cli.relay import LOOPBACK, Ending, Patience, Relay, Stream, Ticket

# A ticket lives for 60 s; one that is nearly over is not worth a viewer's attempt.
TICKET_SECONDS: Final = 45.0

# What --json shows. The ticket and the token are secrets that nobody asked for.
SHOWN: Final = ("page", "stream", "consent_id", "grant_id", "resource_id", "node", "expires_at")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(connect)


@reported
def connect(
    resource_id: Annotated[
        str, typer.Argument(metavar="RESOURCE_ID", help="/subscriptions/…/virtualMachines/NAME")
    ],
    *,
    listen: Annotated[
        int | None,
        typer.Option(
            "--listen",
            metavar="PORT",
            min=0,
            max=65535,
            help="Offer the console to a VNC viewer on this loopback port; 0 takes a free one.",
        ),
    ] = None,
    user: UserOption = None,
    password_stdin: PasswordStdinOption = False,
    code: CodeOption = None,
    gateway: target.GatewayOption = None,
    ca_file: target.CaFileOption = None,
    token_file: target.TokenFileOption = None,
    token: target.TokenOption = None,
    as_json: AsJson = False,
) -> None:
    """Open the console of a VM whose tenant consented (the seed's ConnectTo-TenantVm).

    Asks again for your password and a one-time code, then opens the console's page in your
    browser. With --listen it prints 127.0.0.1:PORT and serves one VNC viewer at a time there. With
    --json it prints where the page is; that address works once, for a minute, from here.

    Examples: eva-gateway connect /subscriptions/GUID/resourceGroups/RG/providers/\
Microsoft.Compute/virtualMachines/web01

    eva-gateway connect RESOURCE_ID --listen 5999, then: vncviewer 127.0.0.1::5999

    For scripts, without login: eva-gateway connect RESOURCE_ID --json --user ops \
--password-stdin --code 123456 < password-file
    """
    place = target.find(gateway, ca_file, token_file, token)
    anew = user is not None or place.token is None
    if anew:
        place = replace(place, token=None, stored=False)
    proof = ask(user, password_stdin=password_stdin, code=code, wants_user=anew)
    asyncio.run(_connect(place, resource_id, proof, listen, as_json=as_json))


async def _connect(
    place: target.Target, resource_id: str, proof: Proof, listen: int | None, *, as_json: bool
) -> None:
    async with Client(place) as client:
        opened = await _open(client, resource_id, proof)
        if listen is not None:
            await _listen(client, opened, listen, as_json=as_json)
        elif as_json:
            print_json({name: opened[name] for name in SHOWN})
        else:
            say(f"Opening the console of {resource_id} in your browser.")
            say(f"The tenant's consent holds until {local_time(opened['expires_at'])}.")
            await browser.show(opened["page"])


async def _open(client: Client, resource_id: str, proof: Proof) -> Json:
    """Step up, and keep the token that the step-up gave in place of the one before."""
    body = {"resource_id": resource_id, "password": proof.password, "code": proof.code}
    if client.token is None:
        body["user"] = proof.user
    try:
        opened = await client.post("consoles", body)
    except Refusal as refusal:
        if refusal.status == 401:
            raise Failure(_unproven(signed_in=client.token is not None)) from None
        raise
    _keep(client, str(opened["token"]))
    return opened


def _unproven(*, signed_in: bool) -> str:
    if signed_in:
        return (
            "the password or the one-time code is wrong or was used before, or your sign-in has "
            "ended (then run: eva-gateway login)"
        )
    return "the name, the password or the one-time code is wrong, or the code was used before"


def _keep(client: Client, token: str) -> None:
    place, had = client.target, client.token
    client.token = token
    if place.stored:
        stored = credentials.load()
        if stored is not None and stored.token == had:
            credentials.save(replace(stored, token=token))
    elif had is not None:
        note("The step-up replaced your bearer token: the one in EVA_TOKEN or the file is over.")


async def _listen(client: Client, opened: Json, port: int, *, as_json: bool) -> None:
    relay = Relay(
        _stream(client, opened),
        _tickets(client, opened),
        Patience(first=opened["connect_within"], next=opened["return_within"]),
    )

    def announce(bound: int) -> None:
        if as_json:
            shown = {name: opened[name] for name in SHOWN if name != "page"}
            print_json({"host": LOOPBACK, "port": bound, **shown})
        else:
            say(f"{LOOPBACK}:{bound}")
            note(f"Open it within {opened['connect_within']} s: vncviewer {LOOPBACK}::{bound}")
            note("Ctrl+C ends it.")

    try:
        with _until_signalled(relay):
            ending = await relay.run(port, announce)
    finally:
        if client.target.token is None:
            await _sign_out(client)
    if ending.code is not Exit.OK:
        raise Failure(ending.sentence, ending.code)
    note(f"eva-gateway: {ending.sentence}")


def _stream(client: Client, opened: Json) -> Stream:
    """The stream at the address that we reached the gateway by, named as its own pages name it."""
    public = urlsplit(opened["page"])
    base = client.target.base
    return Stream(
        address=f"ws{base.removeprefix('http')}{urlsplit(opened['stream']).path}",
        origin=f"{public.scheme}://{public.netloc}",
        tls=client.tls,
    )


def _tickets(client: Client, opened: Json) -> Ticket:
    """The ticket that came with the console while it is fresh, then a new one for each viewer."""
    now = asyncio.get_running_loop().time
    spare, until = [str(opened["ticket"])], now() + TICKET_SECONDS

    async def ticket() -> str:
        if spare and now() < until:
            return spare.pop()
        answer = await client.post(f"consoles/{opened['consent_id']}/tickets")
        return str(answer["ticket"])

    return ticket


@contextlib.contextmanager
def _until_signalled(relay: Relay) -> Iterator[None]:
    """Let Ctrl+C and SIGTERM end `relay` in good order."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, relay.end, Ending("stopped", Exit.OK))
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _sign_out(client: Client) -> None:
    """End the sign-in that was made for this command alone, and its grant with it."""
    with contextlib.suppress(Failure):
        await client.delete("sign-ins/current")
