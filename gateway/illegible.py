"""Answers to what is no request: too long, malformed, or no HTTP at all."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

_HEADERS: Final = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Server": "gateway",  # aiohttp would tell its version
}


class PoliteHandler(web.RequestHandler):
    """aiohttp's own protocol, but for the words: it would echo the bytes and log a traceback."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it holds what was sent
    ) -> web.StreamResponse:
        """Refuse, in the API's envelope, and close. Raises: ConnectionError."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            log.info("request.illegible", remote=request.remote, kind=type(exc).__name__)
        else:
            log.error("request.failed", remote=request.remote, exc_info=exc)
        if 0 < request.writer.output_size:
            raise ConnectionError("a part of the answer is sent already")
        phrase = HTTPStatus(status).phrase
        error = {"code": phrase.replace(" ", ""), "message": "the request cannot be read"}
        if HTTPStatus.INTERNAL_SERVER_ERROR <= status:
            error["message"] = "the gateway failed; see its log"
        answer = web.Response(
            text=json.dumps({"error": error}),
            status=status,
            content_type="application/json",
            headers=_HEADERS,
        )
        answer.force_close()
        return answer
