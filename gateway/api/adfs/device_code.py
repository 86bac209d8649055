"""A program without a browser asks for a code that its person can type (RFC 8628 §3.1, §3.2)."""

from __future__ import annotations

from aiohttp import web

from gateway.actions.device_sign_in import INTERVAL, ask_device_code
from gateway.api.adfs.answers import told_in_oauth
from gateway.api.adfs.discovery import DEVICE_CODE
from gateway.api.adfs.forms import form_of
from gateway.edge import DEVICE_PAGE, SERVICES, base_of
from gateway.identity.user_codes import shown_user_code


def routes() -> list[web.RouteDef]:
    return [web.post(DEVICE_CODE, ask, name="adfs.devicecode")]


@told_in_oauth
async def ask(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    form = await form_of(request)
    now = services.clock()
    asked = await ask_device_code(services, form.program, now=now)
    page, code = base_of(request) + DEVICE_PAGE, shown_user_code(asked.user_code)
    # No `verification_uri_complete`: a code in a link is a code that people do not compare.
    return web.json_response(
        {
            "device_code": asked.secret,
            "user_code": code,
            "verification_uri": page,
            "interval": INTERVAL.seconds,
            "expires_in": int((asked.expires_at - now).total_seconds()),
            "message": f"To sign in, use a web browser to open the page {page} and enter the code "
            f"{code} to authenticate.",
        }
    )
