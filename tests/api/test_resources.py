"""What the API answers, resource by resource, when all is well."""

from __future__ import annotations

from typing import Any

from gateway.actions.authenticate import authenticate
from gateway.policy.facts import EndCode
from tests.actions.world import CONTOSO, NODE, PASSWORD, WEB01, WEB02
from tests.api.conftest import HERE, Caller


async def json_of(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status == status, await answer.text()
    value: dict[str, Any] = await answer.json()
    return value


async def test_a_sign_in_gives_a_token_that_works_until_it_is_ended(call: Caller) -> None:
    body = {"user": "olga", "password": PASSWORD, "code": call.world.code("olga")}
    signed_in = await json_of(await call("POST", "sign-ins", body), 201)
    assert signed_in["account"]["role"] == "cloudadmin"
    assert signed_in["idle_seconds"] == 15 * 60
    token = signed_in["token"]
    current = await json_of(await call("GET", "sign-ins/current", token=token))
    assert (current["address"], current["node"]) == (HERE, NODE)
    assert "token" not in current
    assert (await call("DELETE", "sign-ins/current", token=token)).status == 204
    assert (await call("GET", "sign-ins/current", token=token)).status == 401


async def test_too_many_wrong_passwords_say_when_to_come_back(call: Caller) -> None:
    answers = [
        await call("POST", "sign-ins", {"user": "tina", "password": "wrong"}) for _ in range(12)
    ]
    assert answers[0].status == 401
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")
    assert answers[-1].status == 429
    assert 0 < int(answers[-1].headers["Retry-After"])
    assert (await answers[-1].json())["error"]["code"] == "TooManyRequests"


async def test_a_consent_names_the_ercs_and_asking_again_extends_nothing(call: Caller) -> None:
    token = await call.token("tina")
    body = {"resource_id": WEB01.vm.resource_id}
    first = await json_of(await call("POST", "consents", body, token=token), 201)
    call.world.clock.advance(hours=1)
    again = await json_of(await call("POST", "consents", body, token=await call.token("tina")), 200)
    assert first["ERCSName"] == NODE
    assert (again["id"], again["expires_at"]) == (first["id"], first["expires_at"])


async def test_a_consent_is_deleted_by_its_vm_or_by_its_id(call: Caller) -> None:
    """The seed's Delete-TenantVMSession -ResourceID."""
    first, second = await call.world.consent(WEB01), await call.world.consent(WEB02)
    token = await call.token("olga")
    query = {"resource_id": WEB01.vm.resource_id.upper(), "reason": "network is back"}
    ended = await json_of(await call("DELETE", "consents", token=token, params=query))
    assert (ended["id"], ended["end_code"]) == (first.id, EndCode.FINISHED)
    assert (ended["end_reason"], ended["active"]) == ("network is back", False)
    ended = await json_of(await call("DELETE", f"consents/{second.id}", token=token))
    assert ended["id"] == second.id
    assert (await json_of(await call("GET", "consents", token=token)))["consents"] == []
    history = await json_of(await call("GET", "consents?history=true", token=token))
    assert {consent["id"] for consent in history["consents"]} == {first.id, second.id}


async def open_console(call: Caller, token: str | None, **more: Any) -> Any:
    body = {
        "resource_id": WEB01.vm.resource_id,
        "password": PASSWORD,
        "code": call.world.code("olga"),
    }
    return await call("POST", "consoles", body | more, token=token)


async def test_opening_a_console_gives_every_way_in_and_a_new_token(call: Caller) -> None:
    consent = await call.world.consent(WEB01)
    token = await call.token("olga")
    opened = await json_of(await open_console(call, token), 201)
    assert opened["page"].startswith("https://gateway.example/connect#")
    assert opened["stream"] == f"wss://gateway.example/consoles/{consent.id}/stream"
    assert opened["consent_id"] == consent.id
    assert (await call("GET", "sign-ins/current", token=token)).status == 401
    assert (await call("GET", "sign-ins/current", token=opened["token"])).status == 200
    secrets = {opened["ticket"], opened["token"], opened["page"].partition("#")[2]}
    assert len(secrets) == 3


async def test_a_wrong_step_up_leaves_the_sign_in_as_it_was(call: Caller) -> None:
    await call.world.consent(WEB01)
    token = await call.token("olga")
    assert (await open_console(call, token, password="wrong")).status == 401
    assert (await call("GET", "sign-ins/current", token=token)).status == 200


async def test_each_further_viewer_gets_a_ticket_while_the_grant_is_fresh(call: Caller) -> None:
    consent = await call.world.consent(WEB01)
    opened = await json_of(await open_console(call, await call.token("olga")), 201)
    path = f"consoles/{consent.id}/tickets"
    second = await json_of(await call("POST", path, token=opened["token"]), 201)
    assert second["ticket"] != opened["ticket"]
    call.world.clock.advance(seconds=61)
    late = await call("POST", path, token=opened["token"])
    assert late.status == 403
    assert (await late.json())["error"]["code"] == "StepUpStale"


async def test_one_proof_signs_in_and_opens(call: Caller) -> None:
    """A one-time code can be used only once: a script has one, and needs both."""
    await call.world.consent(WEB01)
    opened = await json_of(await open_console(call, None, user="olga"), 201)
    session = await authenticate(
        call.world.s, opened["token"], kind="bearer", address=HERE, now=call.world.now
    )
    assert session.actor.name == "olga"
    actions = [record.action for record in await call.world.audit()]
    assert actions == ["sign_in", "console.open", "console.ticket", "console.handoff"]
    assert (await open_console(call, None, user="olga")).status == 401  # the code is used up


async def test_one_proof_that_opens_nothing_leaves_no_sign_in(call: Caller) -> None:
    answer = await open_console(call, None, user="olga")  # nobody consented
    assert answer.status == 404
    async with call.world.store.reading() as unit:
        assert await unit.sign_ins.list(call.world.now) == ()


async def test_one_proof_of_a_tenant_opens_nothing(call: Caller) -> None:
    await call.world.consent(WEB01)
    answer = await open_console(call, None, user="tina", code=None)
    assert answer.status == 403
    assert (await answer.json())["error"]["code"] == "NotAnOperator"


async def test_an_account_is_created_with_a_link_whose_secret_is_in_the_fragment(
    call: Caller,
) -> None:
    token = await call.token("ada")
    body = {"name": "new", "role": "tenant", "subscriptions": [CONTOSO.upper()]}
    created = await json_of(await call("POST", "accounts", body, token=token), 201)
    assert created["set_up_link"].startswith("https://gateway.example/set-up#")
    assert created["subscriptions"] == [CONTOSO]
    assert created["set_up"] is False
    again = await call("POST", "accounts", body, token=token)
    assert again.status == 409
    path = f"accounts/{created['id']}/set-up-links"
    link = await json_of(await call("POST", path, token=token), 201)
    assert link["set_up_link"] != created["set_up_link"]


async def test_a_disabled_account_is_out_at_once_and_comes_back(call: Caller) -> None:
    admin, operator = await call.token("ada"), await call.token("olga")
    path = f"accounts/{call.world.accounts['olga'].id}"
    assert (await json_of(await call("PATCH", path, {"disabled": True}, token=admin)))["disabled"]
    assert (await call("GET", "sign-ins/current", token=operator)).status == 401
    back = await json_of(await call("PATCH", path, {"disabled": False}, token=admin))
    assert not back["disabled"]
    listed = await json_of(await call("GET", "accounts", token=admin))
    assert "password" not in str(listed)
    assert "code_secret" not in str(listed)


async def test_without_an_address_the_calling_workstation_is_meant(call: Caller) -> None:
    """The seed's Grant-RdpAccessToErcsVM takes no parameters."""
    token = await call.token("ada")
    path = "nodes/AzS-ERCS02/safelist"
    granted = await json_of(await call("POST", path, {}, token=token), 201)
    assert (granted["node"], granted["network"]) == ("AzS-ERCS02", f"{HERE}/32")
    block = {"network": "10.9.0.0/16"}
    await json_of(await call("POST", path, block, token=token), 201)
    assert (await json_of(await call("DELETE", path, token=token)))["network"] == HERE
    left = await json_of(await call("GET", path, token=token))
    assert [entry["network"] for entry in left["workstations"]] == ["10.9.0.0/16"]
    assert (await call("DELETE", path, token=token, params=block)).status == 200
    assert (await call("DELETE", path, token=token, params=block)).status == 404


async def test_disabling_a_subscription_ends_its_consents(call: Caller) -> None:
    consent = await call.world.consent(WEB01)
    token = await call.token("ada")
    path = f"subscriptions/{CONTOSO}"
    changed = await json_of(await call("PUT", path, {"enabled": False}, token=token))
    assert changed == {"id": CONTOSO, "enabled": False}
    shown = await json_of(await call("GET", f"consents/{consent.id}", token=token))
    assert shown["end_code"] == EndCode.SUBSCRIPTION_DISABLED
    assert (await call("PUT", "subscriptions/x", {"enabled": True}, token=token)).status == 400


async def test_the_audit_log_comes_in_pages_and_verifies(call: Caller) -> None:
    token = await call.token("ada")
    for number in range(5):
        path = f"subscriptions/00000000-0000-4000-8000-00000000000{number}"
        await json_of(await call("PUT", path, {"enabled": True}, token=token))
    first = await json_of(await call("GET", "audit?limit=2", token=token))
    assert [record["seq"] for record in first["records"]] == [5, 4]
    rest = await json_of(await call("GET", f"audit?limit=3&before={first['next']}", token=token))
    assert [record["seq"] for record in rest["records"]] == [3, 2, 1]
    over = await json_of(await call("GET", f"audit?before={rest['next']}", token=token))
    assert (over["records"], over["next"]) == ([], None)
    denied = await json_of(await call("GET", "audit?outcome=denied", token=token))
    assert denied["records"] == []
    assert (await json_of(await call("GET", "audit/verification", token=token)))["intact"] is True


async def test_sessions_show_only_what_one_may_see(call: Caller) -> None:
    consent = await call.world.consent(WEB01)

    class Live:
        def view(self) -> Any:
            return View()

    class View:
        consent_id = consent.id

        def as_json(self) -> dict[str, str]:
            return {"consent_id": self.consent_id}

    call.world.registry.live[consent.id] = Live()
    for name, count in (("tina", 1), ("theo", 0), ("olga", 1), ("ada", 1)):
        shown = await json_of(await call("GET", "sessions", token=await call.token(name)))
        assert len(shown["sessions"]) == count
