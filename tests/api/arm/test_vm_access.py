"""Emergency VM Access as the seed's scripts ask for it (T13, T14), and the tenant's withdrawal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.api.arm.envelope import moment
from gateway.policy.facts import CONSENT_LIFETIME, Consent
from tests.actions.world import CONTOSO, NODE, WEB01
from tests.api.arm.conftest import PROVIDER, ArmCaller

VM = WEB01.vm.resource_id
FEATURE = (
    f"/subscriptions/{PROVIDER}/providers/Microsoft.Compute.Admin/locations/local"
    "/features/Microsoft.Compute.EmergencyVMAccess"
)
NOT_ENABLED = {
    "code": "OperationNotAllowed",
    "message": f"The Emergency VM Access feature is not enabled for subscription '{CONTOSO}'.",
}


async def enable(call: ArmCaller, path: str = VM, **more: Any) -> Any:
    return await call("POST", f"{path}/enableVmAccess", token=await call.token("tina"), **more)


async def disable(call: ArmCaller, **more: Any) -> Any:
    return await call("POST", f"{VM}/disableVmAccess", token=await call.token("tina"), **more)


async def admin(call: ArmCaller, action: str, body: Any) -> Any:
    token = await call.token("ada")
    path = f"{FEATURE}/{action}" if action else FEATURE
    verb = "POST" if action else "GET"
    return await call(verb, path, body, token=token, at="admin", version="2020-11-01")


async def feature(call: ArmCaller) -> Any:
    return (await (await admin(call, "", None)).json())["properties"]


async def consents(call: ArmCaller) -> list[Consent]:
    async with call.world.store.reading() as unit:
        return list(await unit.consents.active(call.world.now))


async def test_the_tenant_is_told_the_node_and_more(call: ArmCaller) -> None:
    answer = await enable(call)
    assert answer.status == 200
    [consent] = await consents(call)
    assert await answer.json() == {
        "ERCSName": NODE,
        "consentId": consent.id,
        "expiresOn": moment(call.world.now + CONSENT_LIFETIME),
        "consoleUrl": f"https://gateway.example/consoles/{consent.id}",
    }


async def test_asking_again_neither_doubles_nor_prolongs(call: ArmCaller) -> None:
    first = await (await enable(call)).json()
    call.world.clock.advance(minutes=30)
    assert await (await enable(call)).json() == first
    assert len(await consents(call)) == 1


@pytest.mark.parametrize(
    "path",
    [
        VM.replace("Microsoft.Compute/", "Microsoft.Compute//"),  # az resource invoke-action -g -n
        VM.upper(),
        VM.replace("resourceGroups", "resourcegroups"),
        f"/{VM}",
        VM.replace("virtualMachines", "%76irtualMachines"),
    ],
)
async def test_however_the_id_is_written(path: str, call: ArmCaller) -> None:
    """T14: each way makes the one consent, for the VM as the inventory spells it."""
    answer = await enable(call, path, version="2024-11-01")
    assert answer.status == 200, await answer.text()
    [consent] = await consents(call)
    assert consent.resource_id == VM


async def test_before_during_and_after(call: ArmCaller) -> None:
    """T13: the subscription's own setting, then the global one, which wins."""
    own = {"tenantSubscriptionId": CONTOSO}
    for action, body, status in (
        ("disableTenantSubscriptionFeature", own, 409),
        ("enableTenantSubscriptionFeature", own, 200),
        ("updateGlobalFeatureSettings", {"globalFeatureState": "Disabled"}, 409),
        ("updateGlobalFeatureSettings", {"globalFeatureState": "TenantSubscriptionLevel"}, 200),
        ("disableTenantSubscriptionFeature", own, 409),
        ("updateGlobalFeatureSettings", {"globalFeatureState": "Enabled"}, 200),
        ("updateGlobalFeatureSettings", {"globalFeatureState": "tenantsubscriptionlevel"}, 409),
    ):
        assert (await admin(call, action, body)).status == 200
        answer = await enable(call)
        assert answer.status == status, (action, body)
        if status == 409:
            assert (await answer.json())["error"] == NOT_ENABLED
            assert await consents(call) == []  # what ran has ended in the same commit


async def test_the_refusal_is_recorded(call: ArmCaller) -> None:
    await admin(call, "disableTenantSubscriptionFeature", {"tenantSubscriptionId": CONTOSO})
    await enable(call)
    record = (await call.world.audit())[-1]
    assert (record.action, record.outcome, record.code) == (
        "consent.request",
        "denied",
        "SubscriptionNotEnabled",
    )


async def test_a_reason_is_understood(call: ArmCaller) -> None:
    assert (await enable(call, body={"Reason": "locked out"})).status == 200
    assert [consent.reason for consent in await consents(call)] == ["locked out"]


@pytest.mark.parametrize("reason", [["a"], 7, {"a": 1}, None, "x" * 600])
async def test_a_reason_is_a_short_text(reason: Any, call: ArmCaller) -> None:
    answer = await enable(call, body={"reason": reason})
    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == "InvalidParameter"


async def test_a_tenant_withdraws(call: ArmCaller) -> None:
    given = await (await enable(call)).json()
    answer = await disable(call, body={"reason": "mended"})
    assert answer.status == 200
    assert await answer.json() == {
        "ERCSName": NODE,
        "consentId": given["consentId"],
        "endedOn": moment(call.world.now),
    }
    assert await consents(call) == []
    record = (await call.world.audit())[-1]
    assert (record.action, dict(record.facts)["end"]) == ("consent.end", "withdrawn")
    assert dict(record.facts)["why"] == "mended"


async def test_withdrawing_twice_is_no_error(call: ArmCaller) -> None:
    """A client whose answer was lost asks again."""
    await enable(call)
    await disable(call)
    answer = await disable(call)
    assert answer.status == 200
    assert await answer.json() == {"ERCSName": NODE, "consentId": None, "endedOn": None}


async def test_a_consent_that_ran_out_is_given_anew(call: ArmCaller) -> None:
    first = await (await enable(call)).json()
    call.world.clock.advance(seconds=CONSENT_LIFETIME / timedelta(seconds=1))
    assert (await (await enable(call)).json())["consentId"] != first["consentId"]


async def test_the_feature_has_the_swaggers_shape(call: ArmCaller) -> None:
    answer = await admin(call, "", None)
    assert await answer.json() == {
        "id": FEATURE,
        "name": "Microsoft.Compute.EmergencyVMAccess",
        "type": "Microsoft.Compute.Admin/locations/features",
        "location": "local",
        "properties": {
            "featureName": "Microsoft.Compute.EmergencyVMAccess",
            "globalFeatureSettings": {"globalFeatureState": "TenantSubscriptionLevel"},
            "enabledTenantSubscriptionIds": [CONTOSO],
        },
    }
    token = await call.token("ada")
    listed = await call("GET", FEATURE.rpartition("/")[0], token=token, at="admin")
    assert await listed.json() == {"value": [await answer.json()]}


async def test_the_newest_subscription_comes_last(call: ArmCaller) -> None:
    """The cmdlets' tests read `[-1]`; an id need not exist."""
    first, second = "ffffffff-1111-4111-8111-111111111111", "00000000-1111-4111-8111-111111111111"
    for subscription in (first, second):
        call.world.clock.advance(seconds=1)
        body = {"tenantSubscriptionId": subscription}
        assert (await admin(call, "enableTenantSubscriptionFeature", body)).status == 200
    assert (await feature(call))["enabledTenantSubscriptionIds"] == [CONTOSO, first, second]
    body = {"tenantSubscriptionId": first.upper()}
    await admin(call, "disableTenantSubscriptionFeature", body)
    assert (await feature(call))["enabledTenantSubscriptionIds"] == [CONTOSO, second]


async def test_the_actions_answer_with_no_body_at_all(call: ArmCaller) -> None:
    """As a real stamp did: 200 and `Content-Length: 0`."""
    answer = await admin(call, "enableTenantSubscriptionFeature", {"TenantSubscriptionId": CONTOSO})
    assert (answer.status, answer.headers["Content-Length"]) == (200, "0")
    assert await answer.read() == b""


@pytest.mark.parametrize(
    "given",
    [{"CliXml": "<Objs/>"}, [CONTOSO], 7, None, "", "contoso", f"{{{CONTOSO}}}", f" {CONTOSO}"],
)
async def test_a_subscription_id_that_is_no_guid(given: Any, call: ArmCaller) -> None:
    """PowerShell sends an object for what came from Read-Host (azure-stack-docs#1950)."""
    answer = await admin(call, "enableTenantSubscriptionFeature", {"TenantSubscriptionId": given})
    assert answer.status == 400
    error = (await answer.json())["error"]
    assert error["code"] == "InvalidParameter"
    assert (await feature(call))["enabledTenantSubscriptionIds"] == [CONTOSO]


@pytest.mark.parametrize("state", ["On", "", None, 1, ["Enabled"]])
async def test_a_global_state_is_one_of_three(state: Any, call: ArmCaller) -> None:
    body = {"globalFeatureState": state}
    answer = await admin(call, "updateGlobalFeatureSettings", body)
    assert answer.status == 400
    assert (await answer.json())["error"]["target"] == "globalFeatureState"


@pytest.mark.parametrize(
    "path",
    [
        FEATURE.replace("EmergencyVMAccess", "Other"),
        FEATURE.replace("locations/local", "locations/elsewhere"),
    ],
)
async def test_there_is_one_feature_in_one_place(path: str, call: ArmCaller) -> None:
    answer = await call("GET", path, token=await call.token("ada"), at="admin")
    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "ResourceNotFound")
