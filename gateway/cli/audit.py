"""audit …: read the audit log, and verify that it is what was written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import target
from gateway.cli.client import Client, Json
from gateway.cli.command import reported, talks
from gateway.cli.failures import Exit, Failure
from gateway.cli.output import AsJson, field, moment, note, print_json, print_table, say

app = typer.Typer(
    help="The audit log: every decision, chained by hash (admins only).", no_args_is_help=True
)


@app.command("list")
@talks
async def list_page(
    client: Client,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 50,
    before: Annotated[
        int | None, typer.Option("--before", min=1, metavar="SEQ", help="Older than this record.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this action, like consent.request.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only this account.")] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="allowed|denied", help="Only this outcome.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List audit records, newest first.

    Example: eva-gateway audit list --outcome denied --limit 20
    """
    answer = await client.get(
        "audit", limit=limit, before=before, action=action, actor=actor, outcome=outcome
    )
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["records"],
        [
            ("SEQ", field("seq")),
            ("AT", moment("at")),
            ("ACTOR", field("actor")),
            ("FROM", field("address")),
            ("ACTION", field("action")),
            ("TARGET", field("target")),
            ("OUTCOME", field("outcome")),
            ("WHY", field("code")),
        ],
        empty="There are no such records.",
    )
    if answer["next"] is not None:
        note(f"More: --before {answer['next']}")


@app.command()
@reported
def verify(
    *,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="Verify this database itself, without a gateway.",
            rich_help_panel="Offline",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="The heads that the gateway noted outside the database; they betray a cut-off "
            "tail.",
            rich_help_panel="Offline",
        ),
    ] = None,
    gateway: target.GatewayOption = None,
    ca_file: target.CaFileOption = None,
    token_file: target.TokenFileOption = None,
    token: target.TokenOption = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log; name the first record that was changed, removed or reordered.

    Exits with 1 when the log is not what was written.

    Examples: eva-gateway audit verify

    eva-gateway audit verify --database sqlite+aiosqlite:////var/lib/eva/gateway.sqlite3 \
--checkpoint /var/lib/eva/audit.checkpoints
    """
    if database is None and checkpoint is not None:
        raise Failure("--checkpoint needs --database URL too", Exit.USAGE)
    if database is not None:
        # The store's libraries take a second to load, and no other command wants them.
        from gateway.cli.offline import verify_offline  # noqa: PLC0415

        answer = asyncio.run(verify_offline(database, checkpoint))
    else:
        answer = asyncio.run(_verify_online(target.find(gateway, ca_file, token_file, token)))
    _conclude(answer, as_json=as_json)


async def _verify_online(place: target.Target) -> Json:
    async with Client(place) as client:
        return await client.get("audit/verification")


def _conclude(answer: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer["intact"]:
        say(f"The audit log is intact: {answer['count']} records, head {answer['head']}.")
    if not answer["intact"]:
        raise Failure(f"the audit log is broken at record {answer['seq']}: {answer['why']}")
