"""The ten rules that hold always (DESIGN.md §3), each proven through the whole gateway over TLS."""

# ruff: noqa: SIM117 - the outer block sets the scene, the inner one is who enters it

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.actions.workstations import grant_workstation, revoke_workstation
from gateway.demo import CONTOSO, FABRIKAM
from gateway.store import AuditRecord, Head
from gateway.store.audit_chain import SEALED, seal
from tests.doubles.console_stage import eventually
from tests.doubles.rfbserver import Conversation, FakeRfbServer, server_init
from tests.doubles.stalled import StalledClient, small_buffer
from tests.doubles.standing import NODE
from tests.doubles.visitors import Person, Site, open_site
from tests.doubles.ws_viewer import PLAIN, WsViewer

SHIFT, CONTROL, ALT, LETTER_A = 0xFFE1, 0xFFE3, 0xFFE9, 0x61
RED, GREEN = (255, 0, 0), (0, 255, 0)
INPUT = frozenset({4, 5, 6, 250, 255})  # key, pointer, cut text, power, QEMU key


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as standing:
        yield standing


@asynccontextmanager
async def running(site: Site, name: str = "olga") -> AsyncIterator[tuple[str, Person, WsViewer]]:
    """A console with its operator in it: the consent's id, the operator, their viewer."""
    consent = await site.consent()
    operator = await site.opened(consent, name)
    async with operator.enter(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        yield consent, operator, viewer


@asynccontextmanager
async def watching(person: Person, consent: str) -> AsyncIterator[WsViewer]:
    async with person.stream(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        yield viewer


def typed(server: FakeRfbServer) -> list[int]:
    """The types of the input messages that the hypervisor was ever sent."""
    return [m.type for talk in server.conversations for m in talk.messages if m.type in INPUT]


# Rule 1: no consent, no console


@pytest.mark.rule(1)
async def test_without_a_consent_there_is_no_console(site: Site) -> None:
    consent = await site.consent()
    olga = await site.opened(consent)
    contoso = await site.person("contoso").sign_in_to_api()
    assert (await contoso.api("DELETE", f"consents/{consent}")).status == 200
    assert (await olga.post(f"/consoles/{consent}/tickets", json={})).status == 403
    assert (await olga.post(f"/consents/{consent}/open", olga.proof())).status == 403
    assert (await olga.post(f"/consents/{'0' * 32}/open", olga.proof())).status == 404
    async with olga.stream(consent, "ticket.made-up") as viewer:
        assert await viewer.closed() == 4403
    assert not site.hypervisor.conversations


@pytest.mark.rule(1)
async def test_without_a_fresh_step_up_there_is_no_console(site: Site) -> None:
    consent = await site.consent()
    olga = await site.signed_in("olga")
    refused = await olga.post(f"/consoles/{consent}/tickets", json={})
    assert (refused.status, refused.json["error"]["code"]) == (403, "StepUpNeeded")
    async with olga.stream(consent) as viewer:  # with the sign-in alone
        assert await viewer.closed() == 4403
    await olga.step_up(consent)
    site.clock.ahead += timedelta(seconds=60)
    refused = await olga.post(f"/consoles/{consent}/tickets", json={})
    assert (refused.status, refused.json["error"]["code"]) == (403, "StepUpStale")
    assert not site.hypervisor.conversations


@pytest.mark.rule(1)
async def test_without_a_safelisted_workstation_there_is_no_console(site: Site) -> None:
    consent = await site.consent()
    services, admin = site.services, site.admin
    # 127.0.0.1 stays on the list, the rest of loopback goes.
    await grant_workstation(services, admin, NODE, "127.0.0.1", now=site.clock())
    await revoke_workstation(services, admin, NODE, "127.0.0.0/8", now=site.clock())
    elsewhere = await site.signed_in("olga", "127.0.0.9")
    refused = await elsewhere.post(f"/consents/{consent}/open", elsewhere.proof())
    assert refused.status == 403
    assert "safelist" in refused.text
    assert not site.hypervisor.conversations
    here = await site.opened(consent)
    async with here.enter(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        # Taken off the list, the workstation loses the console that it has open.
        await revoke_workstation(services, admin, NODE, "127.0.0.1", now=site.clock())
        assert await viewer.closed(1) == 4410


# Rule 2: a consent ends, and cuts what is live


@contextmanager
def moving_picture(site: Site) -> Iterator[None]:
    """The VM's screen changes fifty times a second."""

    async def paint() -> None:
        shade = 0
        while True:
            shade = (shade + 1) % 256
            site.hypervisor.paint(0, 0, 32, 32, (shade, 255 - shade, 7))
            await asyncio.sleep(0.02)

    painting = asyncio.create_task(paint())
    try:
        yield
    finally:
        painting.cancel()


def heard_more(viewer: WsViewer, than: int) -> bool:
    return viewer.received != than


def shows(viewer: WsViewer, colour: tuple[int, int, int]) -> bool:
    return viewer.pixel(1, 1) == colour


async def last_byte(viewer: WsViewer) -> float:
    """When (monotonic) the viewer read its last byte, once it is closed."""
    seen, at = viewer.received, time.monotonic()
    with contextlib.suppress(TimeoutError):
        while True:
            await viewer.until(partial(heard_more, viewer, seen), 1.5)
            seen, at = viewer.received, time.monotonic()
    return at


async def move_on(site: Site, to: timedelta, consent: str) -> None:
    """Let the gateway's clock run until `to` before the consent's end, as an open console does.

    In steps shorter than a sign-in may idle: who has a viewer open is not idle.
    """
    async with site.services.store.reading() as unit:
        found = await unit.consents.get(consent)
    assert found is not None
    watchers = {each.sign_in_id for s in site.standing.gateway.registry.sessions()
                for each in s.participants()} - {None}  # fmt: skip
    while (left := found.expires_at - to - site.clock()) > timedelta():
        site.clock.ahead += min(left, timedelta(minutes=10))
        site.standing.gateway.registry.check_now()
        async with asyncio.timeout(5):
            while await idle(site, watchers):
                await asyncio.sleep(0.005)


async def idle(site: Site, watchers: set[str | None]) -> bool:
    """Whether one of those sign-ins has not been noted as used lately."""
    now = site.clock()
    async with site.services.store.reading() as unit:
        for watcher in watchers:
            sign_in = await unit.sign_ins.get(watcher or "")
            if sign_in is None or sign_in.last_seen_at < now - timedelta(minutes=1):
                return True
    return False


@pytest.mark.rule(2)
async def test_a_consent_ends_eight_hours_after_it_was_given(site: Site) -> None:
    """SECURITY B3: the last byte at most 1 s after the deadline, code 4401, upstream closed."""
    async with running(site) as (consent, olga, operator):
        contoso, gustav = await site.signed_in("contoso"), site.person("Gustav", "127.0.0.7")
        secret = await olga.share(consent)
        assert (await gustav.join(secret)).status == 303
        async with watching(contoso, consent) as tenant, watching(gustav, consent) as guest:
            viewers = (operator, tenant, guest)
            upstream = await site.hypervisor.connected()
            with moving_picture(site):
                await move_on(site, timedelta(seconds=0.5), consent)
                deadline = time.monotonic() + 0.5
                assert all(viewer.ws.close_code is None for viewer in viewers)
                last = await asyncio.gather(*map(last_byte, viewers))
            late = max(last) - deadline
            print(f"last byte {late:+.2f} s after the deadline")
            assert -0.5 < late <= 1.0  # and the picture moved until then
            assert [await viewer.closed() for viewer in viewers] == [4401] * 3
            await upstream.until(lambda: upstream.closed, 1)
    refused = await olga.post(f"/consoles/{consent}/tickets", json={})
    assert refused.status in {401, 403}


@pytest.mark.rule(2)
async def test_a_withdrawal_cuts_everybody_and_says_why(site: Site) -> None:
    async with running(site) as (consent, _olga, operator):
        contoso = await site.signed_in("contoso")
        async with watching(contoso, consent) as tenant:
            upstream = await site.hypervisor.connected()
            answer = await contoso.post(f"/consents/{consent}/end", {"reason": "enough seen"})
            # The consent has ended by now: from its commit on the second counts, not from the
            # click, before which the disk may take its time.
            withdrawn = time.monotonic()
            assert answer.status == 303
            assert [await v.closed(1) for v in (operator, tenant)] == [4410, 4410]
            assert operator.ws.close_reason == "enough seen"
            await upstream.until(lambda: upstream.closed, 1)
            print(f"dark after {time.monotonic() - withdrawn:.3f} s")
            assert time.monotonic() - withdrawn < 1


@pytest.mark.rule(2)
@pytest.mark.parametrize(("reads_on", "at_most"), [("later", 256), ("at once", 512)])
async def test_a_revocation_reaches_a_viewer_that_stopped_reading(
    tmp_path: Path, reads_on: str, at_most: int
) -> None:
    """SECURITY D4, over TLS: at most 256 KiB more, and a reset within 1 s.

    Who reads on at the very moment still drains, while the close frame is tried, what was under
    way before it.
    """
    big = FakeRfbServer(width=640, height=480)
    async with open_site(tmp_path, big) as site, running(site) as (consent, _olga, operator):
        contoso = await site.signed_in("contoso")
        admin = await site.person("admin").sign_in_to_api()
        sock = small_buffer()
        sock.connect(("127.0.0.1", site.port))
        async with contoso.stream(consent, sock=sock) as tenant:
            await tenant.start(PLAIN)
            await tenant.until(lambda: tenant.frames)
            stalled = StalledClient(tenant)
            await stalled.clog(big)
            (session,) = site.standing.gateway.registry.sessions()
            assert (await admin.api("DELETE", f"consents/{consent}")).status == 200
            revoked = time.monotonic()  # committed
            if reads_on == "later":
                await eventually(lambda: not session.participants(), 1)
            rest, reset = await stalled.rest(1)
            took = time.monotonic() - revoked
            print(f"{rest} bytes, {'RST' if reset else 'FIN'} after {took:.2f} s")
            assert rest <= at_most * 1024
            assert reset
            assert took < 1
        assert await operator.closed(1) == 4410


@pytest.mark.rule(2)
async def test_asking_again_gives_the_same_consent_and_not_a_minute_more(site: Site) -> None:
    contoso = await site.person("contoso").sign_in_to_api()
    body = {"resource_id": site.vm("web01"), "reason": "locked out"}
    first = await contoso.api("POST", "consents", body)
    site.clock.ahead += timedelta(minutes=30)
    again = await contoso.api("POST", "consents", {**body, "reason": "still"})
    assert (first.status, again.status) == (201, 200)
    assert (again.json["id"], again.json["expires_at"]) == (
        first.json["id"],
        first.json["expires_at"],
    )


# Rule 3: who may consent


@pytest.mark.rule(3)
async def test_only_a_tenant_of_an_enabled_subscription_may_consent_for_a_known_vm(
    site: Site,
) -> None:
    async def ask(name: str, resource_id: str) -> int:
        person = await site.person(name).sign_in_to_api()
        body = {"resource_id": resource_id, "reason": "locked out"}
        return (await person.api("POST", "consents", body)).status

    web01 = site.vm("web01")
    assert await ask("fabrikam", web01) == 404  # another's VM
    assert await ask("olga", web01) == 403
    assert await ask("admin", web01) == 403
    assert await ask("contoso", web01.replace("web01", "nobody")) == 404  # not in the inventory
    assert await ask("fabrikam", site.vm("fab01")) == 403  # its subscription is not enabled
    admin = await site.person("admin").sign_in_to_api()
    assert (await admin.api("PUT", f"subscriptions/{FABRIKAM}", {"enabled": True})).status == 200
    assert await ask("fabrikam", site.vm("fab01")) == 201
    assert await ask("contoso", web01) == 201


@pytest.mark.rule(3)
async def test_disabling_a_subscription_ends_its_consents(site: Site) -> None:
    admin = await site.person("admin").sign_in_to_api()
    async with running(site) as (consent, _olga, viewer):
        answer = await admin.api("PUT", f"subscriptions/{CONTOSO}", {"enabled": False})
        assert answer.status == 200
        assert await viewer.closed(1) == 4410
    shown = await admin.api("GET", f"consents/{consent}")
    assert shown.json["end_code"] == "subscription_disabled"


# Rule 4: one upstream, many viewers


@pytest.mark.rule(4)
async def test_ten_viewers_are_one_client_and_see_one_screen(site: Site) -> None:
    async with running(site) as (consent, olga, operator):
        link = await olga.share(consent, capacity=9)
        async with contextlib.AsyncExitStack() as stack:
            viewers = [operator]
            for number in range(9):
                guest = site.person(f"guest {number}")
                assert (await guest.join(link, guest.name)).status == 303
                viewers.append(await stack.enter_async_context(watching(guest, consent)))
            site.hypervisor.paint(0, 0, 16, 16, RED)
            for viewer in viewers:
                await viewer.until(partial(shows, viewer, RED))
            assert len({viewer.digest for viewer in viewers}) == 1
            assert site.hypervisor.live == 1
        # Nine left, and the first one noticed nothing.
        site.hypervisor.paint(0, 0, 16, 16, GREEN)
        await operator.until(partial(shows, operator, GREEN))
        assert len(site.hypervisor.conversations) == 1


# Rule 5: read-only is enforced in the gateway

PIXELS = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
CLIENT_MESSAGES = {
    "SetPixelFormat": b"\0\0\0\0" + PIXELS,
    "SetEncodings": struct.pack(">BxHi", 2, 1, 0),
    "FramebufferUpdateRequest": struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48),
    "KeyEvent": struct.pack(">BBxxI", 4, 1, LETTER_A),
    "PointerEvent": struct.pack(">BBHH", 5, 1, 10, 10),
    "ClientCutText": struct.pack(">BxxxI", 6, 4) + b"text",
    "EnableContinuousUpdates": struct.pack(">BBHHHH", 150, 1, 0, 0, 64, 48),
    "Fence": struct.pack(">BxxxIB", 248, 1 << 31, 0),
    "xvp": struct.pack(">BxBB", 250, 1, 2),
    "SetDesktopSize": struct.pack(">BxHHBx", 251, 64, 48, 1) + struct.pack(">IHHHHI", *[0] * 6),
    "QEMU key": struct.pack(">BBHII", 255, 0, 1, LETTER_A, 0x1E),
}
GARBAGE: dict[str, bytes | str] = {
    "a type that does not exist": b"\x63" * 8,
    "a text frame": "key a",
    "a length of 2 GiB": struct.pack(">BxxxI", 6, 0x7FFFFFFF),
    "a QEMU message that does not exist": b"\xff\x09" + bytes(10),
}


@pytest.mark.rule(5)
async def test_a_watching_tenant_reaches_nothing(site: Site) -> None:
    """SECURITY B6: every client message there is, and then 4403."""
    async with running(site) as (consent, _olga, operator):
        contoso = await site.signed_in("contoso")
        upstream = await site.hypervisor.connected()
        async with watching(contoso, consent) as tenant:
            for _ in range(5):
                for message in CLIENT_MESSAGES.values():
                    await tenant.ws.send(message)
            assert await tenant.closed(2) == 4403
        for garbage in GARBAGE.values():
            async with watching(contoso, consent) as tenant:
                await tenant.ws.send(garbage)
                assert await tenant.closed(2) == 4403
        # The operator's key comes behind all of that: had anything passed, it came before.
        await operator.key(True, LETTER_A)
        await upstream.until(lambda: upstream.keys)
        assert typed(site.hypervisor) == [4]
        assert operator.ws.close_code is None


@pytest.mark.rule(5)
async def test_no_message_of_a_guest_is_passed_on(site: Site) -> None:
    """Ten of each kind are borne, and none reaches the VM."""
    async with running(site) as (consent, olga, operator):
        gustav = site.person("Gustav")
        await gustav.join(await olga.share(consent))
        upstream = await site.hypervisor.connected()

        def formats() -> list[int]:
            return [m.type for m in upstream.messages if m.type in {0, 2}]

        # The gateway's own: a format, what it reads, and what suits this server best.
        await upstream.until(lambda: formats() == [0, 2, 2])
        for shade, (name, message) in enumerate(CLIENT_MESSAGES.items()):
            async with watching(gustav, consent) as guest:
                for _ in range(10):
                    await guest.ws.send(message)
                site.hypervisor.paint(0, 0, 8, 8, (9, 9, shade))
                await guest.until(partial(shows, guest, (9, 9, shade)))
                assert typed(site.hypervisor) == [], name
                # Its pixel format and its encodings are its own affair.
                assert formats() == [0, 2, 2], name
        await operator.key(True, LETTER_A)
        await upstream.until(lambda: upstream.keys)
        assert typed(site.hypervisor) == [4]


# Rule 6: secrets


@pytest.mark.rule(6)
async def test_a_secret_lies_hashed_and_travels_in_no_address(site: Site) -> None:
    async with running(site) as (consent, olga, _viewer):
        ticket, secret = await olga.ticket(consent), await olga.share(consent)
        answer = await olga.post(f"/consoles/{consent}/share", json={"label": "x", "capacity": 1})
        assert re.fullmatch(
            re.escape(site.standing.base) + r"/join#[\w-]{22,}", answer.json["address"]
        )
        with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as database:
            stored = "\n".join(database.iterdump())
    for known in (ticket, secret, *olga.cookies.values()):
        assert known not in stored
        assert sha256(known.encode()).hexdigest() in stored
    for account in site.standing.accounts.values():
        assert account.password not in stored
        assert account.code_secret is None or account.code_secret not in stored
    assert stored.count("$argon2id$") == len(site.standing.accounts)


# Rule 7: every decision is one chained record


@pytest.mark.rule(7)
async def test_a_decision_is_one_record_whether_allowed_or_denied(site: Site) -> None:
    contoso = await site.person("contoso").sign_in_to_api()
    fabrikam = await site.person("fabrikam").sign_in_to_api()
    body = {"resource_id": site.vm("web01"), "reason": "locked out"}
    before = len(await site.audit())
    await contoso.api("POST", "consents", body)
    await fabrikam.api("POST", "consents", body)
    new = (await site.audit())[before:]
    assert [(r.actor, r.action, r.outcome) for r in new] == [
        ("contoso", "consent.request", "allowed"),
        ("fabrikam", "consent.request", "denied"),
    ]
    assert [r.address for r in new] == ["127.0.0.1"] * 2
    assert new[1].prev_hash == new[0].hash


@pytest.mark.rule(7)
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET reason = 'nothing to see' WHERE seq = 5",
        "DELETE FROM audit WHERE seq = 5",
        "UPDATE audit SET seq = 1000 WHERE seq = 5",
    ],
)
async def test_verification_names_the_record_that_was_touched(site: Site, tampering: str) -> None:
    admin = await site.person("admin").sign_in_to_api()
    assert (await admin.api("GET", "audit/verification")).json["intact"]
    with contextlib.closing(sqlite3.connect(site.database)) as database, database:
        assert database.execute(tampering).rowcount == 1
    verdict = (await admin.api("GET", "audit/verification")).json
    assert (verdict["intact"], verdict["seq"]) == (False, 5)


@pytest.mark.rule(7)
async def test_a_log_rewritten_before_the_newest_checkpoint_is_betrayed_by_an_older_one(
    site: Site,
) -> None:
    """The chain fits together again, and the gateway itself has since vouched for its head."""
    gateway = site.standing.gateway
    admin = await site.person("admin").sign_in_to_api()
    gateway.checkpoints.append(await head(site), site.clock())
    with contextlib.closing(sqlite3.connect(site.database)) as database, database:
        rewrite(database, await site.audit(), since=5)
    assert (await admin.api("DELETE", "sign-ins/nothing")).status == 404  # one more record
    gateway.checkpoints.append(await head(site), site.clock())
    assert (await admin.api("GET", "audit/verification")).json["intact"] is False


async def head(site: Site) -> Head:
    async with site.services.store.reading() as unit:
        return await unit.audit.head()


def rewrite(database: sqlite3.Connection, log: Sequence[AuditRecord], *, since: int) -> None:
    """Change a record and seal everything after it anew, as whoever has the database can."""
    prev_hash = log[since - 2].hash
    for record in log[since - 1 :]:
        columns = {name: getattr(record, name) for name in SEALED} | {"reason": "nothing to see"}
        sealed = seal(record.seq, columns, prev_hash)
        database.execute(
            "UPDATE audit SET reason = ?, prev_hash = ?, hash = ? WHERE seq = ?",
            ("nothing to see", prev_hash, sealed, record.seq),
        )
        prev_hash = sealed
    database.execute("UPDATE audit_head SET hash = ?", (prev_hash,))


# Rule 8: whatever the other end says is hostile


@pytest.mark.rule(8)
async def test_an_upstream_that_claims_too_much_is_not_believed(tmp_path: Path) -> None:
    async def greedy(talk: Conversation) -> None:
        talk.send(b"RFB 003.008\n")
        await talk.expect(12)
        talk.send(b"\x01\x01")
        await talk.expect(1)
        talk.send(bytes(4))
        await talk.expect(1)
        talk.send(server_init(65535, 65535, b"\xff" * 64))
        await talk.silence()

    server = FakeRfbServer(greedy)
    async with open_site(tmp_path, server) as site:
        consent = await site.consent()
        olga = await site.opened(consent)
        async with olga.enter(consent) as viewer:
            talk = await server.connected()
            await talk.until(lambda: talk.closed)
            assert viewer.received == 0
            assert viewer.ws.close_code is None  # the viewer waits for another try
        assert (await olga.get("/operator")).status == 200


@pytest.mark.rule(8)
async def test_text_from_outside_is_rendered_as_text(tmp_path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    async with open_site(tmp_path, FakeRfbServer(name=hostile.encode())) as site:
        async with running(site) as (consent, olga, _viewer):
            gustav = site.person("Gustav", "127.0.0.7")
            assert (await gustav.join(await olga.share(consent, label=hostile), hostile)).status
            async with watching(gustav, consent):
                admin, contoso = await site.signed_in("admin"), await site.signed_in("contoso")
                pages = [
                    await admin.get("/admin"),
                    await admin.get("/admin/audit"),
                    await admin.get(f"/consents/{consent}/end"),
                    await contoso.get("/tenant"),
                    await contoso.get(f"/consoles/{consent}"),
                    await gustav.get(f"/shared/{consent}"),
                ]
    assert all(page.status == 200 for page in pages)
    assert all("<img src=x" not in page.text for page in pages)
    assert "&lt;img src=x" in pages[0].text


# Rule 9: keys are never stored, and go up


@pytest.mark.rule(9)
@pytest.mark.parametrize("how", ["leaves", "breaks off", "loses control", "is cut"])
async def test_held_keys_go_up_when_their_viewer(site: Site, how: str) -> None:
    async with running(site) as (consent, olga, viewer):
        upstream = await site.hypervisor.connected()
        for keysym in (CONTROL, ALT, LETTER_A):
            await viewer.key(True, keysym)
        await viewer.pointer(5, 6, 1)
        await upstream.until(lambda: upstream.pointers)
        assert len(upstream.keys) == 3
        begun = time.monotonic()
        if how == "leaves":
            await viewer.ws.close()
        elif how == "breaks off":
            viewer.ws.transport.abort()
        elif how == "loses control":
            omar = await site.opened(consent, "omar")
            async with omar.enter(consent) as other:
                await other.start()
                participants = site.standing.gateway.registry.sessions()[0].participants()
                begun = time.monotonic()
                given = await olga.post(
                    f"/consoles/{consent}/control",
                    json={"verb": "give", "to": participants[-1].id},
                )
                assert given.status == 200, given.text
                await upstream.until(lambda: len(upstream.keys) == 6, 1)
        else:
            contoso = await site.person("contoso").sign_in_to_api()
            begun = time.monotonic()
            await contoso.api("DELETE", f"consents/{consent}")
        await upstream.until(lambda: len(upstream.keys) == 6 and len(upstream.pointers) == 2, 1)
        print(f"{how}: up after {1000 * (time.monotonic() - begun):.0f} ms")
        up = {keysym for down, keysym, _ in upstream.keys if not down}
        assert up == {CONTROL, ALT, LETTER_A}
        assert upstream.pointers[-1] == (5, 6, 0)


@pytest.mark.rule(9)
async def test_what_is_typed_is_stored_nowhere(site: Site) -> None:
    async with running(site) as (_consent, _olga, viewer):
        upstream = await site.hypervisor.connected()
        word = "Zq7Xv9Kw"
        for letter in word:
            await viewer.key(True, ord(letter))
            await viewer.key(False, ord(letter))
        await viewer.cut_text(word.encode())
        await upstream.until(lambda: any(m.type == 6 for m in upstream.messages))
    for file in site.database.parent.iterdir():
        assert word.encode() not in file.read_bytes(), file.name


# Rule 10: fail closed


@contextmanager
def exclusively(database: Path) -> Iterator[None]:
    """Somebody else holds SQLite's write lock."""
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        holder.close()


@contextmanager
def renamed(database: Path) -> Iterator[None]:
    """The file is gone, as on a disk that went away."""
    away = database.with_name("away")
    database.rename(away)
    try:
        yield
    finally:
        away.rename(database)


async def turned_away(operator: Person, consent: str, ticket: str) -> int:
    """With what close code, and not a byte before it."""
    async with operator.enter(consent, ticket) as viewer:
        code = await viewer.closed()
        assert viewer.received == 0
        return code


@pytest.mark.rule(10)
@pytest.mark.parametrize("gone", [exclusively, renamed])
async def test_without_its_store_the_gateway_opens_nothing_and_keeps_to_the_deadline(
    site: Site, gone: Callable[[Path], AbstractContextManager[None]]
) -> None:
    async with running(site) as (consent, olga, viewer):
        await move_on(site, timedelta(minutes=1), consent)
        ticket = await olga.ticket(consent)
        form = await olga.form_token(f"/consents/{consent}/open")
        with gone(site.database):
            proof = {"form_token": form, **olga.proof()}
            headers = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
            contoso, omar = site.person("contoso"), site.person("omar")
            web02 = {"resource_id": site.vm("web02")}
            begun = time.monotonic()
            refused = await asyncio.gather(
                olga.ask("POST", f"/consents/{consent}/open", headers, data=proof),
                omar.api("POST", "consoles", {**web02, "user": "omar", **omar.proof()}),
                contoso.api("POST", "sign-ins", {"user": "contoso", **contoso.proof()}),
                turned_away(olga, consent, ticket),
            )
            print(f"all refused after {time.monotonic() - begun:.2f} s")
            assert [answer.status for answer in refused[:3]] == [503] * 3
            assert refused[3] == 1013  # try again later
            # What is live goes on, ...
            site.hypervisor.paint(0, 0, 8, 8, RED)
            await viewer.until(lambda: viewer.pixel(1, 1) == RED)
            await viewer.key(True, SHIFT)
            upstream = await site.hypervisor.connected()
            await upstream.until(lambda: upstream.keys)
            # ... to the deadline that the session knows.
            site.clock.ahead += timedelta(minutes=1)
            assert await viewer.closed(1) == 4401
            await upstream.until(lambda: upstream.closed, 1)
        assert (await olga.get("/sign-in")).status in {200, 303}  # it heals by itself
        assert len(site.hypervisor.conversations) == 1


# All of them


def test_every_rule_is_named_by_a_test(request: pytest.FixtureRequest) -> None:
    """By collecting: this file's own items bear each number."""
    marked = {
        mark.args[0]
        for item in request.session.items
        if item.path == request.path
        for mark in item.iter_markers("rule")
    }
    alone = sum(item.path == request.path for item in request.session.items) < len(RULES)
    if alone:
        pytest.skip("only some of the tests were chosen")
    assert marked == RULES


RULES = frozenset(range(1, 11))
