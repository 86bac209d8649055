"""The headers that every answer bears: content-security policy, transport, caching."""

from __future__ import annotations

from typing import Final

from aiohttp import web

STATIC_PREFIX: Final = "/static/"

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",  # noVNC paints JPEG rects from data: addresses
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

# The one origin that this answer's forms may go to; checked, never as a request said it.
FORM_TARGET: Final = web.RequestKey("form_target", str)

# ASVS 5.0 V3.4.1 (one year and more), V3.4.4, V3.4.5, V3.4.8.
EVERYWHERE: Final = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler: runs before any answer's headers leave."""
    response.headers.update(EVERYWHERE)
    if (target := request.get(FORM_TARGET)) is not None:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
            "form-action 'self'", f"form-action {target}"
        )
    response.headers.pop("Server", None)
    if request.path.startswith(STATIC_PREFIX):
        # With an ETag: modules import each other by plain paths, so ask each time, send rarely.
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"
