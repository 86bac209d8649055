"""subscription …: where emergency access is possible. Only an admin may use these."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.client import Client, segment
from gateway.cli.command import talks
from gateway.cli.output import AsJson, field, print_json, print_table, say

app = typer.Typer(
    help="Where emergency access is possible: enable, disable, list subscriptions (admins only).",
    no_args_is_help=True,
)

SubscriptionId = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id, a GUID.")]


@app.command()
@talks
async def enable(client: Client, subscription_id: SubscriptionId, as_json: AsJson = False) -> None:
    """Let the tenants of a subscription consent (the seed's enableTenantSubscriptionFeature).

    Example: eva-gateway subscription enable 6f1f2a4e-8d3c-4d8e-9f55-0a1b2c3d4e5f
    """
    await _change(client, subscription_id, enabled=True, as_json=as_json)


@app.command()
@talks
async def disable(client: Client, subscription_id: SubscriptionId, as_json: AsJson = False) -> None:
    """Allow no consents in a subscription any more; those that are active end at once.

    This is the opposite of enable (disableTenantSubscriptionFeature).

    Example: eva-gateway subscription disable 6f1f2a4e-8d3c-4d8e-9f55-0a1b2c3d4e5f
    """
    await _change(client, subscription_id, enabled=False, as_json=as_json)


@app.command("list")
@talks
async def list_all(client: Client, as_json: AsJson = False) -> None:
    """List the subscriptions, and where emergency access is enabled.

    Example: eva-gateway subscription list
    """
    answer = await client.get("subscriptions")
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["subscriptions"],
        [
            ("SUBSCRIPTION", field("id")),
            ("EMERGENCY ACCESS", lambda row: "enabled" if row["enabled"] else "disabled"),
        ],
        empty="There are no subscriptions.",
    )


async def _change(client: Client, subscription_id: str, *, enabled: bool, as_json: bool) -> None:
    answer = await client.put(f"subscriptions/{segment(subscription_id)}", {"enabled": enabled})
    if as_json:
        print_json(answer)
        return
    now = "enabled" if answer["enabled"] else "disabled"
    say(f"Emergency access is {now} for subscription {answer['id']}.")
