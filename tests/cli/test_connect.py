"""`connect`: to the page, to an address, and to any VNC viewer; each with a real gateway."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import asyncvnc
import pytest

from gateway.cli import browser
from tests.cli.conftest import People, Shell, Site

COMMAND = (sys.executable, "-m", "gateway")


@pytest.fixture
def web01(site: Site, shell: People) -> Iterator[str]:
    """A VM for whose console its tenant has just consented."""
    contoso = shell("contoso")
    resource_id = site.vm("web01")
    consent = contoso.json("consent", "request", resource_id)["id"]
    yield resource_id
    contoso("consent", "delete", consent)


def test_json_says_where_the_page_is_and_no_other_secret(shell: People, web01: str) -> None:
    olga = shell("olga", signed_in=False)
    opened = olga.json("connect", web01, *olga.proof(), typed=olga.password)
    page = urlsplit(opened["page"])
    assert (page.path, page.query) == ("/connect", "")
    assert page.fragment
    assert opened["resource_id"] == web01
    assert not {"ticket", "token"} & set(opened)
    assert olga("whoami").exit_code == 1  # nothing was stored


def test_a_step_up_keeps_a_stored_sign_in_usable(shell: People, web01: str) -> None:
    """The step-up gives the sign-in a new secret; the stored one follows."""
    olga = shell("olga")
    code = olga.site.code("olga")
    for _ in range(2):
        olga.json("connect", web01, "--password-stdin", "--code", code, typed=olga.password)
        assert olga("whoami").exit_code == 0
        code = olga.site.code("olga")


def test_a_replaced_token_of_the_environment_is_mentioned(shell: People, web01: str) -> None:
    olga = shell("olga", signed_in=False)
    token = olga.ok("login", *olga.proof(), "--print-token", typed=olga.password).strip()
    code = olga.site.code("olga")
    result = olga("connect", web01, "--json", "--password-stdin", "--code", code,
                  typed=olga.password, EVA_TOKEN=token)  # fmt: skip
    assert result.exit_code == 0
    assert "EVA_TOKEN" in result.stderr
    assert token not in result.output


@pytest.mark.parametrize("flaw", ["password", "code", "consent", "role"])
def test_who_may_not_connect_is_told_so(flaw: str, shell: People, site: Site, web01: str) -> None:
    somebody = shell("contoso" if flaw == "role" else "olga", signed_in=False)
    proof = somebody.proof()
    if flaw == "code":
        proof[-1] = "000000"
    password = "wrong\n" if flaw == "password" else somebody.password
    vm = site.vm("desk01") if flaw == "consent" else web01
    result = somebody("connect", vm, "--json", *proof, typed=password)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_the_browser_is_led_by_a_file_that_only_its_user_reads(
    shell: People, web01: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's address holds a secret, and a process's arguments are no secret."""
    seen: list[tuple[str, int, str]] = []

    def look(url: str) -> bool:
        file = Path(url2pathname(urlsplit(url).path))
        seen.append((url, stat.S_IMODE(file.stat().st_mode), file.read_text()))
        return True

    monkeypatch.setattr(browser.webbrowser, "open", look)
    monkeypatch.setattr(browser, "READING_SECONDS", 0)
    olga = shell("olga", signed_in=False)
    olga.ok("connect", web01, *olga.proof(), typed=olga.password)
    ((url, mode, text),) = seen
    assert (urlsplit(url).scheme, mode) == ("file", 0o600)
    assert f"url={olga.site.base}/connect#" in text
    assert not Path(url2pathname(urlsplit(url).path)).exists()


def test_without_a_browser_it_says_what_else_there_is(
    shell: People, web01: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser.webbrowser, "open", lambda _url: False)
    olga = shell("olga", signed_in=False)
    result = olga("connect", web01, *olga.proof(), typed=olga.password)
    assert result.exit_code == 1
    assert "--listen" in result.stderr


class Listening:
    """`connect --listen 0` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port

    async def ending(self) -> tuple[int, str]:
        """Its exit code, and its last words."""
        assert self.process.stderr
        async with asyncio.timeout(20):
            words = (await self.process.stderr.read()).decode()
            return await self.process.wait(), words.strip().splitlines()[-1]


@asynccontextmanager
async def listening(operator: Shell, vm: str, *more: str) -> AsyncIterator[Listening]:
    environment = {k: v for k, v in operator.environment.items() if v is not None}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "connect", vm, "--listen", "0", "--json", *operator.proof(), *more,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdin.write(operator.password.encode())
    process.stdin.close()
    try:
        async with asyncio.timeout(30):
            said = await process.stdout.readline()
            assert said == b"{\n", await process.stderr.read()
            said += await process.stdout.readuntil(b"\n}\n")
        yield Listening(process, int(json.loads(said)["port"]))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def screen(port: int) -> tuple[int, int, float]:
    """What an independent VNC client sees: width, height, mean brightness."""
    async with asyncio.timeout(20), asyncvnc.connect("127.0.0.1", port) as client:
        pixels = await client.screenshot()
        return client.video.width, client.video.height, float(pixels[..., :3].mean())


@pytest.fixture
def operator(shell: People) -> Shell:
    return shell("omar", signed_in=False)


async def test_an_ordinary_vnc_viewer_sees_the_screen(
    operator: Shell, web01: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with listening(operator, web01) as relay:
        for _ in range(2):  # and another one after it
            width, height, brightness = await screen(relay.port)
            assert (width, height) == (800, 500)
            assert 0 < brightness
        relay.process.send_signal(signal.SIGTERM)
        assert await relay.ending() == (0, "eva-gateway: stopped")
    assert "failed" not in capfd.readouterr().out  # in the gateway's log


async def test_keys_of_an_ordinary_viewer_reach_the_machine(
    operator: Shell, site: Site, web01: str
) -> None:
    async with (
        listening(operator, web01) as relay,
        asyncio.timeout(20),
        asyncvnc.connect("127.0.0.1", relay.port) as client,
    ):
        client.keyboard.write("xyzzy")
        while "login: xyzzy" not in site.terminal_text("web01"):
            await asyncio.sleep(0.05)


async def test_a_withdrawal_ends_it_with_words(operator: Shell, shell: People, web01: str) -> None:
    contoso = await asyncio.to_thread(shell, "contoso")
    async with listening(operator, web01) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        assert await reader.readexactly(12) == b"RFB 003.008\n"
        shown = await asyncio.to_thread(contoso.ok, "session", "list")
        assert "web01" in shown
        await asyncio.to_thread(
            contoso.ok, "consent", "delete", web01, "--reason", "changed my mind"
        )
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        code, words = await relay.ending()
    assert code == 1
    assert "ended by the tenant" in words


async def test_the_sign_in_made_for_it_ends_with_it(
    operator: Shell, shell: People, web01: str
) -> None:
    admin = await asyncio.to_thread(shell, "admin")

    async def omars() -> int:
        answer = await asyncio.to_thread(admin.api, "sign-ins")
        return sum(1 for sign_in in answer["sign_ins"] if sign_in["name"] == "omar")

    async with listening(operator, web01) as relay:
        during = await omars()
        relay.process.send_signal(signal.SIGINT)
        assert (await relay.ending())[0] == 0
    assert await omars() == during - 1


async def test_no_secret_is_in_the_arguments_or_the_environment(
    operator: Shell, web01: str
) -> None:
    async with listening(operator, web01) as relay:
        arguments = Path(f"/proc/{relay.process.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{relay.process.pid}/environ").read_bytes()
    secret = operator.password.strip().encode()
    assert secret not in arguments + environment
