"""Somebody's browser as far as forms go: cookies, form tokens, no script."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import aiohttp

from tests.doubles.standing import Standing
from tests.doubles.visitors import FROM_OUR_PAGE


class Browser:
    """Somebody's browser: it keeps cookies, brings form tokens and follows no redirect."""

    def __init__(self, standing: Standing, base: str) -> None:
        self._base = base
        connector = aiohttp.TCPConnector(ssl=standing.trust())
        self._client = aiohttp.ClientSession(base, connector=connector)

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.close()

    async def get(self, path: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self._client.get(path, allow_redirects=False) as response:
            text = await response.text()
        found = re.search(r'<meta name="form-token" content="([^"]+)"', text)
        self.form_token = unescape(found[1]) if found else ""
        return response, text

    async def post(self, path: str, **form: str) -> tuple[aiohttp.ClientResponse, str]:
        """Submit a form of the page that was looked at last."""
        data = {"form_token": self.form_token, **form}
        async with self._client.post(
            path, data=data, headers=FROM_OUR_PAGE, allow_redirects=False
        ) as response:
            return response, await response.text()

    async def approve_device(self, user_code: str, **proof: str) -> tuple[Any, str]:
        """Type the code, look at the question, say who one is."""
        await self.get("/device")
        asked, text = await self.post("/device", user_code=user_code)
        assert asked.status == 200, text
        return await self.post("/device/decision", user_code=user_code, decision="approve", **proof)
