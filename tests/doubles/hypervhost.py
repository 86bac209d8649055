"""A Hyper-V host's console port: blob, TLS, CredSSP, X.224, and a real RDP server behind it.

The order is MS-RDPBCGR's "direct approach". From MCS on, the bytes are those of the RDP server, but
for one field, which the client filled in for the way it came in.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Final
from unittest import mock

import spnego
import spnego._ntlm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from spnego._credssp_structures import NegoData, TSCredentials, TSPasswordCreds, TSRequest
from spnego._ntlm_raw.crypto import hmac_md5
from spnego._ntlm_raw.messages import NTClientChallengeV2

from gateway.backends.rdp.fingerprint import preconnection
from tests.doubles.authority import Authority
from tests.doubles.rdphost import HYBRID, SSL, RdpHost, Visit, confirm

_VERSION: Final = 6
_LOGON_FAILURE: Final = 0xC000006D - (1 << 32)  # NTSTATUS, as ASN.1 has it
_CORE_DATA: Final = b"\x01\xc0"  # MS-RDPBCGR §2.2.1.3.2: CS_CORE, whose
_SELECTED_PROTOCOL: Final = 212  # field serverSelectedProtocol stands here


@dataclass
class Told:
    """What a client said on its way in."""

    steps: list[str] = field(default_factory=list)
    user: str = ""
    password: str = ""
    requested: int = 0
    selected: int = 0


class HyperVHost(RdpHost):
    """Shows `behind`, an RDP server at a loopback port, as the console of the VM `machine`."""

    def __init__(
        self, authority: Authority, machine: str, account: tuple[str, str], behind: int | None
    ) -> None:
        """`behind` is None where the VM gives no console."""
        super().__init__(self._serve_console)
        self.told = Told()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.certificate_file, authority.key_file)
        # MS-CSSP §3.1.5: CredSSP knows no resumed TLS.
        self._context.num_tickets = 0
        certificate = load_pem_x509_certificate(authority.certificate_file.read_bytes())
        # An EC key's BIT STRING is its point.
        self._public_key = certificate.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self._machine = machine
        self._account = account
        self._behind = behind

    async def _serve_console(self, visit: Visit) -> None:
        steps = self.told.steps
        async with asyncio.timeout(10):  # MS-RDPEPS §3.1.2
            if await visit.read_pcb() != preconnection_of_freerdp(self._machine):
                steps.append("no such VM")
                return
        steps.append("blob")
        await visit.start_tls(self._context)
        steps.append("TLS")
        if not await self._log_in(visit):
            steps.append("refused")
            return
        steps.append("CredSSP")
        request = await visit.read_tpkt()
        # MS-RDPBCGR §2.2.1.1: RDP_NEG_REQ is the last 8 bytes, the protocols its last 4.
        kind, _, length, self.told.requested = struct.unpack("<BBHI", request[-8:])
        if (kind, length) != (1, 8) or not self.told.requested & HYBRID:
            return
        steps.append("X.224")
        if self._behind is None:
            return
        await visit.write(confirm(HYBRID))
        await self._relay(visit, self._behind)

    async def _log_in(self, visit: Visit) -> bool:
        """MS-CSSP §3.1.5, as an acceptor with NTLM. Plain HYBRID: no result PDU follows."""
        # pyspnego takes its accounts from the file that NTLM_USER_FILE names.
        login = spnego.server(protocol="ntlm")
        asked = await _read_ts_request(visit)
        assert asked.nego_tokens
        challenge = login.step(asked.nego_tokens[0].nego_token) or b""
        await visit.write(TSRequest(_VERSION, nego_tokens=NegoData(challenge)).pack())
        proof = await _read_ts_request(visit)
        assert proof.nego_tokens and proof.pub_key_auth and proof.client_nonce
        try:
            with _hashes_as_sent():
                login.step(proof.nego_tokens[0].nego_token)
        except spnego.exceptions.SpnegoError:
            await visit.write(TSRequest(_VERSION, error_code=_LOGON_FAILURE).pack())
            return False
        binding = login.unwrap(proof.pub_key_auth).data
        assert binding == self._binding(b"Client-To-Server", proof.client_nonce)
        answer = login.wrap(self._binding(b"Server-To-Client", proof.client_nonce)).data
        await visit.write(TSRequest(_VERSION, pub_key_auth=answer).pack())
        last = await _read_ts_request(visit)
        assert last.auth_info
        given = TSCredentials.unpack(login.unwrap(last.auth_info).data).credentials
        assert isinstance(given, TSPasswordCreds)
        self.told.user, self.told.password = given.username, given.password
        return (given.username, given.password) == self._account

    def _binding(self, direction: bytes, nonce: bytes) -> bytes:
        """MS-CSSP §3.1.5: the TLS key, bound to the login."""
        text = b"CredSSP %s Binding Hash\0" % direction
        return hashlib.sha256(text + nonce + self._public_key).digest()

    async def _relay(self, visit: Visit, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # both ends are this test's
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = b"\x0e\xe0\0\0\0\0\0" + struct.pack("<BBHI", 1, 0, 8, SSL)
        writer.write(struct.pack(">BBH", 3, 0, 4 + len(request)) + request)
        await reader.readexactly(19)
        await writer.start_tls(context)
        first = bytearray(await visit.read_tpkt())
        # T.124 §8.7: the client's blocks follow the key "Duca" and their length.
        at = first.index(_CORE_DATA, first.index(b"Duca")) + _SELECTED_PROTOCOL
        (self.told.selected,) = struct.unpack_from("<I", first, at)
        struct.pack_into("<I", first, at, SSL)
        writer.write(first)
        assert visit.reader is not None and visit.writer is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass_on(visit.reader, writer))
                tasks.create_task(_pass_on(reader, visit.writer))
        except* (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()


@contextmanager
def _hashes_as_sent() -> Iterator[None]:
    """Judge the bytes that the client hashed: pyspnego writes the same fields another way."""
    sent = b""

    def unpack(data: bytes) -> NTClientChallengeV2:
        nonlocal sent
        sent = data
        return NTClientChallengeV2.unpack(data)

    def respond(key: bytes, challenge: bytes, *_: object) -> tuple[bytes, bytes, bytes]:
        # MS-NLMP §3.3.2: NTProofStr, and the session's key from it.
        proof = hmac_md5(key, challenge + sent)
        return proof + sent, b"", hmac_md5(key, proof)

    with mock.patch.multiple(
        spnego._ntlm,
        NTClientChallengeV2=SimpleNamespace(unpack=unpack),
        compute_response_v2=respond,
    ):
        yield


def preconnection_of_freerdp(machine: str) -> bytes:
    """FreeRDP ends the text with two NULs and counts both, which Hyper-V is known to take."""
    return preconnection(machine + "\0")


async def _read_ts_request(visit: Visit) -> TSRequest:
    """A DER SEQUENCE: its tag, its length in a byte or, with bit 7 set, in as many as that says."""
    head = await visit.read(2)
    length = head[1]
    if length & 0x80:
        more = await visit.read(length & 0x7F)
        head += more
        length = int.from_bytes(more, "big")
    assert length <= 65536
    return TSRequest.unpack(head + await visit.read(length))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    raise EOFError
