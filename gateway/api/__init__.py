"""The JSON API under `/api/v1`: bearer tokens, for the command line and for scripts."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.api import (
    accounts,
    audit,
    consents,
    consoles,
    credentials,
    recoveries,
    safelist,
    sessions,
    sign_ins,
    subscriptions,
)
from gateway.api.envelope import envelope
from gateway.api.openapi import served

RESOURCES = (
    sign_ins,
    accounts,
    credentials,
    subscriptions,
    safelist,
    consents,
    consoles,
    recoveries,
    sessions,
    audit,
)


def routes() -> list[web.RouteDef]:
    """Every route of the API, its description's included."""
    found = [route for resource in RESOURCES for route in resource.routes()]
    return [*found, served(found)]


def middlewares() -> list[Middleware]:
    """What `routes` need around them; it touches no other path."""
    return [envelope]
