"""Share links by HTTP: what they give away, how they die, and what else opens nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.edge import SIGN_IN_COOKIE, VISIT_COOKIE
from gateway.web.setting_up import COOKIE as SET_UP_COOKIE
from tests.doubles.visitors import FROM_OUR_PAGE, Person, Site
from tests.doubles.ws_viewer import WsViewer
from tests.security.principals import Scene, invite_spare, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = "This link is full."
DEAD = "This link does not work any more."


@asynccontextmanager
async def console(site: Site) -> AsyncIterator[tuple[str, Person, WsViewer]]:
    consent = await site.consent()
    olga = await site.opened(consent)
    async with olga.enter(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        yield consent, olga, viewer


async def test_a_links_secret_is_nowhere_but_with_its_people(
    site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """SECURITY C1: 0 hits in database, log, metrics, audit; the database holds its SHA-256."""
    async with console(site) as (consent, olga, _viewer):
        secret = await olga.share(consent)
        gustav = site.person("Gustav", "127.0.2.1")
        assert (await gustav.join(secret)).headers["Location"] == f"/shared/{consent}"
        await gustav.join(secret[:-1])  # wrong by one letter: an error page, a denied record
        async with gustav.stream(consent) as guest:
            await guest.start()
            await guest.until(lambda: guest.frames)
    told = capfd.readouterr()
    places = {file.name: file.read_bytes() for file in site.database.parent.iterdir()}
    places["log"] = f"{told.out}{told.err}{caplog.text}".encode()
    places["metrics"] = (await site.metrics()).encode()
    places["audit"] = repr(await site.audit()).encode()
    assert b"link.redeem" in places["audit"]  # the haystack is the right one
    for canary in (secret, gustav.cookies[VISIT_COOKIE]):
        for name, content in places.items():
            assert canary.encode() not in content, name
        assert sha256(canary.encode()).hexdigest() in dumped(site)


def dumped(site: Site) -> str:
    with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump())


async def test_a_preview_bot_uses_nothing_up(site: Site) -> None:
    """SECURITY C3: fifty looks at the address, and the one seat is still free."""
    async with console(site) as (consent, olga, _viewer):
        secret = await olga.share(consent, capacity=1)
        dials = len(site.hypervisor.conversations)
        bot = site.person("bot", "127.0.2.2")
        for method in ("GET", "HEAD") * 25:
            assert (await bot.ask(method, "/join")).status == 200  # a fragment is never sent
        assert (await site.person("Gustav", "127.0.2.2").join(secret)).status == 303
        assert len(site.hypervisor.conversations) == dials


async def test_every_dead_link_gets_the_same_answer(site: Site) -> None:
    """SECURITY C4: expired, revoked, unknown, truncated: one text, one status, one pace."""
    consent = await site.consent("web02")
    olga = await site.opened(consent)
    async with olga.enter(consent) as viewer:
        await viewer.start()
        expired = await olga.share(consent)
    site.clock.ahead += timedelta(hours=8)
    async with console(site) as (consent, olga, _viewer):
        revoked, live = await olga.share(consent), await olga.share(consent)
        await revoke_newest_but(1, olga, consent)
        dead = {
            "expired": expired, "revoked": revoked, "unknown": "A" * 43, "truncated": live[:-1]
        }  # fmt: skip
        answers: dict[str, set[tuple[int, str]]] = {kind: set() for kind in dead}
        took: dict[str, list[float]] = {kind: [] for kind in dead}
        for turn in range(15):
            for number, (kind, secret) in enumerate(dead.items()):
                guesser = site.person("Gustav", f"127.0.{10 + turn}.{1 + number}")
                token = await guesser.form_token("/join")
                form = {"form_token": token, "secret": secret, "name": "Gustav"}
                begun = time.perf_counter()
                answer = await guesser.ask("POST", "/join", FROM_OUR_PAGE, data=form)
                took[kind].append(time.perf_counter() - begun)
                answers[kind].add((answer.status, answer.timeless))
        assert {len(found) for found in answers.values()} == {1}
        assert len(set.union(*answers.values())) == 1
        ((status, text),) = answers["unknown"]
        assert (status, DEAD in text) == (404, True)
        # The fastest third: what else this machine does is in the slow ones.
        pace = {kind: sum(sorted(times)[:5]) / 5 for kind, times in took.items()}
        print({kind: f"{1000 * seconds:.2f} ms" for kind, seconds in pace.items()})
        # Milliseconds on a busy machine prove nothing, the ratio that no kind stands out; the
        # figure that SECURITY.md C4 asks for is the one printed above, on a quiet one.
        assert max(pace.values()) < 2.5 * min(pace.values())


async def revoke_newest_but(skip: int, person: Person, consent: str) -> None:
    links = (await person.get(f"/consoles/{consent}/links", Accept="application/json")).json
    link = links["links"][-1 - skip]["id"]
    assert (await person.post(f"/links/{link}/revoke", {})).status == 303


async def test_whoever_came_by_a_revoked_link_is_gone_within_a_second(site: Site) -> None:
    async with console(site) as (consent, olga, viewer):
        gustav = site.person("Gustav", "127.0.2.3")
        await gustav.join(await olga.share(consent))
        async with gustav.stream(consent) as guest:
            await guest.start()
            await guest.until(lambda: guest.frames)
            await revoke_newest_but(0, olga, consent)
            revoked = time.monotonic()  # committed
            assert await guest.closed(1) == 4410
            assert time.monotonic() - revoked < 1
        assert (await gustav.get(f"/shared/{consent}")).status == 404
        assert viewer.ws.close_code is None


async def test_guesses_are_stopped_after_twenty(site: Site) -> None:
    """SECURITY C5: of this address alone, and also the right secret then."""
    async with console(site) as (consent, olga, _viewer):
        secret = await olga.share(consent)
        guesser = site.person("Gustav", "127.0.2.4")
        statuses = [(await guesser.join(f"{number:043}")).status for number in range(22)]
        assert statuses == [404] * 20 + [429] * 2
        stopped = await guesser.join(secret)
        assert (stopped.status, int(stopped.headers["Retry-After"]) <= 60) == (429, True)
        assert (await site.person("Gerda", "127.0.2.5").join(secret)).status == 303
        site.clock.ahead += timedelta(seconds=61)
        assert (await guesser.join(secret)).status == 303


async def test_a_full_link_says_so(site: Site) -> None:
    async with console(site) as (consent, olga, _viewer):
        secret = await olga.share(consent, capacity=2)
        guests = [site.person(name, "127.0.2.6") for name in ("Gustav", "Gerda", "Gisela")]
        answers = await asyncio.gather(*(guest.join(secret) for guest in guests))
        refused = [answer for answer in answers if answer.status != 303]
        assert [(answer.status, FULL in answer.text) for answer in refused] == [(400, True)]


# C6: every secret in every slot; only its own takes it.


async def as_session_cookie(made: Scene, secret: str) -> bool:
    return await with_cookie(made, SIGN_IN_COOKIE, secret, "/sign-ins")


async def as_visit_cookie(made: Scene, secret: str) -> bool:
    path = f"/shared/{made.names['consent_id']}"
    return await with_cookie(made, VISIT_COOKIE, secret, path)


async def as_set_up_cookie(made: Scene, secret: str) -> bool:
    return await with_cookie(made, SET_UP_COOKIE, secret, "/set-up/account")


async def with_cookie(made: Scene, name: str, secret: str, path: str) -> bool:
    browser = stranger(made)
    browser.cookies[name] = secret
    return (await browser.get(path)).status == 200


async def as_bearer_token(made: Scene, secret: str) -> bool:
    return (await stranger(made).api("GET", "sign-ins/current", token=secret)).status == 200


async def as_ticket(made: Scene, secret: str) -> bool:
    async with stranger(made).stream(made.names["consent_id"], f"ticket.{secret}") as viewer:
        try:
            return await viewer.take(12) == b"RFB 003.008\n"
        except ConnectionClosed:
            return False


async def as_share_link(made: Scene, secret: str) -> bool:
    return (await stranger(made).join(secret)).status == 303


async def as_hand_off(made: Scene, secret: str) -> bool:
    return (
        await stranger(made).post("/connect", {"secret": secret}, page="/connect")
    ).status == 303


async def as_set_up_link(made: Scene, secret: str) -> bool:
    answer = await stranger(made).post("/set-up", {"secret": secret}, page="/set-up")
    return answer.status == 303


async def as_form_token(made: Scene, secret: str) -> bool:
    path = f"/consoles/{made.names['consent_id']}/present"
    headers = {**FROM_OUR_PAGE, "X-CSRF-Token": secret}
    return (await made.person.ask("POST", path, headers, json={})).status == 200


def stranger(made: Scene) -> Person:
    return made.site.person("stranger", made.person.address)


SLOTS = {
    "session cookie": as_session_cookie,
    "visit cookie": as_visit_cookie,
    "bearer token": as_bearer_token,
    "ticket": as_ticket,
    "share link": as_share_link,
    "hand-off": as_hand_off,
    "set-up link": as_set_up_link,
    "form token": as_form_token,
}


async def secret_of(kind: str, site: Site, address: str) -> tuple[Scene, str]:
    """A fresh secret of that kind, and the scene that it is good in."""
    made = await scene(
        site, "operator", kind="bearer" if kind == "bearer token" else "browser", address=address
    )
    await invite_spare(made)
    return made, {
        "session cookie": made.secrets["olga"],
        "visit cookie": made.secrets["visit"],
        "bearer token": made.secrets["olga"],
        "ticket": made.ticket,
        "share link": made.link_secret,
        "hand-off": made.handoff,
        "set-up link": made.setup_secret,
        "form token": made.form_token,
    }[kind]


@pytest.mark.parametrize("kind", SLOTS)
async def test_a_secret_fits_its_own_slot_and_no_other(kind: str, site: Site) -> None:
    """SECURITY C6: the whole product, a fresh secret for each try."""
    taken = []
    for number, slot in enumerate(SLOTS):
        made, secret = await secret_of(kind, site, f"127.0.{30 + list(SLOTS).index(kind)}.{number}")
        if await SLOTS[slot](made, secret):
            taken.append(slot)
    # A set-up cookie holds the link's own secret: the same slot, reloaded.
    assert taken == [kind]


async def test_the_set_up_cookie_takes_nothing_else(site: Site) -> None:
    for number, kind in enumerate(SLOTS):
        made, secret = await secret_of(kind, site, f"127.0.40.{number + 1}")
        assert await as_set_up_cookie(made, secret) is (kind == "set-up link")
