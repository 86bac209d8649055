"""Nothing changes but by a form of our own page, submitted by whom it was made for."""

from __future__ import annotations

import pytest

from tests.web.conftest import FROM_OUR_PAGE, Site, form_token

OURS = "https://gateway.example"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://gateway.example.evil"},
        {"Origin": "http://gateway.example"},
        {"Origin": "https://gateway.example:444"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Origin": OURS},
        {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
async def test_requests_of_other_origins_change_nothing(
    site: Site, headers: dict[str, str]
) -> None:
    tina = await site.signed_in("tina")
    response = await tina.post("/sign-out", page="/tenant", headers=headers)
    assert response.status == 403
    assert (await tina.get("/tenant")).status == 200


@pytest.mark.parametrize("headers", [FROM_OUR_PAGE, {"Origin": OURS}])
async def test_our_own_pages_forms_are_taken(site: Site, headers: dict[str, str]) -> None:
    tina = await site.signed_in("tina")
    assert (await tina.post("/sign-out", page="/tenant", headers=headers)).status == 303
    assert (await tina.get("/tenant")).headers["Location"].startswith("/sign-in")


async def test_a_form_made_for_one_sign_in_is_worth_nothing_in_another(site: Site) -> None:
    tina, theo = await site.signed_in("tina"), await site.signed_in("theo")
    token = form_token(await (await tina.get("/tenant")).text())
    response = await theo.post("/sign-out", {"form_token": token}, page="/tenant")
    assert response.status == 403


async def test_a_form_without_its_token_is_refused(site: Site) -> None:
    tina = await site.signed_in("tina")
    response = await tina.post("/sign-out", {"form_token": ""}, page="/tenant")
    assert response.status == 403
    assert "go back and reload" in await response.text()


async def test_other_signed_values_are_no_form_tokens(site: Site) -> None:
    tina = await site.signed_in("tina")
    flash = site.world.identity.signer("flash").dumps("sign-in")
    assert (await tina.post("/sign-out", {"form_token": flash}, page="/tenant")).status == 403
