"""Tokens of Resource Manager's clients, got from a standing gateway's own authority.

token = await arm_token(standing, "contoso")              # as a tenant, by password
token = await arm_token(standing, "admin", base=standing.admin_base)   # by a client credential
"""

from __future__ import annotations

from typing import Any

import aiohttp

from gateway.actions.credentials import NewCredential, add_credential
from gateway.policy.facts import Actor, Role
from tests.doubles.standing import Standing

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


async def arm_token(standing: Standing, name: str, *, base: str | None = None) -> str:
    """An access token of `name` for the endpoint `base`; the main one where none is given."""
    chosen = base or standing.base
    answer = await arm_tokens(standing, name, base=chosen)
    return str(answer["access_token"])


async def arm_tokens(standing: Standing, name: str, *, base: str) -> dict[str, Any]:
    """What the token endpoint answers: by password for a tenant, by credential for an admin."""
    account = standing.accounts[name]
    form = {
        "grant_type": "password",
        "client_id": AZURE_CLI,
        "username": name,
        "password": account.password,
        "scope": f"{base}/.default openid offline_access",
    }
    if account.role is not Role.TENANT:
        made = await credential(standing, name)
        form = {
            "grant_type": "client_credentials",
            "client_id": made.named.credential.id,
            "client_secret": made.secret,
            "scope": f"{base}/.default",
        }
    status, answer = await ask_for_token(standing, form, base=base)
    assert status == 200, answer
    return answer


async def ask_for_token(
    standing: Standing, form: dict[str, str], *, base: str | None = None
) -> tuple[int, dict[str, Any]]:
    """POST a form to the token endpoint: the status and the answer."""
    connector = aiohttp.TCPConnector(ssl=standing.trust())
    url = f"{base or standing.base}/adfs/oauth2/token"
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.post(url, data=form) as response,
    ):
        return response.status, await response.json()


async def credential(standing: Standing, name: str, *, days: int = 1) -> NewCredential:
    """A fresh client credential of `name`, added by the admin."""
    admin, services = standing.accounts["admin"], standing.gateway.services
    actor = Actor(admin.id, admin.name, Role.ADMIN, frozenset(), "127.0.0.1", "test")
    return await add_credential(
        services,
        actor,
        account_id=standing.accounts[name].id,
        label="test",
        days=days,
        now=services.clock(),
    )
