"""inventory …: entries for the inventory file, made from what a hypervisor says.

What the commands need is loaded when they run: it takes seconds that no other command should wait.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.command import reported
from gateway.cli.output import note, say

app = typer.Typer(
    help="Entries for the inventory file, made from what a hypervisor says. Runs without a "
    "gateway.",
    no_args_is_help=True,
)


@app.command()
@reported
def libvirt(
    *,
    host: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST[:PORT]", help="The host, asked over TLS. Default: this machine."
        ),
    ] = None,
    subscription: Annotated[
        str, typer.Option("--subscription", metavar="ID", help="The subscription they belong to.")
    ],
    resource_group: Annotated[
        str, typer.Option("--resource-group", metavar="NAME", help="Their resource group.")
    ],
    node: Annotated[
        str, typer.Option("--node", metavar="NODE", help="The node (ERCS) that serves them.")
    ],
    session: Annotated[
        bool, typer.Option("--session", help="Ask the user's own libvirt, not the system's.")
    ] = False,
    socket: Annotated[
        Path | None,
        typer.Option("--socket", metavar="FILE", help="This machine's libvirt listens here."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="Who may have signed the certificate."),
    ] = None,
    pin: Annotated[
        str | None, typer.Option("--pin", metavar="SHA256", help="The host's certificate.")
    ] = None,
    server_name: Annotated[
        str | None, typer.Option("--server-name", metavar="NAME", help="What it must bear.")
    ] = None,
    certificate_file: Annotated[
        Path | None,
        typer.Option("--certificate-file", metavar="FILE", help="The gateway's own certificate."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="The key that belongs to it.")
    ] = None,
    plain_vnc: Annotated[
        bool, typer.Option("--plain-vnc", help="The host's VNC servers speak no TLS.")
    ] = False,
) -> None:
    """Print an entry for each VM of a libvirt host, to be put into the inventory file.

    A VM without VNC graphics has no console to show: it is left out, and named on standard error.

    Examples: eva-gateway inventory libvirt --subscription \
0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11 --resource-group shop --node AzS-ERCS01 >> inventory.toml

    eva-gateway inventory libvirt hv3.example --ca-file /etc/eva/ca.pem --certificate-file \
/etc/eva/libvirt.pem --key-file /etc/eva/libvirt.key --subscription \
0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11 --resource-group shop --node AzS-ERCS01
    """
    from gateway.cli.libvirt_entries import Host, entries  # noqa: PLC0415 - see above

    given = {"ca_file": ca_file, "pin": pin, "server_name": server_name}
    settled = {"socket": socket, "certificate_file": certificate_file, "key_file": key_file}
    found = asyncio.run(
        entries(
            Host(
                host,
                "session" if session else "system",
                {key: _text(value) for key, value in given.items() if value is not None},
                {key: _text(value) for key, value in settled.items() if value is not None}
                | ({"plain_vnc": True} if plain_vnc else {}),
            ),
            subscription=subscription,
            resource_group=resource_group,
            node=node,
        )
    )
    for remark in found.remarks:
        note(f"eva-gateway: {remark}")
    for entry in found.entries:
        for line in entry:
            say(line)
        say("")


def _text(value: Path | str) -> str:
    """A file by its full path: the inventory may lie elsewhere than where this is run."""
    return str(value.absolute()) if isinstance(value, Path) else value
