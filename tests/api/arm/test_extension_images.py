"""Which extensions there are: three bare arrays (T5 without `--version`)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.world import CONTOSO
from tests.api.arm.conftest import ArmCaller

PUBLISHERS = f"/subscriptions/{CONTOSO}/providers/Microsoft.Compute/locations/local/publishers"
TYPES = f"{PUBLISHERS}/Microsoft.Compute/artifacttypes/vmextension/types"
VERSIONS = f"{TYPES}/VMAccessAgent/versions"


async def names(call: ArmCaller, path: str) -> list[str]:
    answer = await call("GET", path, token=await call.token("tina"))
    assert answer.status == 200, await answer.text()
    items: list[dict[str, Any]] = await answer.json()
    for item in items:
        assert set(item) == {"id", "name", "location"}
        assert item["id"].endswith(f"/{item['name']}")
        assert item["location"] == "local"
    return [item["name"] for item in items]


async def test_publishers_types_and_versions_in_any_case(call: ArmCaller) -> None:
    assert await names(call, PUBLISHERS) == ["Microsoft.Compute", "Microsoft.OSTCExtensions"]
    assert await names(call, TYPES) == ["VMAccessAgent"]
    assert await names(call, TYPES.lower().replace("artifacttypes", "ArtifactTypes")) == [
        "VMAccessAgent"
    ]
    versions = await names(call, VERSIONS)
    assert all(version.startswith("2.4.") for version in versions)
    linux = f"{PUBLISHERS}/Microsoft.OSTCExtensions/artifacttypes/vmextension/types"
    assert await names(call, linux) == ["VMAccessForLinux"]


async def test_versions_are_chosen_as_az_asks_for_them(call: ArmCaller) -> None:
    every = await names(call, VERSIONS)
    assert await names(call, f"{VERSIONS}?$orderby=name%20desc") == every[::-1]
    assert await names(call, f"{VERSIONS}?$orderby=name&$top=1") == every[:1]
    assert await names(call, f"{VERSIONS}?$top=0") == []
    assert await names(call, f"{VERSIONS}?$filter=startswith(name,'2.')") == every
    assert await names(call, f"{VERSIONS}?$filter=startswith(name,'1.')") == []


async def test_one_version_says_what_it_is_for(call: ArmCaller) -> None:
    token = await call.token("tina")
    [newest] = await names(call, f"{VERSIONS}?$orderby=name%20desc&$top=1")
    answer = await call("GET", f"{VERSIONS}/{newest}", token=token)
    image = await answer.json()
    assert image["name"] == newest
    assert image["properties"]["operatingSystem"] == "Windows"
    assert image["properties"]["supportsMultipleExtensions"] is False


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (TYPES.replace("Microsoft.Compute/artifact", "Nobody/artifact"), 404, "NotFound"),
        (VERSIONS.replace("VMAccessAgent", "Nothing"), 404, "NotFound"),
        (f"{VERSIONS}/9.9.9", 404, "NotFound"),
        (PUBLISHERS.replace("/local/", "/mars/"), 404, "NoRegisteredProviderFound"),
        (VERSIONS.replace("/local/", "/mars/"), 404, "NoRegisteredProviderFound"),
        (f"{VERSIONS}?$top=-1", 400, "InvalidParameter"),
        (f"{VERSIONS}?$top=1234567", 400, "InvalidParameter"),
        (f"{VERSIONS}?$orderby=id", 400, "InvalidParameter"),
        (f"{VERSIONS}?$filter=name%20eq%20'2'", 400, "InvalidParameter"),
    ],
)
async def test_what_there_is_not(call: ArmCaller, path: str, status: int, code: str) -> None:
    answer = await call("GET", path, token=await call.token("tina"))
    assert answer.status == status
    assert (await answer.json())["error"]["code"] == code
