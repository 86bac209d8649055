"""Sign-ins: revocable rows behind secrets that change."""

from __future__ import annotations

from dataclasses import replace

from gateway.policy.facts import Role
from gateway.store import NamedSignIn, Store
from tests.store.samples import NOW, later, sign_in


async def add_sign_ins(store: Store) -> None:
    async with store.unit() as unit:
        await unit.sign_ins.add(sign_in(), "digest-1")
        fresh = later(minutes=10)
        await unit.sign_ins.add(sign_in("fresh", last_seen_at=fresh), "digest-2")
        await unit.sign_ins.add(sign_in("expired", expires_at=NOW), "digest-3")
        await unit.sign_ins.add(sign_in("ended", ended_at=NOW), "digest-4")


async def test_a_sign_in_is_found_by_its_secrets_digest(furnished: Store) -> None:
    await add_sign_ins(furnished)
    async with furnished.reading() as unit:
        assert await unit.sign_ins.by_digest("digest-1") == sign_in()
        assert await unit.sign_ins.by_digest("sign-in-1") is None
        assert await unit.sign_ins.get("sign-in-1") == sign_in()


async def test_the_old_secret_is_worth_nothing_after_rotation(furnished: Store) -> None:
    # SECURITY A4.
    await add_sign_ins(furnished)
    async with furnished.unit() as unit:
        await unit.sign_ins.rotate("sign-in-1", "digest-new", stepped_up_at=later(minutes=1))
    async with furnished.reading() as unit:
        assert await unit.sign_ins.by_digest("digest-1") is None
        found = await unit.sign_ins.by_digest("digest-new")
    stepped_up = later(minutes=1)
    assert found == replace(sign_in(), stepped_up_at=stepped_up, last_seen_at=stepped_up)


async def test_rotation_alone_is_no_step_up(furnished: Store) -> None:
    await add_sign_ins(furnished)
    async with furnished.unit() as unit:
        await unit.sign_ins.rotate("sign-in-1", "digest-new")
        assert await unit.sign_ins.by_digest("digest-new") == sign_in()


async def test_those_that_count_are_listed_with_whose_they_are(furnished: Store) -> None:
    await add_sign_ins(furnished)
    async with furnished.reading() as unit:
        named = await unit.sign_ins.named(NOW)
        # At 14:17 the first has been idle for 15 minutes, the fresh one for 5.
        idle = await unit.sign_ins.list(later(minutes=15))
        mine = await unit.sign_ins.for_account("account-ana")
    assert [each.sign_in.id for each in named] == ["fresh", "sign-in-1"]
    assert named[1] == NamedSignIn(sign_in(), "Ana", Role.CLOUDADMIN)
    assert [each.id for each in idle] == ["fresh"]
    assert {each.id for each in mine} == {"sign-in-1", "fresh", "expired"}


async def test_use_keeps_a_sign_in_from_idling_away(furnished: Store) -> None:
    await add_sign_ins(furnished)
    async with furnished.unit() as unit:
        await unit.sign_ins.touch("sign-in-1", later(minutes=14))
        still = await unit.sign_ins.list(later(minutes=28))
    assert [each.id for each in still] == ["sign-in-1"]


async def test_a_sign_in_ends_once(furnished: Store) -> None:
    await add_sign_ins(furnished)
    async with furnished.unit() as unit:
        assert await unit.sign_ins.end("sign-in-1", later(minutes=1))
        assert not await unit.sign_ins.end("sign-in-1", later(minutes=2))
        assert not await unit.sign_ins.end("nobody", later(minutes=2))
        ended = await unit.sign_ins.by_digest("digest-1")
    assert ended is not None and ended.ended_at == later(minutes=1)
