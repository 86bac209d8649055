"""What a request may say: anything else is a 400 that names the field, never a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import edge
from tests.actions.world import CONTOSO, PASSWORD, WEB01
from tests.api.conftest import Caller

SIGN_IN = {"user": "tina", "password": PASSWORD}


async def refusal(answer: Any) -> str:
    assert answer.status == 400, await answer.text()
    error = (await answer.json())["error"]
    assert error["code"] == "InvalidInput"
    return str(error["message"])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "body: it is not JSON"),
        (b"{", "body: it is not JSON"),
        (b"\xff\xfe", "body: it is not JSON"),
        (b"[" * 50_000, "body: it is not JSON"),
        (b"[]", "body: it is not a JSON object"),
        (b'"text"', "body: it is not a JSON object"),
        (b"{}", "user: it is missing"),
        (b'{"user": 7, "password": "p"}', "user: input should be a valid string"),
        (b'{"user": null, "password": "p"}', "user: input should be a valid string"),
        (b'{"user": "u", "password": "p", "otp": "1"}', "otp: it is not known here"),
        (b'{"user": "u", "password": "p", "code": 123456}', "code: input should be a valid string"),
    ],
)
async def test_a_wrong_body_is_named(sent: bytes, words: str, call: Caller) -> None:
    assert await refusal(await call("POST", "sign-ins", data=sent)) == words


@pytest.mark.parametrize("value", ["true", 1, None, []])
async def test_a_switch_is_true_or_false_and_nothing_like_it(value: Any, call: Caller) -> None:
    path, token = f"subscriptions/{CONTOSO}", await call.token("ada")
    message = await refusal(await call("PUT", path, {"enabled": value}, token=token))
    assert message == "enabled: input should be a valid boolean"


async def test_a_password_of_a_wrong_length_is_not_repeated(call: Caller) -> None:
    message = await refusal(await call("POST", "sign-ins", {"user": "u", "password": "hush" * 999}))
    assert message.startswith("password:")
    assert "hush" not in message


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "json"]
)
async def test_a_body_of_another_type_is_refused(kind: str, call: Caller) -> None:
    sent = json.dumps(SIGN_IN).encode()
    answer = await call("POST", "sign-ins", data=sent, headers={"Content-Type": kind})
    assert answer.status == 415
    assert (await answer.json())["error"]["code"] == "UnsupportedMediaType"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_is_json_however_it_is_written(kind: str, call: Caller) -> None:
    sent = json.dumps(SIGN_IN).encode()
    answer = await call("POST", "sign-ins", data=sent, headers={"Content-Type": kind})
    assert answer.status != 415


async def test_without_a_body_no_type_is_asked_for(call: Caller) -> None:
    answer = await call("DELETE", "consents/nope", token=await call.token("tina"))
    assert answer.status == 404


async def test_a_body_beyond_the_cap_is_refused(call: Caller) -> None:
    sent = json.dumps(SIGN_IN | {"padding": "x" * edge.MAX_BODY}).encode()
    assert "larger" in await refusal(await call("POST", "sign-ins", data=sent))


async def test_a_body_that_never_ends_is_not_waited_for(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "BODY_SECONDS", 0.2)
    host, port = call.client.host, call.client.port
    reader, writer = await asyncio.open_connection(host, port)
    head = b"POST /api/v1/sign-ins HTTP/1.1\r\nHost: gateway\r\nContent-Length: 100\r\n"
    writer.write(head + b'Content-Type: application/json\r\n\r\n{"user":')
    async with asyncio.timeout(5):
        status = await reader.readline()
    writer.close()
    assert b" 400 " in status


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "before=0", "outcome=maybe", "x=1", "limit=1&limit=2"],
)
async def test_a_wrong_query_is_named(query: str, call: Caller) -> None:
    message = await refusal(await call("GET", f"audit?{query}", token=await call.token("ada")))
    assert message.startswith(query.partition("=")[0])


async def test_a_role_that_does_not_exist_is_named(call: Caller) -> None:
    body = {"name": "new", "role": "root"}
    message = await refusal(await call("POST", "accounts", body, token=await call.token("ada")))
    assert message == "role: it must be one of cloudadmin, admin, tenant"


async def test_unknown_places_and_methods_answer_in_the_envelope(call: Caller) -> None:
    for method, path, status, code in (
        ("GET", "nowhere", 404, "NotFound"),
        ("PUT", "consents", 405, "MethodNotAllowed"),
    ):
        answer = await call(method, path)
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code
    assert "POST" in answer.headers["Allow"]


async def test_nothing_lets_another_origin_read(call: Caller) -> None:
    answer = await call("OPTIONS", "consents", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
BODIES = {
    "sign-ins": ("user", "password", "code"),
    "consents": ("resource_id", "reason"),
    "accounts": ("name", "role", "subscriptions"),
    "nodes/current/safelist": ("network",),
    "consoles": ("resource_id", "password", "code", "user"),
}


@pytest.mark.parametrize("path", BODIES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_no_body_makes_the_gateway_fail(path: str, data: st.DataObject, call: Caller) -> None:
    fields = st.fixed_dictionaries({}, optional=dict.fromkeys(BODIES[path], ODD))
    sent = json.dumps(data.draw(fields))
    token = await call.token(data.draw(st.sampled_from(["tina", "olga", "ada"])))
    answer = await call("POST", path, token=token, data=sent.encode())
    assert answer.status < 500, (sent, await answer.text())


async def test_a_lone_surrogate_is_no_fault_of_ours(call: Caller) -> None:
    """JSON can spell what UTF-8 cannot: "\\ud800" must not fail where a name is hashed."""
    for name in ("user", "password"):
        sent = json.dumps(SIGN_IN | {name: "\ud800"}).encode()
        assert (await call("POST", "sign-ins", data=sent)).status in (400, 401)


@pytest.mark.parametrize(
    "path", ["consents/%00", "consents/%ff", "accounts/..%2f..", "nodes/a%0ab/safelist"]
)
async def test_odd_names_in_the_path_find_nothing(path: str, call: Caller) -> None:
    assert (await call("GET", path, token=await call.token("ada"))).status < 500


async def test_the_resource_id_is_found_however_it_is_written(call: Caller) -> None:
    body = {"resource_id": WEB01.vm.resource_id.upper()}
    answer = await call("POST", "consents", body, token=await call.token("tina"))
    assert answer.status == 201
    assert (await answer.json())["resource_id"] == WEB01.vm.resource_id
