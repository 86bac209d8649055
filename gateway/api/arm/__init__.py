"""Azure Resource Manager's API, as its clients send it: bearer tokens only, errors as its own.

One aiohttp route hands every path below the roots to a table of our own (`routing`), by way of one
entrance (`entrance`). Each resource has a file, which exports its `routes()`.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.api.arm import (
    deployments,
    extension_images,
    extensions,
    features,
    metadata,
    operations,
    providers,
    resource_groups,
    scale_set_extensions,
    scale_sets,
    subscriptions,
    virtual_machines,
    vm_access,
)
from gateway.api.arm.entrance import Entrance
from gateway.api.arm.routing import Route
from gateway.api.arm.throttle import RequestThrottle
from gateway.edge import ARM_ROUTE

RESOURCES: Final = (
    metadata,
    subscriptions,
    providers,
    resource_groups,
    virtual_machines,
    vm_access,
    extensions,
    scale_sets,
    scale_set_extensions,
    operations,
    extension_images,
    features,
    deployments,
)

# Beside the pages, only what begins like this; at the administrators' endpoint, everything.
_ROOTS: Final = "/{arm:/*(?i:metadata|tenants|subscriptions|providers)(?:/.*)?}"
_EVERYTHING: Final = "/{arm:(?s:.*)}"


def routes() -> list[Route]:
    """Every route of both endpoints."""
    return [route for resource in RESOURCES for route in resource.routes()]


def entry(*, alone: bool = False, throttle: RequestThrottle | None = None) -> web.RouteDef:
    """The one route that an application needs. `alone`: nothing else is served there."""
    path = _EVERYTHING if alone else _ROOTS
    return web.route("*", path, Entrance(routes(), throttle).enter, name=ARM_ROUTE)
