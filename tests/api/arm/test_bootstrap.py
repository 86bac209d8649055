"""What clients ask before anything else (T1, T2, T4): where things are, and what there is."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.actions.world import CONTOSO, FABRIKAM
from tests.api.arm.conftest import ADMIN_BASE, BASE, PROVIDER, ArmCaller, Kind

MINE = f"/subscriptions/{CONTOSO}"


@pytest.mark.parametrize("version", ["2022-09-01", "2023-11-01"])
async def test_az_gets_one_object(version: str, call: ArmCaller) -> None:
    """An array crashes `az cloud register`: "list indices must be integers" (azure-cli#31547)."""
    answer = await call("GET", "/metadata/endpoints", version=version)
    cloud = await answer.json()
    assert cloud["name"]
    assert cloud["authentication"]["loginEndpoint"] == f"{BASE}/adfs"  # no slash at its end
    assert cloud["authentication"]["audiences"] == [BASE]
    assert cloud["suffixes"] == {}
    assert cloud["resourceManager"] == f"{BASE}/"


@pytest.mark.parametrize("version", ["1.0", "2015-01-01"])
async def test_powershell_gets_five_members_none_empty(version: str, call: ArmCaller) -> None:
    cloud = await (await call("GET", "/metadata/endpoints", version=version)).json()
    assert set(cloud) == {"galleryEndpoint", "graphEndpoint", "portalEndpoint", "authentication"}
    assert all(cloud.values())
    assert cloud["authentication"] == {"loginEndpoint": f"{BASE}/adfs", "audiences": [BASE]}


@pytest.mark.parametrize("version", ["2019-05-01", "2020-06-01"])
async def test_the_libraries_between_get_an_array(version: str, call: ArmCaller) -> None:
    clouds = await (await call("GET", "/metadata/endpoints", version=version)).json()
    assert [cloud["authentication"]["audiences"] for cloud in clouds] == [[BASE]]


async def test_each_endpoint_is_an_audience_of_its_own(call: ArmCaller) -> None:
    answer = await call("GET", "/metadata/endpoints", at="admin", version="2022-09-01")
    cloud = await answer.json()
    assert cloud["authentication"]["audiences"] == [ADMIN_BASE]
    assert cloud["authentication"]["loginEndpoint"] == f"{ADMIN_BASE}/adfs"


async def test_addresses_come_from_the_configuration(call: ArmCaller) -> None:
    answer = await call(
        "GET", "/metadata/endpoints", version="2022-09-01", headers={"Host": "evil.example"}
    )
    assert "evil.example" not in await answer.text()


@pytest.mark.parametrize("at", ["tenant", "admin"])
async def test_both_endpoints_name_one_directory(at: Kind, call: ArmCaller) -> None:
    token = await call.token("tina" if at == "tenant" else "ada")
    listed = (await (await call("GET", "/tenants", token=token, at=at)).json())["value"]
    subscriptions = await (await call("GET", "/subscriptions", token=token, at=at)).json()
    assert [tenant["tenantId"] for tenant in listed] == [
        subscription["tenantId"] for subscription in subscriptions["value"]
    ]
    assert UUID(listed[0]["tenantId"])


async def test_a_tenant_lists_their_own_subscriptions(call: ArmCaller) -> None:
    for name, own in (("tina", CONTOSO), ("theo", FABRIKAM)):
        answer = await call("GET", "/subscriptions", token=await call.token(name))
        [found] = (await answer.json())["value"]
        assert found["id"] == f"/subscriptions/{own}"
        assert (found["subscriptionId"], found["state"]) == (own, "Enabled")
        assert found["displayName"]


async def test_an_admin_has_the_providers_subscription(call: ArmCaller) -> None:
    answer = await call("GET", "/subscriptions", token=await call.token("ada"), at="admin")
    [found] = (await answer.json())["value"]
    assert (found["subscriptionId"], found["displayName"]) == (
        PROVIDER,
        "Default Provider Subscription",
    )


async def test_a_subscription_is_found_in_any_case(call: ArmCaller) -> None:
    token = await call.token("tina")
    answer = await call("GET", f"/SUBSCRIPTIONS/{CONTOSO.upper()}", token=token)
    assert (await answer.json())["subscriptionId"] == CONTOSO


async def test_the_region_has_the_configured_name(call: ArmCaller) -> None:
    answer = await call("GET", f"{MINE}/locations", token=await call.token("tina"))
    [location] = (await answer.json())["value"]
    assert location["id"] == f"{MINE}/locations/local"
    assert location["name"] == location["displayName"] == "local"


async def test_the_newest_version_comes_first(call: ArmCaller) -> None:
    """`az resource invoke-action` without --api-version takes the first that is no preview."""
    path = f"{MINE}/providers/microsoft.compute"
    provider = await (await call("GET", path, token=await call.token("tina"))).json()
    kinds = {kind["resourceType"]: kind for kind in provider["resourceTypes"]}
    versions = kinds["virtualMachines"]["apiVersions"]
    assert versions == sorted(versions, reverse=True)
    assert "2020-06-01" in versions
    assert kinds["virtualMachines"]["locations"] == ["local"]
    assert provider["registrationState"] == "Registered"


async def test_registering_changes_nothing(call: ArmCaller) -> None:
    token = await call.token("tina")
    shown = await call("GET", f"{MINE}/providers/Microsoft.Compute", token=token)
    registered = await call("POST", f"{MINE}/providers/Microsoft.Compute/register", token=token)
    assert registered.status == 200
    assert await registered.json() == await shown.json()


async def test_another_provider_is_unknown(call: ArmCaller) -> None:
    path = f"{MINE}/providers/Microsoft.Network"
    answer = await call("GET", path, token=await call.token("tina"))
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "InvalidResourceNamespace"


async def test_admins_find_the_features_provider(call: ArmCaller) -> None:
    path = f"/subscriptions/{PROVIDER}/providers"
    found = await (await call("GET", path, token=await call.token("ada"), at="admin")).json()
    by_name = {each["namespace"]: each for each in found["value"]}
    assert by_name["Microsoft.Compute.Admin"]["resourceTypes"][0]["apiVersions"] == ["2020-11-01"]


async def test_groups_are_those_that_hold_machines(call: ArmCaller) -> None:
    token = await call.token("tina")
    listed = await (await call("GET", f"{MINE}/resourcegroups", token=token)).json()
    assert [group["id"] for group in listed["value"]] == [f"{MINE}/resourceGroups/Prod"]
    shown = await (await call("GET", f"{MINE}/resourceGroups/PROD", token=token)).json()
    assert shown == listed["value"][0]
    assert (shown["name"], shown["location"]) == ("Prod", "local")


async def test_az_probes_a_group_by_its_head(call: ArmCaller) -> None:
    token = await call.token("tina")
    there = await call("HEAD", f"{MINE}/resourcegroups/prod", token=token)
    missing = await call("HEAD", f"{MINE}/resourcegroups/other", token=token)
    assert (there.status, missing.status) == (204, 404)
    assert await missing.text() == ""


async def test_a_missing_group_is_named(call: ArmCaller) -> None:
    path = f"{MINE}/resourceGroups/other"
    answer = await call("GET", path, token=await call.token("tina"))
    assert (await answer.json())["error"] == {
        "code": "ResourceGroupNotFound",
        "message": "Resource group 'other' could not be found.",
    }
