"""XAPI, which manages XenServer and XCP-ng hosts: a sign-in for the length of a few questions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from gateway.backends.site import Api, Site
from gateway.errors import AccountRefused, UpstreamError, UpstreamRefused

_PATH: Final = "/jsonrpc"
_VERSION: Final = "2.0"  # of the API that we know; XAPI tells nobody off for it
_ORIGINATOR: Final = "eva-gateway"
_FAREWELL_SECONDS: Final = 1.0
_REF: Final = re.compile(r"OpaqueRef:[A-Za-z0-9-]{1,64}", re.ASCII)
_CODE: Final = re.compile(r"[A-Z0-9_]{1,64}", re.ASCII)
_LOGIN: Final = "session.login_with_password"
_WRONG_LOGIN: Final = "SESSION_AUTHENTICATION_FAILED"
IS_SLAVE: Final = "HOST_IS_SLAVE"
_WORDS: Final = {
    _WRONG_LOGIN: "XAPI refused the user or the password",
    "UUID_INVALID": "the pool knows no such VM",
    "HANDLE_INVALID": "the VM or its console went away meanwhile",
    "RBAC_PERMISSION_DENIED": "the account may not do this: it needs the role of a VM operator",
    IS_SLAVE: "the host is not its pool's master: name the master in the entry",
}


class XapiRefused(UpstreamRefused):
    """XAPI answered with an error. `about` is its own and hostile."""

    def __init__(self, code: str, about: list[str]) -> None:
        super().__init__(_WORDS.get(code) or f"XAPI refused: {code}")
        self.code = code
        self.about = about


class Session:
    """A sign-in. INVARIANT: its id is told to XAPI alone."""

    def __init__(self, api: Api, reference: str) -> None:
        self._api = api
        self._reference = reference

    async def call(self, method: str, *params: Any) -> Any:
        """Raises: XapiRefused, UpstreamError."""
        return await _call(self._api, method, self._reference, *params)

    async def ref(self, method: str, *params: Any) -> str:
        """The same, where the answer must be a reference. Raises: UpstreamError."""
        return checked_ref(await self.call(method, *params))

    @property
    def headers(self) -> dict[str, str]:
        """xapi, xapi_http.ml: a session's id may stand in a cookie rather than in the query."""
        return {"Cookie": f"session_id={self._reference}"}


@asynccontextmanager
async def session_at(site: Site, user: str, password: str) -> AsyncIterator[Session]:
    """Signed in until the block ends. Raises: XapiRefused, UpstreamError."""
    async with site.api() as api:
        session = Session(api, await _log_in(api, user, password))
        try:
            yield session
        finally:
            # What was opened stays: xapi asks for the session as a console opens, and then no more.
            with suppress(UpstreamError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await session.call("session.logout")


async def _log_in(api: Api, user: str, password: str) -> str:
    try:
        found = await _call(api, _LOGIN, user, password, _VERSION, _ORIGINATOR)
    except XapiRefused as error:
        if error.code == _WRONG_LOGIN:
            raise AccountRefused(str(error)) from None
        raise
    return checked_ref(found)


def checked_ref(found: object) -> str:
    """Raises: UpstreamRefused."""
    if isinstance(found, str) and _REF.fullmatch(found):
        return found
    raise UpstreamRefused("the hypervisor's answer lacks a reference")


async def _call(api: Api, method: str, *params: Any) -> Any:
    content = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
    answer = await api.ask("POST", _PATH, content=content)
    if answer.status != 200:
        raise UpstreamRefused(f"XAPI refused with status {answer.status}")
    code = answer.find("error", "message")
    if isinstance(code, str) and _CODE.fullmatch(code):
        about = answer.find("error", "data")
        texts = [each for each in about if isinstance(each, str)] if type(about) is list else []
        raise XapiRefused(code, texts)
    if not isinstance(answer.body, dict) or "result" not in answer.body:
        raise UpstreamRefused("there is no XAPI at that address")
    return answer.body["result"]
