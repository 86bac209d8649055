"""Scale sets on the wire: as `az vmss extension set` and the SDK read and write them (T7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.recovery.calls import SetPassword
from tests.actions.guests import FakeGuest
from tests.actions.scale_set import (
    FOREIGN_SET,
    INSTANCES,
    SET,
    add_to,
    linux,
    whole,
    windows,
    without_secrets,
)
from tests.actions.world import CONTOSO
from tests.api.arm.conftest import BASE, ArmCaller

IMAGE = {"publisher": "Canonical", "offer": "ubuntu"}
SUBSCRIPTION = f"/subscriptions/{CONTOSO}"
UPGRADE = f"{SET}/manualupgrade"
ALL = {"instanceIds": ["*"]}


@pytest.fixture
async def tina(call: ArmCaller) -> str:
    """A token of the scale set's owner."""
    add_to(call.world)
    return await call.token("tina")


async def json_of(answer: Any, status: int = 200) -> Any:
    text = await answer.text()
    assert answer.status == status, text
    assert "S3cret" not in text
    assert '"protectedSettings"' not in text
    return json.loads(text)


async def operation_of(call: ArmCaller, token: str, answer: Any) -> Any:
    path = answer.headers["Azure-AsyncOperation"].removeprefix(BASE).partition("?")[0]
    return await json_of(await call("GET", path, token=token))


def extensions_of(scale_set: Any) -> dict[str, Any]:
    profile = scale_set["properties"]["virtualMachineProfile"]
    return {each["name"]: each["properties"] for each in profile["extensionProfile"]["extensions"]}


async def test_a_scale_set_that_nobody_wrote(call: ArmCaller, tina: str) -> None:
    shown = await json_of(await call("GET", SET.upper(), token=tina))
    assert shown.pop("properties").pop("uniqueId").count("-") == 4
    assert shown == {
        "sku": {"name": "Standard", "tier": "Standard", "capacity": 3},
        "name": "Web",
        "id": SET,
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "location": "local",
    }


async def test_as_az_vmss_extension_set_does_it(call: ArmCaller, tina: str) -> None:
    """Read whole, changed in one place, written whole without the image's reference."""
    await json_of(await call("PUT", SET, whole(linux(), image=IMAGE), token=tina))
    body = await json_of(await call("GET", SET, token=tina))
    profile = body["properties"]["virtualMachineProfile"]
    del profile["storageProfile"]["imageReference"]
    profile["extensionProfile"]["extensions"].append(windows())
    answer = await call("PUT", SET, body, token=tina)
    assert "Azure-AsyncOperation" not in answer.headers, "it is done with the answer"
    await json_of(answer)
    shown = await json_of(await call("GET", SET, token=tina))
    assert shown["properties"]["provisioningState"] == "Succeeded"
    storage = shown["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == IMAGE
    found = extensions_of(shown)
    assert list(found) == ["access", "VMAccessAgent"]
    assert found["VMAccessAgent"] == {
        "autoUpgradeMinorVersion": True,
        "provisioningState": "Succeeded",
        "publisher": "Microsoft.Compute",
        "type": "VMAccessAgent",
        "typeHandlerVersion": "2.0",
        "settings": {"username": "myuser"},
    }


async def test_one_operation_upgrades_every_instance(call: ArmCaller, tina: str) -> None:
    await call("PUT", SET, whole(linux()), token=tina)
    instances = await json_of(await call("GET", f"{SET}/virtualMachines", token=tina))
    assert [each["properties"]["latestModelApplied"] for each in instances["value"]] == [False] * 3
    answer = await call("POST", UPGRADE, ALL, token=tina)
    assert (answer.status, await answer.text()) == (202, "")
    assert answer.headers["Retry-After"] == "1"
    assert (await operation_of(call, tina, answer))["status"] == "InProgress"
    result = answer.headers["Location"].removeprefix(BASE).partition("?")[0]
    assert (await call("GET", result, token=tina)).status == 202
    assert len(await call.world.carry_out()) == 3
    assert (await operation_of(call, tina, answer))["status"] == "Succeeded"
    over = await call("GET", result, token=tina)
    assert (over.status, await over.text()) == (200, "")
    instances = await json_of(await call("GET", f"{SET}/virtualMachines", token=tina))
    assert [each["properties"]["latestModelApplied"] for each in instances["value"]] == [True] * 3
    for machine in INSTANCES:
        asked = [c for c in call.world.guests.of(machine).asked if isinstance(c, SetPassword)]
        assert [c.password.reveal() for c in asked] == ["S3cret-of-linux"]


async def test_an_instance_is_shown_with_its_extensions(call: ArmCaller, tina: str) -> None:
    await call("PUT", SET, whole(linux()), token=tina)
    await call("POST", UPGRADE, {"InstanceIds": ["0"]}, token=tina)
    await call.world.carry_out()
    path = f"{SET}/virtualMachines/0"
    shown = await json_of(await call("GET", f"{path}?$expand=instanceView", token=tina))
    assert (shown["id"], shown["name"], shown["instanceId"]) == (path, "Web_0", "0")
    [extension] = shown["resources"]
    assert (
        extension["type"] == "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions"
    )
    state = await json_of(await call("GET", f"{path}/instanceView", token=tina))
    assert shown["properties"]["instanceView"] == state
    assert state["extensions"][0]["typeHandlerVersion"] == "1.5.25"
    assert {"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"} in state[
        "statuses"
    ]
    one = await json_of(await call("GET", f"{path}/extensions/ACCESS", token=tina))
    assert one["properties"]["provisioningState"] == "Succeeded"
    summary = await json_of(await call("GET", f"{SET}/instanceView", token=tina))
    assert summary["extensions"] == [
        {
            "name": "access",
            "statusesSummary": [{"code": "ProvisioningState/succeeded", "count": 1}],
        }
    ]
    assert summary["virtualMachine"]["statusesSummary"][0]["count"] == 3


async def test_one_extension_by_its_own_address(call: ArmCaller, tina: str) -> None:
    path = f"{SET}/extensions/access"
    body = {"properties": linux()["properties"]}
    created = await json_of(await call("PUT", path, body, token=tina), 201)
    assert (created["name"], created["id"]) == ("access", path)
    assert created["type"] == "Microsoft.Compute/virtualMachineScaleSets/extensions"
    assert created["properties"]["provisioningState"] == "Succeeded"
    await json_of(await call("PUT", path.upper(), body, token=tina), 200)
    patched = await call("PATCH", path, {"properties": {"forceUpdateTag": "2"}}, token=tina)
    shown = await json_of(patched)
    assert shown["properties"]["forceUpdateTag"] == "2"
    assert await json_of(await call("GET", path, token=tina)) == shown
    listed = await json_of(await call("GET", f"{SET}/extensions", token=tina))
    assert listed == {"value": [shown]}
    assert (await call("DELETE", path, token=tina)).status == 200
    assert (await call("DELETE", path, token=tina)).status == 204
    assert (await call("GET", path, token=tina)).status == 404


async def test_a_patch_of_the_set_keeps_the_rest(call: ArmCaller, tina: str) -> None:
    await call("PUT", SET, whole(linux(), image=IMAGE), token=tina)
    shown = await json_of(await call("PATCH", SET, {"tags": {"Team": "web"}}, token=tina))
    assert shown["tags"] == {"Team": "web"}
    assert list(extensions_of(shown)) == ["access"]


async def test_lists_show_ones_own(call: ArmCaller, tina: str) -> None:
    sets = "providers/Microsoft.Compute/virtualMachineScaleSets"
    for path in (
        f"{SUBSCRIPTION}/{sets}",
        f"{SUBSCRIPTION}/resourcegroups/PROD/{sets}",
        f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/local/virtualMachineScaleSets",
    ):
        found = await json_of(await call("GET", path, token=tina))
        assert [each["id"] for each in found["value"]] == [SET], path
    other = f"{SUBSCRIPTION}/resourceGroups/other/{sets}"
    assert (await json_of(await call("GET", other, token=tina)))["value"] == []


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("", "GET", None),
        ("", "PUT", whole()),
        ("", "PATCH", {}),
        ("/instanceView", "GET", None),
        ("/manualupgrade", "POST", ALL),
        ("/extensions", "GET", None),
        ("/extensions/x", "PUT", linux()),
        ("/virtualMachines", "GET", None),
        ("/virtualMachines/0", "GET", None),
        ("/virtualMachines/0/instanceView", "GET", None),
        ("/virtualMachines/0/extensions", "GET", None),
    ],
)
async def test_a_scale_set_that_is_not_there(
    call: ArmCaller, tina: str, path: str, method: str, body: Any
) -> None:
    missing = SET.replace("Web", "Mail")
    answer = await call(method, missing + path, body, token=tina)
    error = (await json_of(answer, 404))["error"]
    assert error["code"] in {"ResourceNotFound", "ParentResourceNotFound"}
    assert "Mail" in error["message"]
    foreign = await call(method, FOREIGN_SET + path, body, token=tina)
    assert (await json_of(foreign, 403))["error"]["code"] == "AuthorizationFailed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "instanceIds"),
        ({"instanceIds": "*"}, "instanceIds"),
        ({"instanceIds": []}, "instanceIds"),
        ({"instanceIds": [0]}, "instanceIds"),
        ({"instanceIds": ["9"]}, "The provided instanceId '9' is not an active"),
    ],
)
async def test_instances_that_are_not_there(
    call: ArmCaller, tina: str, body: dict[str, Any], words: str
) -> None:
    await call("PUT", SET, whole(linux()), token=tina)
    error = (await json_of(await call("POST", UPGRADE, body, token=tina), 400))["error"]
    assert error["code"] == "InvalidParameter"
    assert words in error["message"]


async def test_an_instance_that_does_not_run_holds_up_the_upgrade(
    call: ArmCaller, tina: str
) -> None:
    """E1."""
    await call("PUT", SET, whole(without_secrets(linux())), token=tina)
    call.world.guests.by_vm[INSTANCES[0].vm.key] = FakeGuest(power="off")
    error = (await json_of(await call("POST", UPGRADE, ALL, token=tina), 409))["error"]
    assert error["innererror"]["internalErrorCode"] == "CannotModifyExtensionsWhenVMNotRunning"
    assert (await call("POST", UPGRADE, {"instanceIds": ["1"]}, token=tina)).status == 202


async def test_two_extensions_of_one_handler_are_refused(call: ArmCaller, tina: str) -> None:
    """E8."""
    body = whole(windows("one"), windows("two"))
    error = (await json_of(await call("PUT", SET, body, token=tina), 400))["error"]
    assert error["code"] == "BadRequest"
    assert "VMExtension 'one' with handler 'Microsoft.Compute.VMAccessAgent'" in error["message"]
    assert error["innererror"]["internalErrorCode"] == "MultipleExtensionsPerHandlerNotAllowed"
