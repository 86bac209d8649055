"""session …: what is live on the gateway now."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.client import Client, segment
from gateway.cli.command import talks
from gateway.cli.output import (
    AsJson,
    Row,
    field,
    moment,
    print_json,
    print_table,
    remaining,
    say,
)

app = typer.Typer(
    help="Console sessions: list and end what is live on the gateway.", no_args_is_help=True
)


@app.command("list")
@talks
async def list_all(client: Client, as_json: AsJson = False) -> None:
    """List the live console sessions that you may see, and who takes part.

    Example: eva-gateway session list
    """
    answer = await client.get("sessions")
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["sessions"],
        [
            ("CONSENT", field("consent_id")),
            ("VM", field("vm")),
            ("STATE", lambda row: row["state"]["name"]),
            ("OPENED", moment("opened_at")),
            ("LEFT", remaining("ends_at")),
            ("WHO", _participants),
        ],
        empty="No console is open.",
    )


@app.command()
@talks
async def end(
    client: Client,
    consent_id: Annotated[
        str, typer.Argument(metavar="CONSENT_ID", help="As session list shows it.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the others to read.")
    ] = "",
) -> None:
    """End a console session and keep its consent: the operator has to step up again.

    Example: eva-gateway session end 3f2a… --reason "lunch"
    """
    await client.delete(f"sessions/{segment(consent_id)}", reason=reason or None)
    say("The console session has ended.")


def _participants(row: Row) -> str:
    people = [f"{who['name']} ({who['role']})" for who in row["participants"]]
    return ", ".join(people) or "–"
