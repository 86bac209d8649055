"""VMs as `az` and the SDK read them, and how they run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.inventory import Machine
from gateway.policy.facts import Vm
from tests.actions.world import CONTOSO, WEB01, machine
from tests.api.arm.conftest import ArmCaller

MINE = f"/subscriptions/{CONTOSO}"
VM = WEB01.vm.resource_id


@dataclass(frozen=True)
class Facts:
    version: str = "9.0.2"
    os_name: str | None = "Debian GNU/Linux"
    os_version: str | None = None


async def shown(call: ArmCaller, path: str) -> Any:
    answer = await call("GET", path, token=await call.token("tina"), version="2026-04-01")
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def instance_view(call: ArmCaller) -> Any:
    return (await shown(call, f"{VM}?$expand=instanceView"))["properties"]["instanceView"]


async def test_a_vm_says_what_clients_decide_by(call: ArmCaller) -> None:
    found = await shown(call, VM)
    assert found["id"] == VM
    assert (found["name"], found["location"]) == ("web01", "local")
    assert found["type"] == "Microsoft.Compute/virtualMachines"
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["storageProfile"]["osDisk"]["osType"] == "Linux"
    assert "linuxConfiguration" in properties["osProfile"]
    assert "instanceView" not in properties
    assert found["resources"] == []


async def test_a_windows_vm_says_so(call: ArmCaller) -> None:
    vm = replace(machine(CONTOSO, "desk01", port=5911).vm, os="windows")
    call.world.inventory.put(replace(WEB01, vm=vm))
    properties = (await shown(call, vm.resource_id))["properties"]
    assert properties["storageProfile"]["osDisk"]["osType"] == "Windows"
    assert "windowsConfiguration" in properties["osProfile"]


@pytest.mark.parametrize("query", ["$expand=instanceView", "%24expand=instanceview"])
async def test_the_instance_view_comes_when_asked_for(query: str, call: ArmCaller) -> None:
    """Missing, it crashes `az vm extension set` with a KeyError."""
    found = await shown(call, f"{VM}?{query}")
    assert found["properties"]["instanceView"]["statuses"]
    assert found["properties"]["instanceView"] == {
        **await shown(call, f"{VM}/instanceView"),
    }


@pytest.mark.parametrize(
    ("power", "code", "display"),
    [
        ("running", "PowerState/running", "VM running"),
        ("off", "PowerState/stopped", "VM stopped"),
        ("paused", "PowerState/paused", "VM paused"),
        ("unknown", "PowerState/unknown", "VM status unknown"),
    ],
)
async def test_the_power_state(power: str, code: str, display: str, call: ArmCaller) -> None:
    call.world.guests.of(WEB01).power = power
    statuses = (await instance_view(call))["statuses"]
    assert [status["code"] for status in statuses] == ["ProvisioningState/succeeded", code]
    assert statuses[1]["displayStatus"] == display


async def test_a_silent_agent_is_not_ready(call: ArmCaller) -> None:
    agent = (await instance_view(call))["vmAgent"]
    assert agent["vmAgentVersion"] == "Unknown"
    assert agent["statuses"][0]["displayStatus"] == "Not Ready"


async def test_an_agent_that_answers_is_ready(
    call: ArmCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(call, monkeypatch, Facts())
    view = await instance_view(call)
    assert view["vmAgent"]["vmAgentVersion"] == "9.0.2"
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    assert view["osName"] == "Debian GNU/Linux"
    assert "osVersion" not in view


async def test_a_vm_that_is_off_is_not_asked(
    call: ArmCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer_with(call, monkeypatch, Facts())
    call.world.guests.of(WEB01).power = "off"
    assert (await instance_view(call))["vmAgent"]["vmAgentVersion"] == "Unknown"
    assert asked == []


def answer_with(call: ArmCaller, monkeypatch: pytest.MonkeyPatch, facts: Facts) -> list[Machine]:
    asked: list[Machine] = []

    async def answer(guest: Machine) -> Facts:
        asked.append(guest)
        return facts

    monkeypatch.setattr(call.world.guests, "facts", answer)
    return asked


async def test_a_tenant_lists_the_vms_of_a_group_or_of_all(call: ArmCaller) -> None:
    of_group = await shown(
        call, f"{MINE}/resourceGroups/prod/providers/Microsoft.Compute/virtualMachines"
    )
    of_all = await shown(call, f"{MINE}/providers/Microsoft.Compute/virtualMachines")
    assert of_group == of_all
    assert [vm["name"] for vm in of_all["value"]] == ["far01", "web01", "web02"]


async def test_groups_with_like_names_are_kept_apart(call: ArmCaller) -> None:
    other = f"{MINE}/resourceGroups/Production/providers/Microsoft.Compute/virtualMachines/web09"
    vm = Vm(other, CONTOSO, "web09", "linux", WEB01.vm.node)
    call.world.inventory.put(replace(WEB01, vm=vm))
    path = f"{MINE}/resourceGroups/Prod/providers/Microsoft.Compute/virtualMachines"
    assert "web09" not in [vm["name"] for vm in (await shown(call, path))["value"]]


async def test_instances_of_a_scale_set_are_no_vms_of_their_own(call: ArmCaller) -> None:
    instance = (
        f"{MINE}/resourceGroups/Prod/providers/Microsoft.Compute/virtualMachineScaleSets/s"
        "/virtualMachines/0"
    )
    vm = Vm(instance, CONTOSO, "s_0", "linux", WEB01.vm.node)
    call.world.inventory.put(replace(WEB01, vm=vm))
    listed = await shown(call, f"{MINE}/providers/Microsoft.Compute/virtualMachines")
    assert [vm["name"] for vm in listed["value"]] == ["far01", "web01", "web02"]


async def test_a_group_that_is_not_there_lists_nothing(call: ArmCaller) -> None:
    path = f"{MINE}/resourceGroups/no/providers/Microsoft.Compute/virtualMachines"
    answer = await call("GET", path, token=await call.token("tina"))
    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "ResourceGroupNotFound")
