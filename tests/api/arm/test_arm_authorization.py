"""Who may do what at the Resource Manager endpoints: every route × every principal, none left out.

A route without a row fails. What is foreign is answered as what is missing: 403 both times, 404
for a subscription itself. Tokens count at their own endpoint only, and operators have none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import pytest
from yarl import URL

from gateway.actions.advance_deployment import advance_deployment
from gateway.api import arm
from gateway.policy.facts import Vm
from tests.actions import deploying
from tests.actions.world import CONTOSO, FABRIKAM, NODE, WEB01, WEB02
from tests.api.arm.conftest import PROVIDER, ArmCaller, Kind

# `other` is a tenant of another subscription; `crossed` is the other role, with a token of its own
# endpoint; `misled` is whom the route is for, with a token of the other endpoint; an operator's
# token cannot be had, so one is forged into the store.
TENANT_SIDE = {
    "anonymous": None,
    "own": ("tina", "tenant"),
    "other": ("theo", "tenant"),
    "misled": ("tina", "admin"),
    "crossed": ("ada", "admin"),
    "operator": ("olga", "tenant"),
}
ADMIN_SIDE = {
    "anonymous": None,
    "own": ("ada", "admin"),
    "misled": ("ada", "tenant"),
    "crossed": ("tina", "tenant"),
    "operator": ("olga", "admin"),
}
NOBODY_ELSE = {"anonymous": 401, "misled": 401, "crossed": 401, "operator": 401}
GROUP = "/subscriptions/{subscription_id}/resourceGroups/{group}"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/{{vm}}"
SET = f"{COMPUTE}/virtualMachineScaleSets"
INSTANCE = f"{SET}/{{scale_set}}/virtualMachines/{{vm}}"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments"
ADMINS = (
    "/subscriptions/{subscription_id}/providers/Microsoft.Compute.Admin/locations/{location}"
    "/features"
)
PLACE = "/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{location}"
PUBLISHER = f"{PLACE}/publishers/{{publisher}}/artifacttypes/vmextension/types"

NAMES = {
    "group": "Prod",
    "vm": "web01",
    "location": "local",
    "feature": "Microsoft.Compute.EmergencyVMAccess",
    "namespace": "Microsoft.Compute",
    "publisher": "Microsoft.OSTCExtensions",
    "type": "VMAccessForLinux",
    "version": "1.5.25",
    "scale_set": "pool",
    "extension": "access",
    "deployment": "fix",
}
EXTENSION = {
    "location": "local",
    "properties": {
        "publisher": "Microsoft.OSTCExtensions",
        "type": "VMAccessForLinux",
        "typeHandlerVersion": "1.5",
        "autoUpgradeMinorVersion": True,
        "settings": {"check_disk": "true"},
    },
}
TEMPLATE = {"properties": deploying.body(deploying.vm(NAMES["vm"]))["properties"]}
NEW_TAG = {"properties": {"forceUpdateTag": "again"}}


@dataclass(frozen=True)
class Row:
    """A route, a sensible body, and the status for whom it is for; `None`: 403 for all others."""

    method: str
    template: str
    own: int = 200
    other: int | None = 403
    body: dict[str, Any] | None = None
    at: Kind = "tenant"
    listed: bool = False  # it names no subscription: everybody sees their own
    alters: bool = True  # leaves an audit record even where it went well

    def __str__(self) -> str:
        return f"{self.method} {self.template} at {self.at}"


def both(template: str, **more: Any) -> tuple[Row, Row]:
    return Row("GET", template, **more), Row("GET", template, at="admin", **more)


def extensions_of(parent: str, removed: int = 202) -> tuple[Row, ...]:
    one = f"{parent}/extensions/{{extension}}"
    return (
        Row("GET", f"{parent}/extensions"),
        Row("GET", one),
        Row("PUT", one, body=EXTENSION),
        Row("PATCH", one, body=NEW_TAG),
        Row("DELETE", one, removed),
    )


ENABLED = {"tenantSubscriptionId": FABRIKAM}

TABLE = (
    *both("/metadata/endpoints", other=200),
    *both("/tenants", listed=True),
    *both("/subscriptions", listed=True),
    *both("/subscriptions/{subscription_id}", other=404),
    *both("/subscriptions/{subscription_id}/locations"),
    *both("/subscriptions/{subscription_id}/providers"),
    Row("GET", "/subscriptions/{subscription_id}/providers/{namespace}"),
    Row("POST", "/subscriptions/{subscription_id}/providers/{namespace}/register", alters=False),
    Row("GET", "/subscriptions/{subscription_id}/providers/{namespace}", 404, at="admin"),
    Row("POST", "/subscriptions/{subscription_id}/providers/{namespace}/register", 404,
        at="admin", alters=False),
    *both("/subscriptions/{subscription_id}/resourceGroups"),
    Row("GET", GROUP),
    Row("HEAD", GROUP, 204),
    Row("GET", GROUP, 404, at="admin"),  # the administrators' subscription has none
    Row("HEAD", GROUP, 404, at="admin"),
    # Virtual machines and Emergency VM Access: the tenant's alone.
    Row("GET", "/subscriptions/{subscription_id}/providers/Microsoft.Compute/virtualMachines"),
    Row("GET", f"{COMPUTE}/virtualMachines"),
    Row("GET", VM),
    Row("GET", f"{VM}/instanceView"),
    Row("POST", f"{VM}/enableVmAccess"),
    Row("POST", f"{VM}/disableVmAccess", alters=False),
    # Extensions of a VM and of a scale set's instance, and what clients poll.
    *extensions_of(VM),
    *extensions_of(INSTANCE),
    Row("GET", f"{PLACE}/operations/{{id}}"),
    Row("GET", f"{PLACE}/operationResults/{{id}}", 202),
    # Scale sets.
    Row("GET", "/subscriptions/{subscription_id}/providers/Microsoft.Compute"
        "/virtualMachineScaleSets"),
    Row("GET", f"{PLACE}/virtualMachineScaleSets"),
    Row("GET", SET),
    Row("GET", f"{SET}/{{scale_set}}"),
    Row("PUT", f"{SET}/{{scale_set}}", body={"location": "local", "properties": {}}),
    Row("PATCH", f"{SET}/{{scale_set}}", body={"tags": {"a": "b"}}),
    Row("GET", f"{SET}/{{scale_set}}/instanceView"),
    Row("POST", f"{SET}/{{scale_set}}/manualupgrade", 202, body={"instanceIds": ["*"]}),
    Row("GET", f"{SET}/{{scale_set}}/virtualMachines"),
    Row("GET", INSTANCE),
    Row("GET", f"{INSTANCE}/instanceView"),
    *extensions_of(f"{SET}/{{scale_set}}", removed=200),
    # Template deployments.
    Row("GET", DEPLOYMENT),
    Row("GET", f"{DEPLOYMENT}/{{deployment}}"),
    Row("HEAD", f"{DEPLOYMENT}/{{deployment}}", 204),
    Row("PUT", f"{DEPLOYMENT}/{{deployment}}", body=TEMPLATE),
    Row("DELETE", f"{DEPLOYMENT}/{{deployment}}", 204),
    Row("POST", f"{DEPLOYMENT}/{{deployment}}/validate", body=TEMPLATE, alters=False),
    Row("POST", f"{DEPLOYMENT}/{{deployment}}/cancel", 409, alters=False),  # it is over
    Row("GET", f"{DEPLOYMENT}/{{deployment}}/operationStatuses/{{status}}"),
    Row("GET", f"{DEPLOYMENT}/{{deployment}}/operations"),
    Row("GET", f"{DEPLOYMENT}/{{deployment}}/operations/{{operation}}"),
    Row("GET", f"{GROUP}/deployments/{{deployment}}/operations"),
    Row("GET", f"{GROUP}/deployments/{{deployment}}/operations/{{operation}}"),
    # Extension images.
    Row("GET", f"{PLACE}/publishers"),
    Row("GET", PUBLISHER),
    Row("GET", f"{PUBLISHER}/{{type}}/versions"),
    Row("GET", f"{PUBLISHER}/{{type}}/versions/{{version}}"),
    # The features: an administrator's alone.
    Row("GET", ADMINS, at="admin"),
    Row("GET", f"{ADMINS}/{{feature}}", at="admin"),
    Row("POST", f"{ADMINS}/{{feature}}/enableTenantSubscriptionFeature", body=ENABLED, at="admin"),
    Row("POST", f"{ADMINS}/{{feature}}/disableTenantSubscriptionFeature", body=ENABLED, at="admin"),
    Row("POST", f"{ADMINS}/{{feature}}/updateGlobalFeatureSettings",
        body={"globalFeatureState": "Enabled"}, at="admin"),
)  # fmt: skip


def principals(row: Row) -> dict[str, tuple[str, str] | None]:
    return TENANT_SIDE if row.at == "tenant" else ADMIN_SIDE


def expected(row: Row, who: str) -> int:
    if row.template == "/metadata/endpoints" or who == "own":
        return row.own
    if who == "other":
        return row.own if row.listed else row.other or row.own
    return NOBODY_ELSE[who]


def test_every_route_has_a_row() -> None:
    wanted = {
        (route.method, route.template, endpoint)
        for route in arm.routes()
        for endpoint in ("tenant", "admin")
        if route.audience in (endpoint, "both", "open")
    }
    assert wanted == {(row.method, row.template, row.at) for row in TABLE}


def test_nothing_but_metadata_is_open() -> None:
    assert [route.template for route in arm.routes() if route.audience == "open"] == [
        "/metadata/endpoints"
    ]


@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_the_row_holds(row: Row, call: ArmCaller) -> None:
    """For whom it is comes last: nobody before may have changed anything."""
    everybody = principals(row)
    names = await things(call)
    found = {
        who: await answered(call, row, names, who) for who in sorted(everybody, key="own".__eq__)
    }
    assert found == {who: expected(row, who) for who in everybody}


async def things(call: ArmCaller) -> dict[str, str]:
    """What the routes are about: a VM, a scale set of one, an extension of each, an operation."""
    place = INSTANCE.format(subscription_id=CONTOSO, **NAMES)
    call.world.inventory.put(replace(WEB02, vm=Vm(place, CONTOSO, "pool_0", "linux", NODE)))
    token = await call.token("tina")
    operation = ""
    for parent in (f"{SET}/{{scale_set}}", INSTANCE, VM):
        path = f"{parent}/extensions/{{extension}}".format(subscription_id=CONTOSO, **NAMES)
        answer = await call("PUT", path, EXTENSION, token=token)
        assert answer.status == 201, await answer.text()
        operation = answer.headers.get("Azure-AsyncOperation", "")
    return NAMES | {"id": URL(operation).name} | await deployed(call, token)


async def deployed(call: ArmCaller, token: str) -> dict[str, str]:
    """A deployment that is over, its operation's status and its resource's operation."""
    path = f"{DEPLOYMENT}/{{deployment}}".format(subscription_id=CONTOSO, **NAMES)
    answer = await call("PUT", path, TEMPLATE, token=token)
    assert answer.status == 201, await answer.text()
    status = URL(answer.headers["Azure-AsyncOperation"]).name
    await advance_deployment(call.world.s, status)
    listed = await (await call("GET", f"{path}/operations", token=token)).json()
    return {"status": status, "operation": listed["value"][0]["operationId"]}


async def answered(call: ArmCaller, row: Row, names: dict[str, str], who: str) -> int:
    """The status that a principal gets; the body and the audit log are looked at too."""
    known = principals(row)[who]
    token = await call.token(known[0], known[1]) if known else None  # type: ignore[arg-type]
    before = len(await call.world.audit())
    answer = await call(row.method, filled(row, names), row.body, token=token, at=row.at)
    new = [record.outcome for record in (await call.world.audit())[before:]]
    if answer.status == HTTPStatus.UNAUTHORIZED:
        assert new == []
    elif who != "own" and HTTPStatus.BAD_REQUEST <= answer.status:
        assert new == ["denied"]
    elif row.method not in {"GET", "HEAD"} and row.alters:
        assert set(new) == {"allowed"}
    if HTTPStatus.BAD_REQUEST <= answer.status and row.method != "HEAD":
        assert {"code", "message"} <= set((await answer.json())["error"])
    return answer.status


def filled(row: Row, names: dict[str, str]) -> str:
    subscription = CONTOSO if row.at == "tenant" else PROVIDER
    return row.template.format(subscription_id=subscription, **names)


FOREIGN = [row for row in TABLE if "{subscription_id}" in row.template and row.at == "tenant"]
NOT_THERE = "00000000-0000-4000-8000-00000000dead"


async def test_the_foreign_is_answered_as_the_missing(call: ArmCaller) -> None:
    """Another tenant's subscription, with things in it, and one that does not exist."""
    names = await things(call)
    token = await call.token("theo")
    for row in FOREIGN:
        found = []
        for subscription in (CONTOSO, NOT_THERE):
            path = row.template.format(subscription_id=subscription, **names)
            answer = await call(row.method, path, row.body, token=token)
            found.append((answer.status, (await answer.text()).replace(subscription, "S")))
        assert found[0] == found[1], row


ADMIN_ROWS = [row for row in TABLE if "{subscription_id}" in row.template and row.at == "admin"]


async def test_admins_have_one_subscription_here(call: ArmCaller) -> None:
    names = await things(call)
    token = await call.token("ada")
    for row in ADMIN_ROWS:
        path = row.template.format(subscription_id=CONTOSO, **names)
        answer = await call(row.method, path, row.body, token=token, at="admin")
        assert answer.status == (404 if row.other == 404 else 403), row


def test_the_table_is_about_a_vm_that_is_there() -> None:
    assert WEB01.vm.resource_id == VM.format(subscription_id=CONTOSO, **NAMES)
