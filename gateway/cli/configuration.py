"""The gateway's settings, judged and shown without starting anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.backends import load_kinds
from gateway.errors import GatewayError
from gateway.inventory import Inventory
from gateway.serving import load_tls
from gateway.settings import Settings


def load(file: Path | None) -> Settings:
    """The settings as `serve` would read them. Raises: SettingsError."""
    return Settings.load(file)


def problems(settings: Settings) -> list[str]:
    """Everything that would keep a gateway from starting with `settings`."""
    return [*_database(settings), *_tls(settings), *_inventory(settings)]


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as JSON values, the database's password hidden."""
    values: dict[str, Any] = settings.model_dump(mode="json")
    if settings.database is not None:
        values["database"] = _without_password(settings.database)
    return values


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not an address)"


def _database(settings: Settings) -> Iterator[str]:
    try:
        make_url(settings.database_url)
    except ArgumentError:
        yield "database: it is not an SQLAlchemy address"


def _tls(settings: Settings) -> Iterator[str]:
    try:
        load_tls(settings)
    except GatewayError as error:
        yield str(error)


def _inventory(settings: Settings) -> Iterator[str]:
    if settings.inventory_file is None:
        return
    try:
        Inventory.load(settings.inventory_file, load_kinds())
    except GatewayError as error:
        yield str(error)
