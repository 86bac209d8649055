"""Deployments as `az deployment group` and the SDK ask for them, and every refusal on the wire."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.actions.advance_deployment import advance_deployment
from gateway.api.arm.deployments import MAX_TEMPLATE
from tests.actions.deploying import (
    GROUP,
    SECRET,
    body,
    carry_out_begun,
    extension,
    now_of,
    to_its_end,
    vm,
)
from tests.actions.world import CONTOSO, WEB01, World
from tests.api.arm.conftest import BASE, ArmCaller

# The client writes the group's segment in lower case, and asks its own version.
PATH = (
    f"/subscriptions/{CONTOSO}/resourcegroups/Prod/providers/Microsoft.Resources/deployments/Mend"
)
RESOURCE_ID = f"{GROUP}/providers/Microsoft.Resources/deployments/Mend"
VERSION = "2025-04-01"
WEB01_ACCESS = f"{WEB01.vm.resource_id}/extensions/access"


def spliced(*resources: Any, **members: Any) -> str:
    """As `az` sends it: no JSON, the template's own text appended under a bare name."""
    whole = body(*resources, **members)
    template = whole["properties"].pop("template")
    text = "// mine\n" + json.dumps(template, indent=2) + "\n/* the end */"
    return json.dumps(whole)[:-2] + ", template:" + text + "}}"


async def asked(
    call: ArmCaller, method: str, path: str = PATH, content: str | None = None, who: str = "tina"
) -> tuple[int, Any, Any]:
    """Status, body and headers of an answer."""
    more: dict[str, Any] = {}
    if content is not None:
        more = {"data": content.encode(), "headers": {"Content-Type": "application/json"}}
    answer = await call(method, path, token=await call.token(who), version=VERSION, **more)
    text = await answer.text()
    return answer.status, json.loads(text) if text else None, answer.headers


async def put(call: ArmCaller, *resources: Any, **members: Any) -> tuple[int, Any, Any]:
    return await asked(call, "PUT", PATH, spliced(*resources, **members))


async def end(world: World) -> None:
    deployment = await now_of(world)
    if deployment.active:
        await to_its_end(world, deployment)


async def test_the_steps_of_az_deployment_group_create(call: ArmCaller) -> None:
    content = spliced(vm(resources=[extension("access", type="extensions")]))
    status, validated, _ = await asked(call, "POST", f"{PATH}/validate", content)
    assert status == 200
    assert validated["properties"]["provisioningState"] == "Succeeded"
    assert validated["properties"]["validatedResources"] == [
        {"id": WEB01.vm.resource_id},
        {"id": WEB01_ACCESS},
    ]
    status, made, headers = await asked(call, "PUT", PATH, content)
    assert status == 201
    assert made["properties"]["provisioningState"] == "Running"
    poll = URL(headers["Azure-AsyncOperation"])
    assert str(poll).startswith(f"{BASE}{RESOURCE_ID}/operationStatuses/")
    assert poll.query["api-version"] == VERSION
    assert headers["Retry-After"] == "1"

    assert (await asked(call, "GET", poll.path))[:2] == (200, {"status": "Running"})
    await end(call.world)
    assert (await asked(call, "GET", poll.path))[:2] == (200, {"status": "Succeeded"})
    status, over, _ = await asked(call, "GET")
    assert status == 200
    properties = over["properties"]
    moments = properties.pop("timestamp"), properties.pop("duration"), properties["correlationId"]
    assert moments[0].endswith("Z")
    assert moments[1].startswith("PT")
    assert UUID(properties.pop("correlationId"))
    assert over == {
        "id": RESOURCE_ID,
        "name": "Mend",
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "provisioningState": "Succeeded",
            "mode": "Incremental",
            "parameters": {"password": {"type": "SecureString"}},
            "outputs": {},
            "providers": [
                {
                    "namespace": "Microsoft.Compute",
                    "resourceTypes": [
                        {"resourceType": "virtualMachines", "locations": ["local"]},
                        {"resourceType": "virtualMachines/extensions", "locations": ["local"]},
                    ],
                }
            ],
            "dependencies": [
                {
                    "dependsOn": [
                        {
                            "id": WEB01.vm.resource_id,
                            "resourceType": "Microsoft.Compute/virtualMachines",
                            "resourceName": "web01",
                        }
                    ],
                    "id": WEB01_ACCESS,
                    "resourceType": "Microsoft.Compute/virtualMachines/extensions",
                    "resourceName": "web01/access",
                }
            ],
            "outputResources": [{"id": WEB01.vm.resource_id}, {"id": WEB01_ACCESS}],
        },
    }


async def test_a_secret_is_in_no_answer_log_row_or_record(
    call: ArmCaller, caplog: pytest.LogCaptureFixture
) -> None:
    said = [str(await put(call, extension())), str(await asked(call, "GET"))]
    await advance_deployment(call.world.s, (await now_of(call.world)).id)
    said.append(str(await asked(call, "GET", f"{PATH}/operations")))
    said.append(str(await call.world.rows()))
    await end(call.world)
    said += [
        str(await asked(call, "GET")),
        str(await asked(call, "GET", f"{PATH}/operations")),
        str(await asked(call, "GET", PATH.rpartition("/")[0])),
        str(await call.world.rows()),
        str(await call.world.audit()),
        caplog.text,
    ]
    assert not [each for each in said if SECRET in each]


async def test_operations_are_listed_under_both_addresses(call: ArmCaller) -> None:
    await put(call, vm(resources=[extension("access", type="extensions")]))
    await advance_deployment(call.world.s, (await now_of(call.world)).id)
    short = f"/subscriptions/{CONTOSO}/resourcegroups/Prod/deployments/Mend/operations"
    status, listed, _ = await asked(call, "GET", short)
    assert status == 200
    machine, mend = listed["value"]
    assert machine["properties"]["provisioningState"] == "Succeeded"
    assert machine["properties"]["statusCode"] == "OK"
    assert mend["properties"]["provisioningState"] == "Running"
    assert mend["properties"]["statusCode"] == "Accepted"
    assert mend["properties"]["targetResource"] == {
        "id": WEB01_ACCESS,
        "resourceType": "Microsoft.Compute/virtualMachines/extensions",
        "resourceName": "web01/access",
    }
    assert UUID(mend["properties"]["trackingId"])
    one = f"{short}/{mend['operationId']}"
    assert (await asked(call, "GET", one))[1]["operationId"] == mend["operationId"]
    same = f"{PATH}/operations/{mend['operationId'].lower()}"
    assert (await asked(call, "GET", same))[1]["properties"]["targetResource"]["id"] == WEB01_ACCESS
    status, refusal, _ = await asked(call, "GET", f"{PATH}/operations/none")
    assert (status, refusal["error"]["code"]) == (404, "DeploymentOperationNotFound")


async def test_what_fails_in_the_guest_fails_the_deployment_in_its_words(call: ArmCaller) -> None:
    call.world.guests.of(WEB01).silent = True
    _, _, headers = await put(call, extension())
    await end(call.world)
    _, polled, _ = await asked(call, "GET", URL(headers["Azure-AsyncOperation"]).path)
    assert polled["status"] == "Failed"
    error = polled["error"]
    assert error["code"] == "DeploymentFailed"
    assert error["target"] == RESOURCE_ID
    assert error["message"].startswith("At least one resource deployment operation failed. ")
    (detail,) = error["details"]
    assert detail["code"] == "VMAgentStatusCommunicationError"
    assert detail["message"].startswith("VM 'web01' has not reported status for VM agent")
    _, over, _ = await asked(call, "GET")
    assert over["properties"]["error"] == error
    assert "outputs" not in over["properties"]
    _, listed, _ = await asked(call, "GET", f"{PATH}/operations")
    properties = listed["value"][0]["properties"]
    assert properties["statusCode"] == "Conflict"
    assert properties["statusMessage"] == {"status": "Failed", "error": detail}


async def test_what_is_refused_at_once_stands_as_json_in_a_string(call: ArmCaller) -> None:
    """E8: a second extension of the same handler."""
    await put(call, extension("web01/first"), extension("web01/second", dependsOn=["web01/first"]))
    await end(call.world)
    _, over, _ = await asked(call, "GET")
    (detail,) = over["properties"]["error"]["details"]
    assert detail["code"] == "BadRequest"
    assert detail["message"].startswith('{\r\n  "error": {\r\n    "code": "BadRequest",\r\n')
    inside = json.loads(detail["message"])["error"]
    assert inside["message"].startswith("Multiple VMExtensions per handler not supported")
    assert inside["innererror"] == {"internalErrorCode": "MultipleExtensionsPerHandlerNotAllowed"}


async def test_a_vm_that_is_off_is_a_conflict(call: ArmCaller) -> None:
    """E1."""
    call.world.guests.of(WEB01).power = "off"
    await put(call, extension())
    await end(call.world)
    _, over, _ = await asked(call, "GET")
    (detail,) = over["properties"]["error"]["details"]
    assert detail["code"] == "Conflict"
    assert json.loads(detail["message"])["error"]["code"] == "OperationNotAllowed"
    _, listed, _ = await asked(call, "GET", f"{PATH}/operations")
    message = listed["value"][0]["properties"]["statusMessage"]
    assert message == json.loads(detail["message"])


async def test_wrong_segments_on_the_wire(call: ArmCaller) -> None:
    status, refusal, _ = await put(call, extension("access"))
    assert status == 400
    error = refusal["error"]
    assert error["code"] == "InvalidTemplate"
    assert "has incorrect segment lengths" in error["message"]
    (info,) = error["additionalInfo"]
    assert info["type"] == "TemplateViolation"
    place = info["info"]["lineNumber"], info["info"]["linePosition"]
    assert f"at line '{place[0]}' and column '{place[1]}'" in error["message"]


async def test_validating_does_nothing(call: ArmCaller) -> None:
    status, _, _ = await asked(call, "POST", f"{PATH}/validate", spliced(extension()))
    assert status == 200
    assert (await asked(call, "GET"))[0] == 404
    assert call.world.guests.of(WEB01).asked == []


@pytest.mark.parametrize("verb", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ("", 400, "InvalidRequestContent"),
        ("nothing", 400, "InvalidRequestContent"),
        ("[]", 400, "InvalidRequestContent"),
        ('{"properties": {"mode": "Incremental", template:{}}}', 400, "InvalidRequestContent"),
        (spliced(vm("absent")), 404, "ResourceNotFound"),
        (spliced(vm("fab01")), 404, "ResourceNotFound"),
        (spliced(extension(name="[nothing()]")), 400, "InvalidTemplate"),
        (spliced(extension(copy={})), 400, "NotSupported"),
        (spliced(vm(type="Microsoft.Storage/storageAccounts")), 400, "InvalidResourceType"),
        (" " * (MAX_TEMPLATE + 1), 413, "RequestContentTooLarge"),
    ],
)
async def test_what_cannot_be_deployed_is_refused(
    call: ArmCaller, verb: str, content: str, status: int, code: str
) -> None:
    path = f"{PATH}/validate" if verb == "POST" else PATH
    found, refusal, _ = await asked(call, verb, path, content)
    assert (found, refusal["error"]["code"]) == (status, code)
    assert (await asked(call, "GET"))[0] == 404, "nothing is left of it"


async def test_a_body_that_is_no_text_is_refused(call: ArmCaller) -> None:
    answer = await call(
        "PUT",
        PATH,
        token=await call.token("tina"),
        version=VERSION,
        data=b"\xff\xfe",
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == "InvalidRequestContent"


async def test_a_repeated_put_is_the_same_deployment(call: ArmCaller) -> None:
    """Clients repeat what they got no answer to."""
    _, _, first = await put(call, extension())
    status, _, again = await put(call, extension())
    assert status == 200
    assert again["Azure-AsyncOperation"] == first["Azure-AsyncOperation"]
    status, refusal, _ = await put(call, extension(), password="another-Password1")
    assert (status, refusal["error"]["code"]) == (409, "DeploymentActive")


async def test_the_status_of_a_deployment_that_was_begun_anew(call: ArmCaller) -> None:
    _, _, first = await put(call)
    status, _, _ = await put(call)
    assert status == 200, "it was over at once, and there is nothing new"
    polled = await asked(call, "GET", URL(first["Azure-AsyncOperation"]).path)
    assert (polled[0], polled[1]["error"]["code"]) == (404, "DeploymentOperationStatusNotFound")


async def test_head_delete_and_cancel(call: ArmCaller) -> None:
    assert (await asked(call, "HEAD"))[0] == 404
    assert (await asked(call, "DELETE"))[0] == 204
    status, refusal, _ = await asked(call, "POST", f"{PATH}/cancel")
    assert (status, refusal["error"]["code"]) == (404, "DeploymentNotFound")
    await put(call, extension())
    assert (await asked(call, "HEAD"))[0] == 204
    assert (await asked(call, "DELETE"))[0] == 409
    assert (await asked(call, "POST", f"{PATH}/cancel"))[0] == 204
    _, over, _ = await asked(call, "GET")
    assert over["properties"]["provisioningState"] == "Canceled"
    assert (await asked(call, "POST", f"{PATH}/cancel"))[0] == 409
    assert (await asked(call, "DELETE"))[0] == 204
    assert (await asked(call, "GET"))[1]["error"]["code"] == "DeploymentNotFound"


async def test_what_is_under_way_when_it_is_cancelled_goes_on(call: ArmCaller) -> None:
    _, _, headers = await put(call, extension())
    await advance_deployment(call.world.s, (await now_of(call.world)).id)
    assert (await asked(call, "POST", f"{PATH}/cancel"))[0] == 204
    poll = URL(headers["Azure-AsyncOperation"]).path
    assert (await asked(call, "GET", poll))[1] == {"status": "Canceling"}
    await carry_out_begun(call.world)
    await end(call.world)
    assert (await asked(call, "GET", poll))[1] == {"status": "Canceled"}


async def test_deployments_are_listed_filtered_and_cut(call: ArmCaller) -> None:
    every = PATH.rpartition("/")[0]
    for name in ("one", "two"):
        call.world.clock.advance(seconds=1)
        await asked(call, "PUT", f"{every}/{name}", spliced())
    await put(call, extension())

    async def names(query: str) -> list[str]:
        status, listed, _ = await asked(call, "GET", every + query)
        assert status == 200, listed
        return [each["name"] for each in listed["value"]]

    assert sorted(await names("")) == ["Mend", "one", "two"]
    assert await names("?$filter=provisioningState%20eq%20'running'") == ["Mend"]
    assert len(await names("?$top=2")) == 2
    for query in ("?$filter=name%20eq%20'x'", "?$top=0", "?$top=x"):
        assert (await asked(call, "GET", every + query))[0] == 400


async def test_outputs_are_shown_once_it_succeeded(call: ArmCaller) -> None:
    outputs = {"o": {"type": "string", "value": "[concat(resourceGroup().name, '!')]"}}
    _, running, _ = await put(call, extension(), outputs=outputs)
    assert "outputs" not in running["properties"]
    await end(call.world)
    _, over, _ = await asked(call, "GET")
    assert over["properties"]["outputs"] == {"o": {"type": "String", "value": "Prod!"}}


@pytest.mark.parametrize("name", ["x" * 65, "a%20b", "a%3Cb"])
async def test_a_deployment_s_name_is_checked(call: ArmCaller, name: str) -> None:
    path = f"{PATH.rpartition('/')[0]}/{name}"
    status, refusal, _ = await asked(call, "GET", path)
    assert (status, refusal["error"]["code"]) == (400, "InvalidDeploymentName")


async def test_a_group_that_is_not_there(call: ArmCaller) -> None:
    status, refusal, _ = await asked(call, "PUT", PATH.replace("Prod", "Absent"), spliced())
    assert (status, refusal["error"]["code"]) == (404, "ResourceGroupNotFound")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["web01/x", "web01", "x", "[parameters('password')]", "2023-09-01",
                       "[concat('web01/', 'y')]", "securestring", "Incremental"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "name", "apiVersion", "dependsOn", "resources", "properties",
                         "settings", "protectedSettings", "value", "parameters", "location"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_no_body_is_a_fault_of_ours(call: ArmCaller, data: st.DataObject) -> None:
    """Take a good request, and put anything anywhere."""
    whole = body(vm(resources=[extension("access", type="extensions")]))
    place: Any = whole
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)
            break
        place = place[key]
    status, answer, _ = await asked(call, "POST", f"{PATH}/validate", json.dumps(whole))
    assert status in (200, 400, 404), answer
