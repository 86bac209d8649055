"""keys …: the secret key that seals what must be read again. Runs without a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import typer

from gateway.cli.command import reported
from gateway.cli.config import ConfigOption
from gateway.cli.failures import Exit, Failure
from gateway.cli.output import AsJson, print_json, say

app = typer.Typer(
    help="The secret key: seal anew what former keys sealed. Runs without a gateway.",
    no_args_is_help=True,
)


@app.command()
@reported
def rotate(*, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Seal everything with the current key, so that the retired ones can be thrown away.

    First name the former key in retired_secret_key_files, give secret_key_file a new file and
    restart every node; then run this once, beside the running gateway or without it.

    Example: eva-gateway keys rotate --config /etc/eva/gateway.toml
    """
    counts = asyncio.run(_rotate(config))
    if as_json:
        print_json(counts)
        return
    say(f"{sum(counts.values())} values are sealed with the current key.")
    say("The files in retired_secret_key_files are needed no more, but by backups.")


async def _rotate(config: ConfigOption) -> Mapping[str, int]:
    # They take seconds to load.
    from gateway.actions.rotate_keys import rotate_keys  # noqa: PLC0415
    from gateway.cli.offline import file_of  # noqa: PLC0415
    from gateway.identity.secrets import KeyRing, load_key  # noqa: PLC0415
    from gateway.settings import Settings  # noqa: PLC0415
    from gateway.store import Store  # noqa: PLC0415
    from gateway.store.databases import database_at  # noqa: PLC0415

    settings = Settings.load(config)
    file = file_of(settings.database_url)
    if file is not None and not file.is_file():
        raise Failure(f"cannot read {file}: no such file", Exit.USAGE)
    current, *retired = map(
        load_key, (settings.secret_key_path, *settings.retired_secret_key_files)
    )
    keys = KeyRing(current, retired, clock=_now)
    # Not `Store.open`, which would bring the schema up to date.
    store = Store(database_at(settings.database_url))
    try:
        return await rotate_keys(store, keys, now=_now())
    finally:
        await store.close()


def _now() -> datetime:
    return datetime.now(UTC)
