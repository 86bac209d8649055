"""The endpoints as they are served: beside the pages, and on a listener of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.actions.world import machine
from tests.doubles.standing import Standing, standing_gateway
from tests.doubles.tokens import arm_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTOSO = "c0115050-0000-4000-8000-000000000001"  # the demo's, which is enabled
WEB = machine(CONTOSO, "web01")
VERSION = {"api-version": "2020-06-01"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    folder: Path = tmp_path_factory.mktemp("arm")
    async with standing_gateway(folder, [WEB]) as found:
        yield found


async def ask(
    standing: Standing, method: str, path: str, *, base: str | None = None, **more: Any
) -> tuple[aiohttp.ClientResponse, str]:
    connector = aiohttp.TCPConnector(ssl=standing.trust())
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.request(method, (base or standing.base) + path, **more) as response,
    ):
        return response, await response.text()


async def test_the_seeds_script_from_end_to_end(standing: Standing) -> None:
    """No form token, no Origin: a program's POST is none of the pages' business."""
    token = await arm_token(standing, "contoso")
    path = f"{WEB.vm.resource_id}/enableVmAccess"
    answer, text = await ask(
        standing, "POST", path, params=VERSION, headers={"Authorization": f"Bearer {token}"},
        expect100=True,
    )  # fmt: skip
    assert answer.status == 200, text
    assert '"ERCSName":"AzS-ERCS01"' in text
    assert f'"consoleUrl":"{standing.base}/consoles/' in text


async def test_a_browsers_sign_in_opens_nothing(standing: Standing) -> None:
    """Even from our own pages, with a cookie that is good for them."""
    token = await standing.token("contoso")
    headers = {
        "Cookie": f"__Host-eva={token}",
        "Origin": standing.base,
        "Sec-Fetch-Site": "same-origin",
    }
    path = f"{WEB.vm.resource_id}/enableVmAccess"
    answer, text = await ask(standing, "POST", path, params=VERSION, headers=headers)
    assert answer.status == 401
    assert '"code":"AuthenticationFailed"' in text


async def test_the_apis_bearer_token_is_none_here(standing: Standing) -> None:
    headers = {"Authorization": f"Bearer {await standing.token('contoso')}"}
    answer, _ = await ask(standing, "GET", "/subscriptions", params=VERSION, headers=headers)
    assert answer.status == 401


async def test_a_token_from_here_is_none_for_the_api(standing: Standing) -> None:
    headers = {"Authorization": f"Bearer {await arm_token(standing, 'contoso')}"}
    answer, _ = await ask(standing, "GET", "/api/v1/consents", headers=headers)
    assert answer.status == 401


async def test_the_features_are_at_the_administrators_endpoint_alone(standing: Standing) -> None:
    token = await arm_token(standing, "admin", base=standing.admin_base)
    headers = {"Authorization": f"Bearer {token}"}
    _, listed = await ask(
        standing, "GET", "/subscriptions", base=standing.admin_base, params=VERSION, headers=headers
    )
    subscription = listed.partition('"id":"')[2].partition('"')[0]
    path = f"{subscription}/providers/Microsoft.Compute.Admin/locations/local/features"
    there, _ = await ask(
        standing, "GET", path, base=standing.admin_base, params=VERSION, headers=headers
    )
    here, _ = await ask(standing, "GET", path, params=VERSION, headers=headers)
    assert (there.status, here.status) == (200, 404)


@pytest.mark.parametrize("path", ["/operator", "/admin", "/api/v1/consents", "/livez", "/nothing"])
async def test_no_page_is_at_the_administrators_endpoint(path: str, standing: Standing) -> None:
    answer, text = await ask(standing, "GET", path, base=standing.admin_base)
    assert answer.status == 404
    assert text.startswith('{"error":{"code":"InvalidResourceType"')


@pytest.mark.parametrize("path", ["/metadata/endpoints", "//Metadata//Endpoints/"])
async def test_the_addresses_are_the_configured_ones(path: str, standing: Standing) -> None:
    for base in (standing.base, standing.admin_base):
        answer, text = await ask(
            standing, "GET", path, base=base, params={"api-version": "2015-01-01"},
            headers={"Host": "evil.example"},
        )  # fmt: skip
        assert answer.status == 200
        assert f'"audiences":["{base}"]' in text
        assert "evil.example" not in text
        assert "Strict-Transport-Security" in answer.headers


@pytest.mark.parametrize("path", ["/subscriptionsx", "/tenant", "/metadata.html"])
async def test_a_page_is_still_a_page(path: str, standing: Standing) -> None:
    _, text = await ask(standing, "GET", path, headers={"Accept": "text/html"})
    assert "<!doctype html>" in text.lower()


async def test_another_expectation_is_refused(standing: Standing) -> None:
    answer, _ = await ask(standing, "GET", "/tenants", headers={"Expect": "the unexpected"})
    assert answer.status == 417
