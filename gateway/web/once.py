"""Forms that work once: sent twice, by a double click or from a page gone back to, acts once."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from itsdangerous import BadSignature, URLSafeTimedSerializer

from gateway.errors import Refused
from gateway.store import new_id

FIELD: Final = "attempt"
PURPOSE: Final = "once"
MAX_AGE: Final = 3600  # seconds from the page to its form
MOST_REMEMBERED: Final = 10_000
PROCESS: Final = secrets.token_hex(8)  # what forms of this process bear


@dataclass(slots=True)
class Attempt:
    """One form; `led_to` is where its act led, once it was done."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    led_to: str | None = None


class Once:
    """Which forms have acted already.

    INVARIANT: what is not remembered does not act again: a form of an earlier process is stale.
    """

    def __init__(self) -> None:
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()

    def token(self, signer: URLSafeTimedSerializer) -> str:
        """For a hidden field of a form."""
        return str(signer.dumps([PROCESS, new_id()]))

    async def act(
        self, signer: URLSafeTimedSerializer, token: str, act: Callable[[], Awaitable[str]]
    ) -> str:
        """Where `act` leads: it is done if no form with `token` did it before.

        An act that raises has not been done. Raises: Refused, for a stale form.
        """
        attempt = self._attempt(_id_of(signer, token))
        async with attempt.lock:
            if attempt.led_to is None:
                attempt.led_to = await act()
            return attempt.led_to

    def _attempt(self, attempt_id: str) -> Attempt:
        attempt = self._attempts.setdefault(attempt_id, Attempt())
        while MOST_REMEMBERED < len(self._attempts):
            self._attempts.popitem(last=False)
        return attempt


ONCE: Final = web.AppKey("once", Once)


def _id_of(signer: URLSafeTimedSerializer, token: str) -> str:
    try:
        made_by, attempt_id = signer.loads(token, max_age=MAX_AGE)
    except (BadSignature, ValueError, TypeError):
        raise _stale() from None
    if made_by != PROCESS:
        raise _stale()
    return str(attempt_id)


def _stale() -> Refused:
    return Refused(
        "StaleForm", "this form is too old to be sent: nothing was done, fill it in again"
    )
