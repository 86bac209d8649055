"""Rows of Resource Manager's clients: tokens, device codes, authorization codes, credentials."""

from __future__ import annotations

from dataclasses import replace

from gateway.policy.facts import Role
from gateway.store import (
    AuthorizationCode,
    ClientCredential,
    DeviceCode,
    DeviceState,
    NamedCredential,
    Store,
    Token,
)
from tests.store.samples import NOW, later, sign_in

BASE = "https://gateway.example"


def token(**changes: object) -> Token:
    whole = Token("refresh", "sign-in-1", "az", BASE, expires_at=later(hours=1))
    return replace(whole, **changes)


def device_code(**changes: object) -> DeviceCode:
    whole = DeviceCode(
        digest="digest-1",
        user_code="BCDFGHJK",
        client_id="az",
        audience=BASE,
        address="192.0.2.7",
        user_agent="AZURECLI",
        expires_at=later(minutes=15),
    )
    return replace(whole, **changes)


async def test_a_token_is_used_once_and_kept_until_it_runs_out(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.sign_ins.add(sign_in(), "secret")
        await unit.tokens.add(token(), "digest-1")
        assert await unit.tokens.use("digest-1", NOW)
        assert not await unit.tokens.use("digest-1", later(seconds=1))
        assert not await unit.tokens.use("unknown", NOW)
        assert await unit.tokens.by_digest("digest-1") == token(used_at=NOW)
        await unit.tokens.drop_expired(later(hours=1, microseconds=-1))
        assert await unit.tokens.by_digest("digest-1") is not None
        await unit.tokens.drop_expired(later(hours=1))
        assert await unit.tokens.by_digest("digest-1") is None


async def test_a_programs_sign_ins_are_found_while_they_have_not_ended(furnished: Store) -> None:
    async with furnished.unit() as unit:
        for name in ("one", "two", "ended"):
            await unit.sign_ins.add(sign_in(name), f"secret-{name}")
            await unit.tokens.add(token(sign_in_id=name), f"digest-{name}")
        await unit.tokens.add(token(sign_in_id="one", kind="access"), "digest-access")
        await unit.tokens.add(token(sign_in_id="two", client_id="other"), "digest-other")
        await unit.sign_ins.end("ended", NOW)
        assert sorted(await unit.tokens.sign_ins_of("az")) == ["one", "two"]
        assert await unit.tokens.sign_ins_of("other") == ("two",)


async def test_a_device_code_is_found_by_either_code(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.device_codes.add(device_code(), NOW)
        assert await unit.device_codes.by_digest("digest-1") == device_code()
        assert await unit.device_codes.by_user_code("BCDFGHJK") == device_code()
        assert await unit.device_codes.by_user_code("BCDFGHJL") is None
        approved = device_code(state=DeviceState.APPROVED, account_id="account-contoso")
        await unit.device_codes.update(approved)
        assert await unit.device_codes.by_digest("digest-1") == approved


async def test_those_that_nobody_approved_are_counted_by_address(furnished: Store) -> None:
    async with furnished.unit() as unit:
        for number, changes in enumerate(
            ({}, {"state": DeviceState.DENIED}, {"state": DeviceState.APPROVED},
             {"state": DeviceState.USED}, {"address": "192.0.2.8"}, {"expires_at": NOW})
        ):  # fmt: skip
            changed = {"digest": f"digest-{number}", "user_code": f"CODE{number}", **changes}
            await unit.device_codes.add(device_code(**changed), NOW)
        assert await unit.device_codes.unapproved(NOW) == {"192.0.2.7": 2, "192.0.2.8": 1}


async def test_old_device_codes_are_forgotten_after_an_hour(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.device_codes.add(device_code(), NOW)
        other = device_code(digest="digest-2", user_code="BCDFGHJL")
        await unit.device_codes.add(other, later(minutes=75, microseconds=-1))
        assert await unit.device_codes.by_digest("digest-1") is not None
        another = device_code(digest="digest-3", user_code="BCDFGHJM")
        await unit.device_codes.add(another, later(minutes=75))
        assert await unit.device_codes.by_digest("digest-1") is None


async def test_an_authorization_code_is_used_once_and_remembers_for_what(
    furnished: Store,
) -> None:
    code = AuthorizationCode(
        "az",
        "http://localhost:1",
        "challenge",
        BASE,
        "",
        "account-contoso",
        "::1",
        later(minutes=2),
    )
    async with furnished.unit() as unit:
        await unit.sign_ins.add(sign_in(), "secret")
        await unit.authorization_codes.add(code, "digest-1", NOW)
        assert await unit.authorization_codes.use("digest-1", NOW)
        assert not await unit.authorization_codes.use("digest-1", NOW)
        await unit.authorization_codes.exchanged("digest-1", "sign-in-1")
        found = await unit.authorization_codes.by_digest("digest-1")
        assert found == replace(code, used_at=NOW, sign_in_id="sign-in-1")


async def test_a_credential_is_listed_with_whose_it_is_and_revoked_once(furnished: Store) -> None:
    made = ClientCredential("guid", "account-contoso", "checks", "ada", NOW, later(days=1))
    async with furnished.unit() as unit:
        await unit.credentials.add(made, "digest")
        assert await unit.credentials.get("guid") == made
        assert await unit.credentials.digest_of("guid") == "digest"
        assert await unit.credentials.digest_of("other") is None
        assert await unit.credentials.list() == [NamedCredential(made, "Contoso", Role.TENANT)]
        assert await unit.credentials.revoke("guid", NOW)
        assert not await unit.credentials.revoke("guid", later(days=1))
        assert await unit.credentials.get("guid") == replace(made, revoked_at=NOW)
