"""Programs at the authority, for tests of the actions behind it."""

from __future__ import annotations

from dataclasses import replace

from gateway.actions.accounts import issue_setup_link
from gateway.actions.authorize_program import Wish, approve_program
from gateway.actions.device_sign_in import DeviceAsked, approve_device, ask_device_code
from gateway.actions.password_grant import grant_by_password
from gateway.actions.services import Services
from gateway.actions.set_up import finish_setup
from gateway.actions.tokens import Issued, Program, authenticate_token
from gateway.errors import NotSignedIn
from gateway.identity.pkce import challenge_of
from tests.actions.world import PASSWORD, WORKSTATION, World

TENANTS = "https://gateway.example"
ADMINS = "https://admin.gateway.example"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
PROGRAM_AT = "203.0.113.9"
VERIFIER = "v" * 64
REDIRECT = "http://localhost:8400"


def both_endpoints(world: World) -> Services:
    """The world's services, the administrators' endpoint among them."""
    world.s = replace(world.s, admin_public_base=ADMINS)
    return world.s


def program(audience: str = TENANTS, **changes: str) -> Program:
    return replace(Program(AZURE_CLI, audience, PROGRAM_AT, "AZURECLI/2.91.0"), **changes)


async def by_password(world: World, name: str = "tina", audience: str = TENANTS) -> Issued:
    return await grant_by_password(
        world.s,
        program(audience),
        name=name,
        password=PASSWORD,
        refreshable=True,
        now=world.now,
    )


async def opens(world: World, secret: str, audience: str = TENANTS) -> bool:
    """Whether that is an access token which counts at that endpoint."""
    try:
        await authenticate_token(
            world.s, secret, audience=audience, address=PROGRAM_AT, now=world.now
        )
    except NotSignedIn:
        return False
    return True


async def asked(world: World, audience: str = TENANTS) -> DeviceAsked:
    return await ask_device_code(world.s, program(audience), now=world.now)


async def approve(
    world: World, user_code: str, name: str = "tina", audience: str = TENANTS, **changes: str
) -> None:
    proof = {"password": PASSWORD, "code": world.code(name)} | changes
    await approve_device(
        world.s,
        user_code,
        audience=audience,
        name=name,
        password=proof["password"] or "",
        code=proof["code"],
        address=WORKSTATION,
        now=world.now,
    )


async def new_password(world: World, name: str = "tina") -> None:
    """Somebody who fears that their account is in other hands sets it up anew."""
    ada = await world.session("ada")
    account = world.accounts[name]
    link = await issue_setup_link(world.s, ada.actor, account.id, now=world.now)
    await finish_setup(
        world.s,
        link.secret,
        password="correct horse battery",
        code=None,
        address=WORKSTATION,
        now=world.now,
    )


def wish(audience: str = TENANTS) -> Wish:
    return Wish(AZURE_CLI, REDIRECT, challenge_of(VERIFIER), audience, nonce="n-0S6_WzA2Mj")


async def authorization_code(world: World, name: str = "tina", audience: str = TENANTS) -> str:
    return await approve_program(
        world.s,
        wish(audience),
        name=name,
        password=PASSWORD,
        code=world.code(name),
        address=WORKSTATION,
        now=world.now,
    )
