"""What every request goes through: token, body, subscription, version, rate (T19)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.api.arm.throttle import RequestThrottle
from gateway.errors import Throttled
from gateway.identity.directory import object_id
from tests.actions.world import CONTOSO, FABRIKAM, START, WEB01, resource_id
from tests.api.arm.conftest import ADMIN_BASE, BASE, PROVIDER, ArmCaller

VM = WEB01.vm.resource_id
FOREIGN = resource_id(FABRIKAM, "fab01")
GUID = "0f4e6ad7-23f7-4b0c-9d53-1f6d3f0f2c11"
NOWHERE = "/subscriptions/00000000-0000-4000-8000-00000000dead"


async def code_of(answer: Any) -> str:
    return str((await answer.json())["error"]["code"])


async def test_without_a_token_clients_learn_where_to_get_one(call: ArmCaller) -> None:
    answer = await call("GET", VM)
    assert answer.status == 401
    assert (await answer.json())["error"] == {
        "code": "AuthenticationFailed",
        "message": "Authentication failed. The 'Authorization' header is missing.",
    }
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="{BASE}/adfs", error="invalid_token", ')


@pytest.mark.parametrize("header", ["Basic dGluYTp4", "Bearer", "Bearer ", "nonsense"])
async def test_a_header_that_is_no_bearer_token(header: str, call: ArmCaller) -> None:
    answer = await call("GET", VM, headers={"Authorization": header})
    assert answer.status == 401
    assert await code_of(answer) == "AuthenticationFailedInvalidHeader"


async def test_a_token_of_the_other_endpoint_counts_for_nothing(call: ArmCaller) -> None:
    tenants = await call.token("tina", "admin")
    admins = await call.token("ada", "tenant")
    for token in (tenants, admins, "made up"):
        answer = await call("GET", "/subscriptions", token=token)
        assert answer.status == 401
        assert await code_of(answer) == "InvalidAuthenticationToken"
    answer = await call("GET", "/subscriptions", token=await call.token("tina"), at="admin")
    assert answer.status == 401
    assert f'authorization_uri="{ADMIN_BASE}/adfs"' in answer.headers["WWW-Authenticate"]


async def test_no_cookie_opens_anything(call: ArmCaller) -> None:
    session = await call.world.session("tina", "127.0.0.1")
    assert session is not None
    token = await call.token("tina")
    answer = await call("GET", VM, headers={"Cookie": f"__Host-eva={token}"})
    assert answer.status == 401


async def test_an_expired_token_counts_for_nothing(call: ArmCaller) -> None:
    token = await call.token("tina")
    assert (await call("GET", VM, token=token)).status == 200
    call.world.clock.advance(hours=1)
    assert (await call("GET", VM, token=token)).status == 401


async def test_the_foreign_is_answered_as_the_missing(call: ArmCaller) -> None:
    token = await call.token("tina")
    answers = []
    for path in (FOREIGN, resource_id(FABRIKAM, "nothing"), f"{NOWHERE}{VM[51:]}"):
        answer = await call("GET", path, token=token)
        assert answer.status == 403
        error = (await answer.json())["error"]
        answers.append(error["message"].replace(path, "PATH"))
        assert error["code"] == "AuthorizationFailed"
    assert len(set(answers)) == 1
    oid = object_id(call.world.accounts["tina"].id)
    assert answers[0] == (
        f"The client 'tina' with object id '{oid}' does not have authorization to perform action "
        "'Microsoft.Compute/virtualMachines/read' over scope 'PATH' or the scope is invalid. If "
        "access was recently granted, please refresh your credentials."
    )


async def test_the_scope_of_an_action_is_its_resource(call: ArmCaller) -> None:
    answer = await call("POST", f"{FOREIGN}/enableVmAccess", token=await call.token("tina"))
    message = (await answer.json())["error"]["message"]
    assert "'Microsoft.Compute/virtualMachines/enableVmAccess/action'" in message
    assert f"over scope '{FOREIGN}'" in message


async def test_a_refusal_is_recorded_with_the_clients_words(call: ArmCaller) -> None:
    headers = {
        "User-Agent": "AZURECLI/2.91.0 " + "x" * 400,
        "CommandName": "vm extension set\u00a0",
        "x-ms-client-request-id": GUID,
        "x-ms-correlation-request-id": GUID,
    }
    await call("GET", FOREIGN, token=await call.token("tina"), headers=headers)
    record = (await call.world.audit())[-1]
    assert (record.action, record.outcome, record.actor) == ("arm.refused", "denied", "tina")
    assert record.target == FOREIGN
    noted = dict(record.facts)
    assert noted["command"] == "vm extension set"
    assert noted["client_request"] == noted["correlation"] == GUID
    assert noted["user_agent"].startswith("AZURECLI/2.91.0 xxx")
    assert len(noted["user_agent"]) == 256


async def test_ones_own_is_missing_in_plain_words(call: ArmCaller) -> None:
    token = await call.token("tina")
    answer = await call("GET", resource_id(CONTOSO, "nothing"), token=token)
    assert answer.status == 404
    error = (await answer.json())["error"]
    assert error["code"] == "ResourceNotFound"
    assert error["message"].startswith(
        "The Resource 'Microsoft.Compute/virtualMachines/nothing' under resource group 'Prod' was"
    )


@pytest.mark.parametrize("subscription", [NOWHERE, f"/subscriptions/{FABRIKAM}"])
async def test_no_foreign_subscription_can_be_found(subscription: str, call: ArmCaller) -> None:
    answer = await call("GET", subscription, token=await call.token("tina"))
    assert answer.status == 404
    assert (await answer.json())["error"] == {
        "code": "SubscriptionNotFound",
        "message": f"The subscription '{subscription[15:]}' could not be found.",
    }


async def test_a_subscription_id_is_a_guid(call: ArmCaller) -> None:
    answer = await call("GET", "/subscriptions/mine/resourceGroups", token=await call.token("tina"))
    assert (answer.status, await code_of(answer)) == (400, "InvalidSubscriptionId")


async def test_a_version_is_required_of_whoever_is_known(call: ArmCaller) -> None:
    token = await call.token("tina")
    answer = await call("GET", VM, token=token, version=None)
    assert (answer.status, await code_of(answer)) == (400, "MissingApiVersionParameter")
    answer = await call("GET", VM, token=token, version="1.0")
    assert (answer.status, await code_of(answer)) == (400, "InvalidApiVersionParameter")
    answer = await call("GET", f"{VM}?API-Version=2023-09-01", token=token, version=None)
    assert answer.status == 200


async def test_every_answer_bears_ids(call: ArmCaller) -> None:
    for path, status in (("/metadata/endpoints", 200), (VM, 401), ("/subscriptions/x/y/z", 404)):
        answer = await call("GET", path, headers={"x-ms-correlation-request-id": GUID})
        assert answer.status == status
        assert answer.headers["x-ms-correlation-request-id"] == GUID
        assert answer.headers["x-ms-request-id"] in answer.headers["x-ms-routing-request-id"]
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_another_method_is_refused_in_the_envelope(call: ArmCaller) -> None:
    answer = await call("DELETE", "/tenants", token=await call.token("tina"))
    assert (answer.status, await code_of(answer)) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "InvalidRequestContent"),
        (b"[]", "InvalidRequestContent"),
        (b'"text"', "InvalidRequestContent"),
        (b'{"a": NaN}', "InvalidRequestContent"),
        (b"\xff\xfe\xfa", "InvalidRequestContent"),
        (b"[" * 60_000, "InvalidRequestContent"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "InvalidRequestContent"),
        (rb'{"tenantSubscriptionId":"\ud800"}', "InvalidRequestContent"),
        (rb'{"\udc00":1}', "InvalidRequestContent"),
        (b'{"a": 1e999}', "InvalidRequestContent"),
        (b'{"tenantSubscriptionId":"a","TenantSubscriptionId":"b"}', "InvalidRequestContent"),
        (b"", "InvalidRequestContent"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_body_that_is_no_object(data: bytes, code: str, call: ArmCaller) -> None:
    answer = await call(
        "POST", FEATURE, token=await call.token("ada"), at="admin", data=data,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status == 400
    error = (await answer.json())["error"]
    assert error["code"] == code
    assert error["message"].startswith(
        "The request content was invalid and could not be deserialized: '"
    )


FEATURE = (
    f"/subscriptions/{PROVIDER}/providers/Microsoft.Compute.Admin/locations/local/features"
    "/Microsoft.Compute.EmergencyVMAccess/enableTenantSubscriptionFeature"
)


async def test_a_body_has_a_bound(call: ArmCaller) -> None:
    answer = await call(
        "POST", f"{VM}/enableVmAccess", token=await call.token("tina"), data=b" " * (64 * 1024 + 1),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert (answer.status, await code_of(answer)) == (413, "RequestContentTooLarge")


async def test_a_form_is_no_json(call: ArmCaller) -> None:
    answer = await call(
        "POST", f"{VM}/enableVmAccess", token=await call.token("tina"), data={"reason": "x"}
    )
    assert (answer.status, await code_of(answer)) == (415, "UnsupportedMediaType")


async def test_who_sends_slowly_is_judged_when_all_has_come(call: ArmCaller) -> None:
    """A token that was revoked meanwhile opens nothing."""
    token = await call.token("tina")

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        async with call.world.store.unit() as unit:
            for sign_in in await unit.sign_ins.for_account(call.world.accounts["tina"].id):
                await unit.sign_ins.end(sign_in.id, call.world.now)
        yield b"}"

    headers = {"Content-Type": "application/json"}
    answer = await call(
        "POST", f"{VM}/enableVmAccess", token=token, data=trickle(), headers=headers
    )
    assert answer.status == 401


async def test_a_fault_of_ours_tells_nothing_but_an_id(
    call: ArmCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: Any) -> None:
        raise RuntimeError("a password: hunter2")

    monkeypatch.setattr("gateway.api.arm.entrance.check_subscription", broken)
    answer = await call("GET", VM, token=await call.token("tina"))
    assert (answer.status, await code_of(answer)) == (500, "InternalServerError")
    assert "hunter2" not in await answer.text()
    assert answer.headers["x-ms-correlation-request-id"] in await answer.text()


class TestRates:
    """Who asks too often is told when to come again, by sign-in and by address."""

    @pytest.fixture
    def throttle(self) -> RequestThrottle:
        return RequestThrottle("3 per 10 seconds", "7 per 10 seconds")

    async def test_a_sign_in_that_asks_too_often(self, call: ArmCaller) -> None:
        token, other = await call.token("tina"), await call.token("tina")
        for _ in range(3):
            assert (await call("GET", VM, token=token)).status == 200
        answer = await call("GET", VM, token=token)
        assert (answer.status, await code_of(answer)) == (429, "TooManyRequests")
        assert answer.headers["Retry-After"] == "10"
        assert (await call("GET", VM, token=other)).status == 200
        call.world.clock.advance(seconds=11)
        assert (await call("GET", VM, token=token)).status == 200

    async def test_strangers_count_by_their_address(self, call: ArmCaller) -> None:
        for _ in range(7):
            assert (await call("GET", VM)).status == 401
        answer = await call("GET", VM)
        assert answer.status == 429
        assert "Retry-After" in answer.headers


def test_an_address_is_a_whole_ipv6_network() -> None:
    throttle = RequestThrottle(per_address="1 per 10 seconds")
    throttle.from_address("2001:db8::1", START)
    with pytest.raises(Throttled):
        throttle.from_address("2001:db8::2", START)


async def test_fifty_at_once_are_all_answered(call: ArmCaller) -> None:
    token = await call.token("tina")
    answers = await asyncio.gather(*(call("GET", VM, token=token) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
