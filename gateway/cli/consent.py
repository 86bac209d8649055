"""consent …: the tenant's promise for one VM, and its end."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.client import Client, segment
from gateway.cli.command import talks
from gateway.cli.output import (
    AsJson,
    field,
    local_time,
    print_json,
    print_table,
    remaining,
    say,
)

app = typer.Typer(
    help="Consents: request, list and delete the tenant's promise for one virtual machine.",
    no_args_is_help=True,
)

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the others to read.")
]


@app.command()
@talks
async def request(
    client: Client,
    resource_id: Annotated[
        str, typer.Argument(metavar="RESOURCE_ID", help="/subscriptions/…/virtualMachines/NAME")
    ],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Consent to an operator using one VM's console for 8 hours (the seed's enableVmAccess).

    Prints the ERCS name, which you give to the operator together with the resource id. Asking
    again while a consent is active returns the same one and does not extend it.

    Example: eva-gateway consent request /subscriptions/GUID/resourceGroups/RG/providers/\
Microsoft.Compute/virtualMachines/web01 --reason "locked out"
    """
    answer = await client.post("consents", {"resource_id": resource_id, "reason": reason})
    if as_json:
        print_json(answer)
        return
    say(f"ERCSName: {answer['ERCSName']}")
    say(f"Consent {answer['id']} holds until {local_time(answer['expires_at'])}.")
    say("Give the ERCS name and the resource id to your operator.")


@app.command("list")
@talks
async def list_all(
    client: Client,
    history: Annotated[bool, typer.Option("--history", help="Ended consents too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the consents that you may see: a tenant's own, an operator's node, an admin's all.

    Example: eva-gateway consent list --history
    """
    answer = await client.get("consents", history="true" if history else None)
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["consents"],
        [
            ("ID", field("id")),
            ("TENANT", field("tenant")),
            ("NODE", field("ERCSName")),
            (
                "LEFT",
                lambda row: remaining("expires_at")(row) if row["active"] else row["end_code"],
            ),
            ("REASON", field("reason")),
            ("RESOURCE ID", field("resource_id")),
        ],
        empty="There are no consents." if history else "There are no active consents.",
    )


@app.command()
@talks
async def delete(
    client: Client,
    consent: Annotated[
        str, typer.Argument(metavar="RESOURCE_ID|ID", help="The VM's resource id, or a consent's.")
    ],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """End a consent and with it every console opened by it (the seed's Delete-TenantVMSession).

    The tenant withdraws, the operator has finished, an admin revokes.

    Example: eva-gateway consent delete /subscriptions/GUID/resourceGroups/RG/providers/\
Microsoft.Compute/virtualMachines/web01 --reason "network is back"
    """
    why = reason or None
    if "/" in consent:
        answer = await client.delete("consents", resource_id=consent, reason=why)
    else:
        answer = await client.delete(f"consents/{segment(consent)}", reason=why)
    if as_json:
        print_json(answer)
        return
    say(f"The consent for {answer['resource_id']} has ended ({answer['end_code']}).")
