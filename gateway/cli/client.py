"""The HTTP client of the gateway's API."""

from __future__ import annotations

import os
import ssl
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp

from gateway.cli.failures import Exit, Failure, Refusal
from gateway.cli.output import printable
from gateway.cli.target import Target

TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=10)

Json = dict[str, Any]


class Client:
    """One command's conversation with a gateway.

    Every call returns the answer's JSON object ({} when there is none).
    Raises: Refusal when the gateway says no, Failure when it cannot be reached or believed.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.token = target.token
        self.tls = target.tls()

    async def __aenter__(self) -> Self:
        # Proxies of the environment are not used: the gateway judges the address that we come from.
        self._http = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def get(self, path: str, **query: str | int | None) -> Json:
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Json | None = None) -> Json:
        return await self._call("POST", path, body=body or {})

    async def put(self, path: str, body: Json) -> Json:
        return await self._call("PUT", path, body=body)

    async def patch(self, path: str, body: Json) -> Json:
        return await self._call("PATCH", path, body=body)

    async def delete(self, path: str, **query: str | int | None) -> Json:
        return await self._call("DELETE", path, query=query)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int | None] | None = None,
        body: Json | None = None,
    ) -> Json:
        try:
            async with self._http.request(
                method,
                f"{self.target.base}/api/v1/{path}",
                params={name: value for name, value in (query or {}).items() if value is not None},
                json=body,
                headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
                ssl=self.tls if self.tls is not None else True,
                # A redirect would carry the token and the password to another place.
                allow_redirects=False,
            ) as answer:
                return await self._read(answer)
        except aiohttp.ClientConnectorCertificateError as error:
            raise untrusted(self.target, error.certificate_error) from None
        except aiohttp.ClientConnectorSSLError as error:
            raise Failure(
                f"{self.target.base} does not speak TLS as expected ({_why(error)}): is the "
                "address right?",
                Exit.UNREACHABLE,
            ) from None
        except TimeoutError:
            raise unreachable(self.target, "it did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.target, _why(error)) from None

    async def _read(self, answer: aiohttp.ClientResponse) -> Json:
        if answer.status == 204:
            return {}
        try:
            value = await answer.json()
        except (ValueError, aiohttp.ContentTypeError):
            value = None
        if not isinstance(value, dict):
            raise Failure(
                f"{self.target.base} does not answer like a gateway (HTTP {answer.status}): is the "
                "address right?",
                Exit.UNREACHABLE,
            )
        if answer.status < 300:
            return value
        raise _refusal(answer, value)


def segment(text: str) -> str:
    """`text` as one segment of a path, whatever it holds."""
    return quote(text, safe="")


def untrusted(target: Target, error: Exception) -> Failure:
    """The gateway's certificate was not signed by anyone whom we trust, or not for this name."""
    detail = getattr(error, "verify_message", "") or str(error)
    return Failure(
        f"the certificate of {target.base} is not trusted ({printable(detail)}): name the file of "
        "its certificate authority by --ca-file or EVA_CA_FILE",
        Exit.UNREACHABLE,
    )


def unreachable(target: Target, why: str) -> Failure:
    return Failure(
        f"cannot reach the gateway at {target.base} ({printable(why)}): is it running, and is the "
        "address right (--gateway, EVA_GATEWAY)?",
        Exit.UNREACHABLE,
    )


def _why(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "TLS failed").replace("_", " ").lower()
    if isinstance(cause, OSError) and cause.errno and 0 < cause.errno:
        return os.strerror(cause.errno).lower()  # without asyncio's "Connect call failed"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _refusal(answer: aiohttp.ClientResponse, value: Json) -> Refusal:
    error = value.get("error")
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code", f"HTTP {answer.status}"))
    message = printable(str(error.get("message", "the gateway gave no reason")))
    if answer.status == 401 and code == "NotSignedIn":
        message = f"{message}; to sign in, run: eva-gateway login"
    return Refusal(answer.status, code, message)
