"""Secrets stay where they belong, and hostile text stays on its line (SECURITY I3, I4)."""

from __future__ import annotations

import io
import json
import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gateway.operations.logs import MAX_VALUE, configure_logs
from tests.doubles.codes import Codes
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.visitors import Answer, Person, Site, open_site
from tests.doubles.ws_viewer import WsViewer


def canary(length: int = 12) -> str:
    return secrets.token_hex(length)


async def test_an_evening_at_the_gateway_leaves_no_secret_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """I3: everything once, end to end, errors included; then the grep."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # as configure_logs has it
    logging.getLogger("websockets").setLevel(logging.INFO)  # the visitors', not the gateway's
    vnc_password, wrong, reset = canary(4), canary(), canary()
    pages: list[Answer] = []
    async with open_site(tmp_path, FakeRfbServer(password=vnc_password)) as site:
        known = {"VNC password": vnc_password, "wrong password": wrong, "new password": reset}
        for account in site.standing.accounts.values():
            known[f"password of {account.name}"] = account.password
            if account.code_secret:
                known[f"code secret of {account.name}"] = account.code_secret
        consent = await site.consent()
        pages += await mistakes(site, wrong)
        olga = await site.opened(consent)
        known["cookie"] = olga.cookies["__Host-eva"]
        known["ticket"] = await olga.ticket(consent)
        async with olga.enter(consent, known["ticket"]) as viewer:
            await viewer.start()
            await viewer.until(lambda: viewer.frames)
            known["typed"] = await typed(viewer)
            known["share link"] = await olga.share(consent)
            gustav = site.person("Gustav", "127.0.2.1")
            pages += [await gustav.join(known["share link"]), await gustav.join(wrong)]
            known["visit"] = gustav.cookies["__Host-eva-visit"]
            script = await site.person("omar").sign_in_to_api()
            body = {"resource_id": site.vm("web01"), **script.proof()}
            opened = (await script.api("POST", "consoles", body)).json
            known["token"], known["second ticket"] = opened["token"], opened["ticket"]
            known["hand-off"] = opened["page"].partition("#")[2]
            known |= await set_up_somebody(site, reset)
        pages += await unavailable(site, olga, consent)
        told = capfd.readouterr()
        places = {file.name: file.read_bytes() for file in site.database.parent.iterdir()}
        places["log"] = f"{told.out}{told.err}{caplog.text}".encode()
        places["metrics"] = (await site.metrics()).encode()
        places["audit"] = repr(await site.audit()).encode()
        places["error pages"] = "".join(
            f"{page.headers}{page.text}" for page in pages if 400 <= page.status
        ).encode()
        places["command line"] = Path("/proc/self/cmdline").read_bytes()
        places["environment"] = Path("/proc/self/environ").read_bytes()
        # The haystacks are the right ones.
        assert b"$argon2id$" in places["gateway.sqlite3"] + places["gateway.sqlite3-wal"]
        assert b"console.opened" in places["log"]
        assert b"eva_http_requests" in places["metrics"]
        assert b"console.enter" in places["audit"]
        assert b"do not belong together" in places["error pages"]
    hits = [
        (what, where)
        for what, secret in known.items()
        for where, content in places.items()
        if secret.encode() in content
    ]
    print(f"{len(known)} canaries, {sum(map(len, places.values()))} bytes, {len(hits)} hits")
    assert not hits


async def mistakes(site: Site, wrong: str) -> list[Answer]:
    """A wrong password by page, by program, in a body that is none; a field too many."""
    contoso = site.person("contoso", "127.0.2.2")
    form = {"name": "contoso", "password": wrong}
    return [
        await contoso.post("/sign-in", form, page="/sign-in"),
        await contoso.api("POST", "sign-ins", {"user": "contoso", "password": wrong}),
        await contoso.api("POST", "sign-ins", {"user": "contoso", "pasword": wrong}),
        await contoso.api("POST", "sign-ins", {"user": 7, "password": [wrong]}),
        await contoso.api("POST", "sign-ins", data=f'{{"password": "{wrong}'.encode()),
        await contoso.api("GET", "consents", token=wrong),
        await contoso.get("/nothing-here", Cookie=f"__Host-eva={wrong}"),
        await contoso.post("/set-up", {"secret": wrong}, page="/set-up"),
        await contoso.post("/connect", {"secret": wrong}, page="/connect"),
    ]


async def typed(viewer: WsViewer) -> str:
    """A password that is typed into the VM, and pasted too."""
    word = canary()
    for letter in word:
        await viewer.key(True, ord(letter))
        await viewer.key(False, ord(letter))
    await viewer.cut_text(word.encode())
    return word


async def set_up_somebody(site: Site, password: str) -> dict[str, str]:
    """A new operator goes through their set-up link."""
    admin = await site.person("admin").sign_in_to_api()
    made = (await admin.api("POST", "accounts", {"name": "nora", "role": "cloudadmin"})).json
    link = made["set_up_link"].partition("#")[2]
    nora = site.person("nora", "127.0.2.3")
    assert (await nora.post("/set-up", {"secret": link}, page="/set-up")).status == 303
    page = (await nora.get("/set-up/account")).text
    secret = page.partition("<code>")[2].partition("</code>")[0].replace(" ", "")
    form = {"password": password, "again": password, "code": Codes(secret).next(site.clock())}
    done = await nora.post("/set-up/account", form, page="/set-up/account")
    assert done.status == 303, done.text
    return {"set-up link": link, "code secret of nora": secret}


async def unavailable(site: Site, olga: Person, consent: str) -> list[Answer]:
    """The pages and the API while the store is away."""
    token = await olga.form_token("/sign-ins")
    away = site.database.with_name("away")
    site.database.rename(away)
    try:
        proof = {"form_token": token, **olga.proof()}
        headers = {"Sec-Fetch-Site": "same-origin"}
        return [
            await olga.ask("POST", f"/consents/{consent}/open", headers, data=proof),
            await olga.api(
                "POST", "sign-ins", {"user": "contoso", **site.person("contoso").proof()}
            ),
        ]
    finally:
        away.rename(site.database)


# I4

HOSTILE = {
    "line feeds": 'x\r\n{"event": "forged"}\r\n',
    "escape sequences": "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "line separators": "x\u2028forged\u2029forged\x85forged",
    "direction": "\u202egnp.exe\u2066",
    "too long": "A" * 60_000,
    "nothing at all": "\0",
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_name_at_sign_in_stays_on_its_line(kind: str, site: Site) -> None:
    before = await site.audited()
    stranger = site.person("stranger", f"127.0.5.{1 + list(HOSTILE).index(kind)}")
    form = {"name": HOSTILE[kind], "password": "anything at all"}
    assert (await stranger.post("/sign-in", form, page="/sign-in")).status == 401
    (record,) = await site.audit(after=before)
    assert record.outcome == "denied"
    for text in (record.actor, record.target):
        assert len(text) <= 512
        assert text.isprintable()
    admin = await site.signed_in("admin")
    lines = (await admin.get("/admin/audit.csv")).text.split("\r\n")
    assert sum(line.startswith(f'"{record.seq}"') for line in lines) == 1
    assert all(line.startswith('"') for line in lines if line)
    assert len(max(lines, key=len)) < 4000


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the gateway's own logging writes; what was configured before is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(to=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_value_is_one_capped_line_of_the_log(kind: str, logged: io.StringIO) -> None:
    structlog.get_logger("gateway.test").warning("test.hostile", name=HOSTILE[kind])
    logging.getLogger("library").warning("of a library: %s", HOSTILE[kind])
    lines = logged.getvalue().splitlines()  # also at U+2028 and the like
    assert len(lines) == 2
    ours, theirs = (json.loads(line) for line in lines)
    assert ours["event"] == "test.hostile"
    assert ours["name"][:100] == HOSTILE[kind][:100]
    assert all(len(str(value)) <= MAX_VALUE + 1 for value in (*ours.values(), *theirs.values()))
    assert "\x1b" not in logged.getvalue()
