"""Ids, errors and api-versions, as Resource Manager's clients know them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.api.arm.envelope import (
    ArmError,
    arm_error,
    arm_json,
    check_api_version,
    echoed,
    error_body,
    in_arm_words,
    moment,
    pick,
    trace_headers,
    well_formed_guid,
)

NOW = datetime(2026, 3, 1, 14, 0, 5, 123456, tzinfo=UTC)
GUID = "8B6F1A5E-2d0f-4c57-9a58-0c3f7f1d2e3a"


@pytest.mark.parametrize(
    "version",
    ["2020-06-01", "2026-04-01", "1999-12-31", "2020-06-01-preview", "2020-06-01-PREVIEW"],
)
def test_any_dated_version_will_do(version: str) -> None:
    assert check_api_version([version]) == version.lower()


@pytest.mark.parametrize(
    "version",
    ["1.0", "latest", "2020-13-01", "2020-02-30", "2020-6-1", "2020-06-01-beta", "٢٠٢٠-٠٦-٠١",
     "2020-06-01 ", "2020-06-01\n", "x" * 5000],
)  # fmt: skip
def test_a_version_that_is_no_date_is_named(version: str) -> None:
    with pytest.raises(ArmError) as refusal:
        check_api_version([version])
    assert refusal.value.code == "InvalidApiVersionParameter"
    assert refusal.value.message.startswith("The api-version '")
    assert "The supported versions are '" in refusal.value.message
    assert len(refusal.value.message) < 1000


@pytest.mark.parametrize("versions", [[], [""]])
def test_a_version_is_required(versions: list[str]) -> None:
    with pytest.raises(ArmError) as refusal:
        check_api_version(versions)
    assert refusal.value.status == HTTPStatus.BAD_REQUEST
    assert refusal.value.code == "MissingApiVersionParameter"
    assert refusal.value.message == (
        "The api-version query parameter (?api-version=) is required for all requests."
    )


def test_two_versions_are_none() -> None:
    assert check_api_version(["2020-06-01", "2020-06-01"]) == "2020-06-01"
    with pytest.raises(ArmError):
        check_api_version(["2020-06-01", "2020-11-01"])


def test_metadata_alone_has_a_bare_version() -> None:
    assert check_api_version(["1.0"], bare=True) == "1.0"


@given(st.text(max_size=40))
def test_a_version_is_understood_or_refused(text: str) -> None:
    try:
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", check_api_version([text]))
    except ArmError as refusal:
        assert refusal.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidInput("x", "it is wrong"), 400, "InvalidParameter"),
        (errors.NotFound("no"), 404, "ResourceNotFound"),
        (errors.Refused("NotAnAdmin", "no"), 403, "AuthorizationFailed"),
        (errors.Conflict("no"), 409, "Conflict"),
        (errors.Throttled(7), 429, "TooManyRequests"),
        (errors.StoreUnavailable("locked"), 503, "ServiceUnavailable"),
        (errors.ExtensionRefused("OperationNotAllowed", "", inner="X"), 409, "OperationNotAllowed"),
        (errors.ExtensionRefused("BadRequest", "no"), 400, "BadRequest"),
        (errors.ExtensionRefused("ArtifactVersionNotFound", "no"), 404, "ArtifactVersionNotFound"),
        (errors.GuestUnreachable("no"), 502, "BadGateway"),
    ],
)  # fmt: skip
def test_our_errors_have_their_words_here(
    error: errors.GatewayError, status: int, code: str
) -> None:
    found = in_arm_words(error)
    assert (found.status, found.code) == (status, code)


def test_waiting_is_said_in_whole_seconds() -> None:
    assert in_arm_words(errors.Throttled(7)).headers == {"Retry-After": "7"}


def test_a_stores_trouble_tells_no_stranger_of_it() -> None:
    said = in_arm_words(errors.StoreUnavailable("/var/lib/eva/gateway.sqlite3 is locked"))
    assert "sqlite" not in said.message


def test_the_envelope_leaves_out_what_says_nothing() -> None:
    plain = ArmError(HTTPStatus.NOT_FOUND, "ResourceNotFound", "no")
    assert error_body(plain) == {"error": {"code": "ResourceNotFound", "message": "no"}}


def test_the_inner_code_stands_where_az_shows_it() -> None:
    """`az` prints `Inner error: {…}` from `error.innererror`."""
    refused = errors.ExtensionRefused("OperationNotAllowed", "no", inner="CannotModify")
    inner = error_body(in_arm_words(refused))["error"]["innererror"]
    assert inner == {"internalErrorCode": "CannotModify"}


def test_an_answer_is_json_in_utf_8() -> None:
    response = arm_json({"name": "Zürich"}, HTTPStatus.CREATED, {"Retry-After": "1"})
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.body == '{"name":"Zürich"}'.encode()
    assert (response.status, response.headers["Retry-After"]) == (201, "1")


def test_an_error_bears_its_headers() -> None:
    refusal = in_arm_words(errors.Throttled(3))
    response = arm_error(refusal)
    assert response.headers["Retry-After"] == "3"
    assert json.loads(response.text or "")["error"]["code"] == "TooManyRequests"


def test_the_ids_of_an_answer() -> None:
    request = make_mocked_request("GET", "/", {"x-ms-correlation-request-id": GUID})
    headers = trace_headers(request, "local", NOW)
    assert headers["x-ms-correlation-request-id"] == GUID  # as the caller spelled it
    request_id = headers["x-ms-request-id"]
    assert well_formed_guid(request_id)
    assert headers["x-ms-routing-request-id"] == f"LOCAL:20260301T140005Z:{request_id}"


@pytest.mark.parametrize("theirs", ["", "x", f"{{{GUID}}}", GUID.replace("-", ""), f"{GUID} ", "é"])
def test_a_correlation_id_that_is_none_is_not_echoed(theirs: str) -> None:
    request = make_mocked_request("GET", "/", {"x-ms-correlation-request-id": theirs})
    headers = trace_headers(request, "local", NOW)
    assert headers["x-ms-correlation-request-id"] == headers["x-ms-request-id"]


@pytest.mark.parametrize(("asks", "given_back"), [("true", True), ("True", True), ("no", False)])
def test_the_clients_own_id_comes_back_where_it_asks(asks: str, given_back: bool) -> None:
    sent = {"x-ms-client-request-id": GUID, "x-ms-return-client-request-id": asks}
    headers = trace_headers(make_mocked_request("GET", "/", sent), "local", NOW)
    assert ("x-ms-client-request-id" in headers) is given_back


def test_members_are_found_in_any_case() -> None:
    assert pick({"TenantSubscriptionId": 1}, "tenantSubscriptionId") == 1
    assert pick({}, "tenantSubscriptionId") is None
    assert pick({}, "reason", "") == ""


def test_a_member_given_twice_is_no_member() -> None:
    with pytest.raises(ArmError) as refusal:
        pick({"a": 1, "A": 2}, "a")
    assert refusal.value.code == "InvalidRequestContent"


@given(st.text(max_size=600))
def test_what_is_echoed_is_printable_and_short(text: str) -> None:
    said = echoed(text)
    assert said.isprintable()
    assert len(said) <= 257


def test_moments_end_in_z() -> None:
    assert moment(NOW) == "2026-03-01T14:00:05.123Z"
