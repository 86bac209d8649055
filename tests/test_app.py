"""A node picks up where the last one stopped."""

from __future__ import annotations

from pathlib import Path

from gateway.actions.accounts import create_account
from gateway.actions.request_consent import request_consent
from gateway.actions.subscriptions import enable_subscription
from gateway.app import open_gateway, utc_now
from gateway.inventory import Inventory
from gateway.policy.facts import Actor, EndCode, Role
from gateway.settings import Settings
from tests.actions.world import CONTOSO, NODE, WEB01

ADMIN = Actor("ada", "ada", Role.ADMIN, frozenset(), "10.0.0.7", "s")


async def test_a_vm_that_went_while_no_gateway_ran_takes_its_consent_along(tmp_path: Path) -> None:
    """Or the consent would hold for whatever comes back under its name (CVE-2013-0335)."""
    settings = Settings(node=NODE, state_directory=tmp_path)
    async with open_gateway(settings, inventory=Inventory([WEB01])) as gateway:
        s, owned = gateway.services, frozenset({CONTOSO})
        await enable_subscription(s, ADMIN, CONTOSO, now=utc_now())
        made = await create_account(
            s, ADMIN, name="tina", role=Role.TENANT, subscriptions=owned, now=utc_now()
        )
        tina = Actor(made.account.id, "tina", Role.TENANT, owned, "10.0.0.8", "s")
        consent = await request_consent(
            s, tina, resource_id=WEB01.vm.resource_id, reason="", now=utc_now()
        )
    async with open_gateway(settings, inventory=Inventory()) as gateway:
        async with gateway.services.store.reading() as unit:
            found = await unit.consents.get(consent.id)
        assert found is not None
        assert found.end_code is EndCode.VM_GONE
        # It comes back, and its consent does not.
        gateway.inventory.replace([WEB01])
        async with gateway.services.store.reading() as unit:
            assert await unit.consents.active_for(WEB01.vm.key, utc_now()) is None
