"""What Az PowerShell sends, byte for byte as far as its sources and traces tell (T15).

`Invoke-AzResourceAction`: ResourceManagerRestClientBase.cs; headers: azure-powershell#1932, #15170.
PowerShell itself was not there to run.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.actions.world import CONTOSO, WEB01
from tests.api.arm.conftest import PROVIDER, ArmCaller, Kind

VM = WEB01.vm.resource_id
FEATURE = (
    f"/subscriptions/{PROVIDER}/providers/Microsoft.Compute.Admin/locations/local"
    "/features/Microsoft.Compute.EmergencyVMAccess/enableTenantSubscriptionFeature"
)
CORRELATION = "d6a0a1d5-6a1c-4cf7-8a0b-0e6f2d6b1f4e"


async def replay(
    call: ArmCaller, path: str, body: bytes, *, token: str, at: Kind = "tenant"
) -> tuple[list[str], int, dict[str, str], bytes]:
    """Send a request as .NET does: head first, body once the server says to continue.

    Returns the interim status lines, the status, the headers and the body.
    """
    server = call.clients[at].server
    assert server.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = [
        f"POST {path} HTTP/1.1",
        "Content-Type: application/json; charset=utf-8",
        "User-Agent: PSVersion/v7.2.0,AzurePowershell/v5.1.0",
        "ParameterSetName: ByResourceId",
        "CommandName: Invoke-AzResourceAction",
        f"x-ms-client-request-id: {CORRELATION}",
        f"x-ms-correlation-request-id: {CORRELATION}",
        f"Authorization: Bearer {token}",
        f"Host: 127.0.0.1:{server.port}",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "Connection: Close",
        "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(head).encode())
    interim = []
    status, headers = await _head(reader)
    while status.split()[1] == "100":
        interim.append(status)
        writer.write(body)
        status, headers = await _head(reader)
    answer = await reader.read()
    writer.close()
    return interim, int(status.split()[1]), headers, answer


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines[1:] if line)
    return lines[0], {name.lower(): value for name, _, value in pairs}


async def test_an_empty_body_with_a_content_type(call: ArmCaller) -> None:
    """Without -Parameters there is no body, but the type is sent all the same."""
    token = await call.token("tina")
    path = f"{VM}/enableVmAccess?api-version=2020-06-01"
    interim, status, headers, answer = await replay(call, path, b"", token=token)
    assert interim == ["HTTP/1.1 100 Continue"]
    assert status == 200
    assert json.loads(answer)["ERCSName"] == WEB01.vm.node
    assert headers["x-ms-correlation-request-id"] == CORRELATION
    record = (await call.world.audit())[-1]
    assert dict(record.facts)["command"] == "Invoke-AzResourceAction"


async def feature_replay(call: ArmCaller, parameters: Any, path: str = FEATURE) -> Any:
    # The hashtable as Newtonsoft indents it, with no `properties` around it.
    body = json.dumps(parameters, indent=2).replace("\n", "\r\n").encode()
    token = await call.token("ada")
    return await replay(call, f"{path}?api-version=2020-11-01", body, token=token, at="admin")


async def test_the_seeds_hashtable(call: ArmCaller) -> None:
    """It spells `TenantSubscriptionId`; the cmdlets spell `tenantSubscriptionId`."""
    for key in ("TenantSubscriptionId", "tenantSubscriptionId"):
        interim, status, headers, answer = await feature_replay(call, {key: CONTOSO})
        assert interim == ["HTTP/1.1 100 Continue"]
        assert (status, headers["content-length"], answer) == (200, "0", b"")


async def test_what_read_host_makes_of_it_is_refused(call: ArmCaller) -> None:
    """azure-stack-docs#1950: answered 200 by Azure Stack, which then had enabled nothing."""
    wrapped = {"TenantSubscriptionId": {"CliXml": f"<Objs><S>{CONTOSO}</S></Objs>"}}
    _, status, headers, answer = await feature_replay(call, wrapped)
    assert status == 400
    assert headers["x-ms-correlation-request-id"] == CORRELATION  # which PowerShell prints
    error = json.loads(answer)["error"]
    assert error["code"] == "InvalidParameter"
    assert "[string]" in error["message"]


async def test_a_path_in_mixed_case(call: ArmCaller) -> None:
    path = FEATURE.replace("providers", "Providers").replace("locations/local", "Locations/LOCAL")
    _, status, _, _ = await feature_replay(call, {"TenantSubscriptionId": CONTOSO}, path)
    assert status == 200


async def test_a_refusal_has_the_envelope_that_powershell_reads(call: ArmCaller) -> None:
    """It prints `{code} : {message}` and the correlation id."""
    path = f"{VM.replace(CONTOSO, PROVIDER)}/enableVmAccess?api-version=2020-06-01"
    _, status, headers, answer = await replay(call, path, b"", token=await call.token("tina"))
    assert status == 403
    assert set(json.loads(answer)["error"]) == {"code", "message"}
    assert headers["content-type"] == "application/json; charset=utf-8"
