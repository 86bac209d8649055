"""What a host is told and when: the pre-connection blob, TLS, and nothing to a stranger."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from gateway.backends import Backends
from gateway.backends.rdp.fingerprint import fingerprint, preconnection
from gateway.errors import UpstreamRefused, UpstreamUnreachable
from tests.backends.rdp.servers import PASSWORD, USER, rdp_machine, server_context
from tests.doubles.authority import Authority
from tests.doubles.ports import free_port
from tests.doubles.rdphost import HYBRID, SSL, RdpHost, Visit, confirm
from tests.doubles.watching import ignore
from tests.hypervisor.programs import need

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(60)]

VM = "efd1efab-c750-4262-b1bb-af0f7733bdd6"


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("xfreerdp", "Xvnc")


def golden(machine: str) -> bytes:
    """MS-RDPEPS §2.2.1.2, RDP_PRECONNECTION_PDU_V2, with its NUL twice as FreeRDP counts it."""
    text = (machine + "\0").encode("utf-16-le")
    return b"".join(
        (
            (18 + len(text) + 2).to_bytes(4, "little"),  # cbSize, of all
            bytes(4),  # Flags
            (2).to_bytes(4, "little"),  # Version
            bytes(4),  # Id
            (len(text) // 2 + 1).to_bytes(2, "little"),  # cchPCB
            text,
            bytes(2),
        )
    )


async def test_the_blob_comes_first_and_tls_right_behind_it(backends: Backends) -> None:
    async def script(visit: Visit) -> None:
        async with asyncio.timeout(10):  # MS-RDPEPS §3.1.2
            visit.first = await visit.read_pcb()
            visit.secret = await visit.read(3)

    async with RdpHost(script) as host:
        with pytest.raises(UpstreamRefused, match="no VM of this id"):
            await backends.dial(rdp_machine(host.port, "ab" * 32, vm=VM), ignore)
        visit = await host.visited()
    assert visit.first == golden(VM)
    assert visit.first.startswith(bytes.fromhex("5e000000 00000000 02000000 00000000 2600"))
    assert visit.secret == bytes.fromhex("160301")  # a TLS ClientHello


@pytest.mark.parametrize("vm", [None, VM])
async def test_a_changed_key_is_refused_before_anything_secret_leaves(
    vm: str | None, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "new", names=("127.0.0.1",))
    other = Authority(tmp_path / "old")
    # Nor does it help that an authority of the gateway's surroundings vouches for the new one.
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))

    async def script(visit: Visit) -> None:
        if vm is None:
            visit.first = await visit.read_tpkt()
            await visit.write(confirm(HYBRID))
        else:
            visit.first = await visit.read_pcb()
        await visit.start_tls(server_context(authority))
        await visit.listen()

    async with RdpHost(script) as host:
        with pytest.raises(UpstreamRefused, match="certificate is not the one"):
            await backends.dial(rdp_machine(host.port, other.pin, vm=vm), ignore)
        visit = await host.visited()
        assert len(host.visits) == 1
    assert visit.first
    assert visit.secret == b""
    # Negotiation bears a user's name as a cookie by Microsoft's design; a console's host sees none.
    assert PASSWORD.encode() not in visit.first
    assert vm is None or USER.encode("utf-16-le") not in visit.first


@pytest.mark.parametrize(
    ("names", "server_name", "refused"),
    [(("127.0.0.1",), "hv1.example", True), (("hv1.example",), "hv1.example", False)],
)
async def test_authorities_are_asked_for_the_hosts_name(
    names: tuple[str, ...], server_name: str, refused: bool, backends: Backends, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, names=names)

    async def script(visit: Visit) -> None:
        visit.first = await visit.read_tpkt()
        await visit.write(confirm(SSL))
        await visit.start_tls(server_context(authority))
        await visit.listen()

    async with RdpHost(script) as host:
        machine = rdp_machine(host.port, None, ca_file=authority.ca_file, server_name=server_name)
        dialling = asyncio.create_task(backends.dial(machine, ignore))
        if refused:
            with pytest.raises(UpstreamRefused, match="certificate is not the one"):
                await dialling
            assert (await host.visited()).secret == b""
        else:
            while not host.visits or not host.visits[0].secret:
                await asyncio.sleep(0.05)
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling


async def test_nobody_there_is_said_as_such(backends: Backends) -> None:
    with pytest.raises(UpstreamUnreachable, match="Connection refused"):
        await backends.dial(rdp_machine(free_port(), "ab" * 32), ignore)


async def test_weaker_security_than_the_entry_allows_is_refused(backends: Backends) -> None:
    """RDP's own encryption proves nobody's identity: it is not even asked for."""

    async def script(visit: Visit) -> None:
        visit.first = await visit.read_tpkt()
        # Without a negotiation response the server knows standard RDP security alone.
        await visit.write(bytes.fromhex("0300000b 06d00000123400".replace(" ", "")))
        await visit.listen()

    async with RdpHost(script) as host:
        machine = rdp_machine(host.port, "ab" * 32, security="nla")
        with pytest.raises(UpstreamRefused, match="no security"):
            await backends.dial(machine, ignore)
        visit = await host.visited()
        requested = int.from_bytes(visit.first[-4:], "little")
        assert requested & HYBRID and not visit.secret


@pytest.mark.parametrize("vm", [None, VM])
async def test_a_certificates_fingerprint_can_be_asked_for(vm: str | None, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def script(visit: Visit) -> None:
        if vm is None:
            visit.first = await visit.read_tpkt()
            await visit.write(confirm(SSL))
        else:
            visit.first = await visit.read_pcb()
        await visit.start_tls(server_context(authority))
        await visit.listen()

    async with RdpHost(script) as host:
        url = (
            f"rdp://127.0.0.1:{host.port}" if vm is None else f"hyperv://127.0.0.1:{host.port}/{vm}"
        )
        assert await asyncio.to_thread(fingerprint, url) == authority.pin
        assert vm is None or (await host.visited()).first == preconnection(vm)


def test_the_preconnection_blob_is_microsofts() -> None:
    """MS-RDPEPS §4: "TestVM"."""
    assert preconnection("TestVM") == bytes.fromhex(
        "20000000 00000000 02000000 00000000 0700 540065007300740056004d000000".replace(" ", "")
    )


def test_a_machine_id_is_what_the_blob_bears() -> None:
    assert len(golden(str(uuid.UUID(VM)))) == 94
