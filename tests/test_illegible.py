"""What is no request is refused in the gateway's words, and not read back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.doubles.standing import Standing, standing_gateway

ILLEGIBLE = {
    "a line too long": b"GET /api/v1/" + b"SECRET" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b"G\x00T /SECRET HTTP/1.1\r\n\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"SECRET" * 2000 + b"\r\n\r\n",
    "a bad length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: SECRET\r\n\r\n",
}


async def answer_to(standing: Standing, sent: bytes) -> tuple[str, dict[str, str], str]:
    port = int(standing.base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("localhost", port, ssl=standing.trust())
    writer.write(sent)
    answer = (await asyncio.wait_for(reader.read(), 20)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize("sent", ILLEGIBLE.values(), ids=ILLEGIBLE)
async def test_it_is_refused_without_an_echo(
    tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with standing_gateway(tmp_path, []) as standing:
        status, headers, body = await answer_to(standing, sent)
    assert status.split()[1] == "400"
    assert json.loads(body)["error"]["code"] == "BadRequest"
    assert headers["Content-Type"].startswith("application/json")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in headers["Server"].lower()
    assert "SECRET" not in body + caplog.text
