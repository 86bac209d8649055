"""The console page's events tell the end of what they belong to, and of nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.web import console_events
from tests.actions.world import PASSWORD, WEB01, WEB02
from tests.web.conftest import Browser, Site


async def step_up(site: Site, operator: Browser, vm: Any, tenant: Browser) -> str:
    """Open the console of `vm` as a person would; the consent's id."""
    form = {"resource_id": vm.vm.resource_id, "reason": "locked out"}
    page = f"/tenant/consents/new?vm={vm.vm.resource_id}"
    await tenant.post("/tenant/consents", form, page=page)
    async with site.world.store.reading() as unit:
        consent = await unit.consents.active_for(vm.vm.key, site.world.now)
    assert consent is not None
    site.world.clock.advance(seconds=30)
    proof = {"password": PASSWORD, "code": site.world.code("olga") or ""}
    opened = await operator.post(f"/consents/{consent.id}/open", proof)
    assert opened.headers["Location"] == f"/consoles/{consent.id}"
    return consent.id


async def told(response: Any) -> dict[str, Any]:
    """The next view."""
    async for line in response.content:
        if line.startswith(b"data:"):
            view: dict[str, Any] = json.loads(line[5:])
            return view
    raise AssertionError("the events ended")


async def test_a_step_up_in_another_tab_ends_no_console(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_events, "LOOK_EVERY", 0.01)
    tina, olga = await site.signed_in("tina"), await site.signed_in("olga")
    consent_id = await step_up(site, olga, WEB01, tina)
    cookies = "; ".join(f"{name}={value}" for name, value in olga.cookies.items())
    events = await site.client.get(f"/consoles/{consent_id}/events", headers={"Cookie": cookies})
    assert (await told(events))["consent"]["active"]
    await step_up(site, olga, WEB02, tina)
    for _ in range(6):  # in which the store is read three times
        assert (await told(events))["consent"]["active"]
    await olga.post("/sign-out", page="/operator")
    while (view := await told(events))["consent"]["active"]:
        pass
    assert view["consent"]["end"]["code"] == "sign_in_ended"
