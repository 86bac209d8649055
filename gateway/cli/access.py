"""access …: the workstations from which operators may reach a node's consoles."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.client import Client, segment
from gateway.cli.command import talks
from gateway.cli.output import AsJson, field, moment, print_json, print_table, say

app = typer.Typer(
    help="The workstation safelist: from where operators may reach a node's consoles.",
    no_args_is_help=True,
)

Node = Annotated[
    str,
    typer.Option("--node", metavar="NODE", help="The node (ERCS). Default: the one that answers."),
]
Address = Annotated[
    str | None,
    typer.Argument(
        metavar="ADDRESS",
        help="An address or a CIDR block. Default: this workstation's, as the gateway sees it.",
    ),
]


@app.command()
@talks
async def grant(
    client: Client, address: Address = None, node: Node = "current", as_json: AsJson = False
) -> None:
    """Put a workstation on the safelist (the seed's Grant-RdpAccessToErcsVM).

    Any node may be assigned a request, so consider granting on each.

    Examples: eva-gateway access grant

    eva-gateway access grant 10.20.0.0/24 --node AzS-ERCS02
    """
    body = {"network": address} if address else {}
    answer = await client.post(f"nodes/{segment(node)}/safelist", body)
    if as_json:
        print_json(answer)
        return
    say(f"Operators at {answer['network']} may reach the consoles of {answer['node']}.")


@app.command()
@talks
async def revoke(
    client: Client, address: Address = None, node: Node = "current", as_json: AsJson = False
) -> None:
    """Take a workstation off the safelist (the seed's Revoke-RdpAccessToErcsVM).

    Consoles that were opened from there close at once.

    Example: eva-gateway access revoke 10.20.0.7
    """
    answer = await client.delete(f"nodes/{segment(node)}/safelist", network=address)
    if as_json:
        print_json(answer)
        return
    say(f"{answer['network']} is off the workstation safelist of {answer['node']}.")


@app.command("list")
@talks
async def list_all(client: Client, node: Node = "current", as_json: AsJson = False) -> None:
    """List the safelist of a node. An empty one lets nobody reach a console.

    Example: eva-gateway access list --json
    """
    answer = await client.get(f"nodes/{segment(node)}/safelist")
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["workstations"],
        [
            ("NODE", field("node")),
            ("ADDRESS", field("network")),
            ("ADDED BY", field("added_by")),
            ("ADDED", moment("added_at")),
        ],
        empty=f"The workstation safelist of {answer['node']} is empty: nobody reaches a console.",
    )
