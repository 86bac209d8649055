"""The table: letters' case, slashes and percent signs in paths, and what is not there."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.arm import routes
from gateway.api.arm.envelope import ArmError
from gateway.api.arm.routing import ArmCall, Route, RouteTable, decoded_path


async def nothing(_call: ArmCall) -> None:
    raise AssertionError("nobody calls it here")


def route(method: str, template: str, audience: str = "tenant") -> Route:
    return Route(method, template, nothing, audience, "read")  # type: ignore[arg-type]


VM = "/subscriptions/{s}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{vm}"
TABLE = RouteTable(
    [
        route("GET", VM),
        route("PUT", VM),
        route("POST", f"{VM}/enableVmAccess"),
        route("GET", f"{VM}/{{thing}}"),
        route("GET", f"{VM}/instanceView"),
        route("GET", "/features", "admin"),
        route("GET", "/tenants", "both"),
        route("GET", "/metadata/endpoints", "open"),
    ]
)


def test_words_match_in_any_case_and_names_keep_theirs() -> None:
    path = "/SUBSCRIPTIONS/aB/resourcegroups/Prod/PROVIDERS/microsoft.compute/VirtualMachines/Web01"
    match = TABLE.match("GET", path, "tenant")
    assert match.route.template == VM
    assert match.params == {"s": "aB", "group": "Prod", "vm": "Web01"}


def test_a_written_word_beats_a_name() -> None:
    path = VM.replace("{", "").replace("}", "")
    assert TABLE.match("GET", f"{path}/INSTANCEVIEW", "tenant").route.template.endswith("View")
    assert TABLE.match("GET", f"{path}/other", "tenant").params["thing"] == "other"


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(ArmError) as refusal:
        TABLE.match("DELETE", VM, "tenant")
    assert refusal.value.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert refusal.value.headers == {"Allow": "GET, PUT"}


@pytest.mark.parametrize(
    ("path", "endpoint", "there"),
    [
        ("/features", "admin", True),
        ("/features", "tenant", False),
        ("/tenants", "admin", True),
        ("/tenants", "tenant", True),
        ("/metadata/endpoints", "admin", True),
        ("/metadata/endpoints", "tenant", True),
        ("/nothing", "admin", False),
        ("/", "admin", False),
        ("", "admin", False),
    ],
)
def test_each_endpoint_has_its_own_routes(path: str, endpoint: str, there: bool) -> None:
    if there:
        assert TABLE.match("GET", path, endpoint).route.template == path
    else:
        with pytest.raises(ArmError) as refusal:
            TABLE.match("GET", path, endpoint)
        assert refusal.value.status == HTTPStatus.NOT_FOUND


def test_the_same_route_twice_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="there twice"):
        RouteTable([route("GET", "/a/{x}"), route("GET", "/A/{y}")])


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/subscriptions/S/providers/Microsoft.Compute//virtualMachines/V", None),
        ("//subscriptions//S", "/subscriptions/S"),
        ("/subscriptions/S/", "/subscriptions/S"),
        ("/resourceGroups/my%20group", "/resourceGroups/my group"),
        ("/a/%2541", "/a/%41"),  # once, not twice
        ("/a/%zz", "/a/%zz"),
        ("/", "/"),
    ],
)
def test_a_path_is_decoded_once(raw: str, decoded: str | None) -> None:
    assert decoded_path(raw) == (decoded or raw.replace("//", "/"))


@pytest.mark.parametrize("raw", ["/a/%2F/b", "/a/x%2fy", "/a/%00", "/a/%0Ab", "/a/%E2%80%AE"])
def test_what_would_mislead_is_refused(raw: str) -> None:
    with pytest.raises(ArmError) as refusal:
        decoded_path(raw)
    assert refusal.value.status == HTTPStatus.BAD_REQUEST


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=80))
def test_any_path_is_decoded_or_refused(raw: str) -> None:
    try:
        path = decoded_path(raw)
    except ArmError as refusal:
        assert refusal.status == HTTPStatus.BAD_REQUEST
        return
    assert path.startswith("/")
    assert "//" not in path
    assert path.isprintable()
    assert path == "/" or not path.endswith("/")


def test_every_route_says_what_a_refusal_names() -> None:
    for each in routes():
        assert each.template.startswith("/"), each
        assert each.action.rpartition("/")[2] in {"read", "write", "delete", "action"}, each


def test_what_lies_below_a_subscription_names_it_alike() -> None:
    """The entrance finds whose a subscription is by that name: a route with another is open."""
    for each in routes():
        if each.audience != "open" and each.segments[0] == "subscriptions" and each.segments[1:]:
            assert each.segments[1] == "{subscription_id}", each
