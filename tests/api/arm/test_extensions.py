"""VM extensions on the wire, byte by byte as clients send and read them (T5, T6, T8 to T12)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.recovery.calls import SetPassword
from tests.actions.world import CONTOSO, FABRIKAM, WEB01, WEB02
from tests.api.arm.conftest import BASE, LOCATION, ArmCaller

VM = WEB01.vm.resource_id
ACCESS = f"{VM}/extensions/VMAccessAgent"
PASSWORD = "myPassWord-is-long-1"
# The seed's `az vm extension set`, as it was recorded.
SEED = {
    "location": "local",
    "properties": {
        "autoUpgradeMinorVersion": True,
        "protectedSettings": {"username": "myuser", "password": PASSWORD},
        "publisher": "Microsoft.OSTCExtensions",
        "settings": {},
        "type": "VMAccessForLinux",
        "typeHandlerVersion": "1.0",
    },
}


def changed(**properties: Any) -> dict[str, Any]:
    return {**SEED, "properties": {**SEED["properties"], **properties}}  # type: ignore[dict-item]


async def json_of(answer: Any, status: int = 200) -> dict[str, Any]:
    text = await answer.text()
    assert answer.status == status, text
    assert PASSWORD not in text
    assert '"protectedSettings"' not in text
    value: dict[str, Any] = json.loads(text)
    return value


async def error_of(answer: Any, status: int) -> tuple[str, str]:
    error = (await json_of(answer, status))["error"]
    return error["code"], error["message"]


def path_of(address: str) -> str:
    """An absolute address of ours, as a path without its api-version."""
    assert address.startswith(f"{BASE}/subscriptions/")
    path, _, version = address.removeprefix(BASE).partition("?api-version=")
    assert version == "2020-06-01", "in the version that was asked for"
    return path


async def polled(call: ArmCaller, token: str, answer: Any) -> dict[str, Any]:
    """What the operation of an answer says."""
    path = path_of(answer.headers["Azure-AsyncOperation"])
    return await json_of(await call("GET", path, token=token))


async def test_a_password_is_set_as_the_seed_does_it(call: ArmCaller) -> None:
    token = await call.token("tina")
    answer = await call("PUT", ACCESS, SEED, token=token)
    assert await json_of(answer, 201) == {
        "name": "VMAccessAgent",
        "id": ACCESS,
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "location": LOCATION,
        "properties": {
            "autoUpgradeMinorVersion": True,
            "provisioningState": "Creating",
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.0",
            "settings": {},
        },
    }
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    running = await polled(call, token, answer)
    assert running["status"] == "InProgress"
    assert "endTime" not in running
    await call.world.carry_out()
    over = await polled(call, token, answer)
    assert over["status"] == "Succeeded"
    assert over["startTime"] <= over["endTime"]
    assert over["id"].endswith(f"/operations/{over['name']}")
    shown = await json_of(await call("GET", ACCESS, token=token))
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert "instanceView" not in shown["properties"]
    asked = [c for c in call.world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    assert [(c.user, c.password.reveal()) for c in asked] == [("myuser", PASSWORD)]


async def test_the_instance_view_says_which_version_is_at_work(call: ArmCaller) -> None:
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    await call.world.carry_out()
    expanded = f"{ACCESS}?$expand=instanceView"
    shown = (await json_of(await call("GET", expanded, token=token)))["properties"]
    assert shown["typeHandlerVersion"] == "1.0", "as it was asked for"
    view = shown["instanceView"]
    assert view["name"] == "VMAccessAgent"
    assert view["type"] == "Microsoft.OSTCExtensions.VMAccessForLinux"
    assert view["typeHandlerVersion"] == "1.5.25"
    [status] = view["statuses"]
    assert status["code"] == "ProvisioningState/succeeded"
    assert status["level"] == "Info"
    assert status["displayStatus"] == "Provisioning succeeded"
    assert status["time"].endswith("Z")
    [listed] = (await json_of(await call("GET", f"{VM}/extensions", token=token)))["value"]
    assert listed["name"] == "VMAccessAgent"
    assert "instanceView" not in listed["properties"]


async def test_the_same_put_again_is_the_same_operation(call: ArmCaller) -> None:
    """azure-core sends a PUT up to four times where an answer is lost."""
    token = await call.token("tina")
    first = await call("PUT", ACCESS, SEED, token=token)
    again = await call("PUT", ACCESS.upper(), SEED, token=token)
    assert again.status == 200
    operations = [answer.headers["Azure-AsyncOperation"] for answer in (first, again)]
    assert operations[0] == operations[1]
    assert len(call.world.recoveries.started) == 1
    await call.world.carry_out()
    later = await call("PUT", ACCESS, SEED, token=token)
    assert (await json_of(later))["properties"]["provisioningState"] == "Succeeded"
    assert (await polled(call, token, later))["status"] == "Succeeded"
    forced = await call("PUT", ACCESS, changed(forceUpdateTag="again"), token=token)
    properties = (await json_of(forced))["properties"]
    assert (properties["provisioningState"], properties["forceUpdateTag"]) == ("Updating", "again")
    assert len(call.world.recoveries.started) == 1


async def test_a_patch_may_name_the_tag_alone(call: ArmCaller) -> None:
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    await call.world.carry_out()
    body = {"Properties": {"ForceUpdateTag": "2", "settings": {}}}
    answer = await call("PATCH", ACCESS, body, token=token)
    assert (await json_of(answer))["properties"]["forceUpdateTag"] == "2"
    await call.world.carry_out()
    assert (await polled(call, token, answer))["status"] == "Succeeded"
    asked = [c for c in call.world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    assert [c.password.reveal() for c in asked] == [PASSWORD] * 2, "its secret was kept"


async def test_a_delete_is_polled_and_a_second_one_finds_nothing(call: ArmCaller) -> None:
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    await call.world.carry_out()
    answer = await call("DELETE", ACCESS, token=token)
    assert (answer.status, await answer.text()) == (202, "")
    assert answer.headers["Retry-After"] == "1"
    assert (await polled(call, token, answer))["status"] == "Succeeded"
    result = await call("GET", path_of(answer.headers["Location"]), token=token)
    assert (result.status, await result.text()) == (200, "")
    again = await call("DELETE", ACCESS, token=token)
    assert (again.status, await again.text()) == (204, "")
    assert (await call("GET", ACCESS, token=token)).status == 404


async def test_a_result_is_what_a_quick_answer_would_have_been(call: ArmCaller) -> None:
    token = await call.token("tina")
    answer = await call("PUT", ACCESS, SEED, token=token)
    state = path_of(answer.headers["Azure-AsyncOperation"])
    address = state.replace("/operations/", "/operationResults/")
    waiting = await call("GET", address, token=token)
    assert (waiting.status, await waiting.text()) == (202, "")
    assert path_of(waiting.headers["Location"]) == address
    await call.world.carry_out()
    shown = await json_of(await call("GET", ACCESS, token=token))
    assert await json_of(await call("GET", address, token=token)) == shown


async def test_keys_and_paths_count_in_any_case(call: ArmCaller) -> None:
    body = {
        "LOCATION": "Local",
        "Properties": {
            "PUBLISHER": "microsoft.ostcextensions",
            "Type": "vmaccessforlinux",
            "TypeHandlerVersion": "1.5",
            "Settings": {},
            "ProtectedSettings": {"UserName": "myuser", "Password": PASSWORD},
        },
    }
    path = ACCESS.replace("/virtualMachines", "//VIRTUALMACHINES")
    answer = await call("PUT", path, body, token=await call.token("tina"))
    properties = (await json_of(answer, 201))["properties"]
    assert properties["publisher"] == "Microsoft.OSTCExtensions"


async def test_a_vm_that_does_not_run_is_refused_at_once(call: ArmCaller) -> None:
    """E1."""
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    call.world.guests.of(WEB01).power = "off"
    for method, body in (("PUT", SEED), ("DELETE", None)):
        answer = await call(method, ACCESS, body, token=token)
        assert (await json_of(answer, 409))["error"] == {
            "code": "OperationNotAllowed",
            "message": "Cannot modify extensions in the VM when the VM is not running.",
            "innererror": {"internalErrorCode": "CannotModifyExtensionsWhenVMNotRunning"},
        }


async def test_a_second_extension_of_one_handler_is_refused_at_once(call: ArmCaller) -> None:
    """E8."""
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    answer = await call("PUT", f"{VM}/extensions/other", SEED, token=token)
    assert (await json_of(answer, 400))["error"] == {
        "code": "BadRequest",
        "message": "Multiple VMExtensions per handler not supported for OS type 'Linux'. "
        "VMExtension 'VMAccessAgent' with handler 'Microsoft.OSTCExtensions.VMAccessForLinux' "
        "already added or specified in input.",
        "innererror": {"internalErrorCode": "MultipleExtensionsPerHandlerNotAllowed"},
    }


async def test_what_the_guest_turns_down_is_told_by_the_operation(call: ArmCaller) -> None:
    """E3: the PUT is answered all the same, and the extension says Failed."""
    token = await call.token("tina")
    call.world.guests.of(WEB01).silent = True
    answer = await call("PUT", ACCESS, SEED, token=token)
    assert answer.status == 201
    await call.world.carry_out()
    over = await polled(call, token, answer)
    assert over["status"] == "Failed"
    assert over["error"]["code"] == "VMAgentStatusCommunicationError"
    assert over["error"]["message"].startswith("VM 'web01' has not reported status")
    expanded = f"{ACCESS}?%24expand=instanceView"
    shown = (await json_of(await call("GET", expanded, token=token)))["properties"]
    assert shown["provisioningState"] == "Failed"
    [status] = shown["instanceView"]["statuses"]
    assert status["code"] == "ProvisioningState/failed/VMAgentStatusCommunicationError"
    assert (status["level"], status["message"]) == ("Error", over["error"]["message"])
    state = path_of(answer.headers["Azure-AsyncOperation"])
    result = await call("GET", state.replace("/operations/", "/operationResults/"), token=token)
    assert (await error_of(result, 409)) == (over["error"]["code"], over["error"]["message"])


async def test_a_username_without_a_password_fails_later_not_at_once(call: ArmCaller) -> None:
    """E5: Resource Manager never looks into settings."""
    call.world.inventory.put(replace(WEB01, vm=replace(WEB01.vm, os="windows")))
    token = await call.token("tina")
    body = changed(
        publisher="Microsoft.Compute",
        type="VMAccessAgent",
        typeHandlerVersion="2.0",
        settings={"username": "myuser"},
        protectedSettings=None,
    )
    answer = await call("PUT", ACCESS, body, token=token)
    assert answer.status == 201
    await call.world.carry_out()
    error = (await polled(call, token, answer))["error"]
    assert error["code"] == "VMExtensionProvisioningError"
    assert "password cannot be null or empty" in error["message"]
    assert call.world.guests.of(WEB01).asked == []


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({}, 400, "InvalidParameter", "properties"),
        (changed(settings="{}"), 400, "InvalidParameter", "properties.settings"),
        (changed(protectedSettings="x"), 400, "InvalidParameter", "protectedSettings"),
        (changed(settings={"password": "x"}), 400, "InvalidParameter", "protectedSettings"),
        (changed(typeHandlerVersion=2.0), 400, "InvalidParameter", "typeHandlerVersion"),
        (changed(provisioningState="Succeeded"), 400, "InvalidParameter", "provisioningState"),
        (changed(typeHandlerVersion="9.0"), 404, "ArtifactVersionNotFound", "'9.0'"),
        (changed(type="CustomScript"), 404, "ArtifactNotFound", "CustomScript"),
        (SEED | {"location": "mars"}, 400, "LocationNotAvailableForResourceType", "'mars'"),
        (SEED | {"LOCATION": "x"}, 400, "InvalidRequestContent", "location"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    call: ArmCaller, body: dict[str, Any], status: int, code: str, words: str
) -> None:
    answer = await call("PUT", ACCESS, body, token=await call.token("tina"))
    found, message = await error_of(answer, status)
    assert found == code
    assert words in message
    assert call.world.recoveries.started == []


async def test_what_is_missing_is_named(call: ArmCaller) -> None:
    token = await call.token("tina")
    nowhere = VM.replace("web01", "web99")
    code, message = await error_of(await call("GET", ACCESS, token=token), 404)
    assert code == "ResourceNotFound"
    assert "'Microsoft.Compute/virtualMachines/web01/extensions/VMAccessAgent'" in message
    assert "under resource group 'Prod' was not found" in message
    patched = {"properties": {"forceUpdateTag": "2"}}
    assert (await call("PATCH", ACCESS, patched, token=token)).status == 404
    for method, path, body in (
        ("GET", "/extensions", None),
        ("GET", "/extensions/x", None),
        ("PUT", "/extensions/x", SEED),
        ("PATCH", "/extensions/x", patched),
        ("DELETE", "/extensions/x", None),
    ):
        answer = await call(method, nowhere + path, body, token=token)
        code, message = await error_of(answer, 404)
        assert code == "ParentResourceNotFound"
        assert f"because the parent resource '{nowhere}' could not be found" in message


async def test_an_operation_is_its_owners_alone(call: ArmCaller) -> None:
    answer = await call("PUT", ACCESS, SEED, token=await call.token("tina"))
    path = path_of(answer.headers["Azure-AsyncOperation"])
    theo = await call.token("theo")
    assert (await call("GET", path, token=theo)).status == 403
    foreign = path.replace(CONTOSO, FABRIKAM)
    for address in (foreign, foreign.replace("/operations/", "/operationResults/")):
        assert (await call("GET", address, token=theo)).status == 404
    tina = await call.token("tina")
    for strange in ("0", "00000000-0000-4000-8000-000000000000", "%F0%9F%90%88"):
        assert (await call("GET", f"{path.rpartition('/')[0]}/{strange}", token=tina)).status == 404


async def test_an_operation_of_one_subscription_is_not_read_below_another(call: ArmCaller) -> None:
    """Whoever has two may still not mix them up."""
    token = await call.token("tina")
    answer = await call("PUT", ACCESS, SEED, token=token)
    name = path_of(answer.headers["Azure-AsyncOperation"]).rpartition("/")[2]
    assert name.count("-") == 4, "as a GUID is written"
    plain = path_of(answer.headers["Azure-AsyncOperation"]).replace(name, name.replace("-", ""))
    assert (await call("GET", plain, token=token)).status == 200


async def test_extensions_of_different_vms_do_not_mix(call: ArmCaller) -> None:
    token = await call.token("tina")
    await call("PUT", ACCESS, SEED, token=token)
    other = f"{WEB02.vm.resource_id}/extensions"
    assert (await json_of(await call("GET", other, token=token)))["value"] == []
    assert (await call("PUT", f"{other}/another", SEED, token=token)).status == 201
