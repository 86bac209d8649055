"""The authority: who Resource Manager's clients are, in the manner of AD FS (OAuth 2.0).

AD FS's addresses work on any host and port with clients as they are; with Entra ID's, the clients
would ask login.microsoftonline.com first.
"""

from __future__ import annotations

from aiohttp import web

from gateway.api.adfs import device_code, discovery, token


def routes() -> list[web.RouteDef]:
    """What programs ask for. The pages of their people are `web.device` and `web.authorize`."""
    return [*discovery.routes(), *token.routes(), *device_code.routes()]
