"""Whether a Hyper-V VM runs, asked at its host by WS-Management over HTTPS (WinRM).

One question (WS-Transfer Get, DSP0226 §7.1) for one WMI object needs no shell on the host, and so
no PowerShell remoting: what signs in is NTLM, inside the same TLS as every API's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Final
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, Hash
from cryptography.x509 import load_der_x509_certificate
from pydantic import Field, field_validator

from gateway.backends.site import Answer, Api, find_site
from gateway.backends.tables import Options, plain_pin
from gateway.backends.targets import Console
from gateway.backends.tcp import Dialler
from gateway.errors import AccountRefused, UpstreamError, UpstreamRefused
from gateway.policy.facts import Power

_PATH: Final = "/wsman"
_TEXT: Final = {"Content-Type": "application/soap+xml;charset=UTF-8"}
_CHALLENGE: Final = re.compile(r"Negotiate ([A-Za-z0-9+/=]{1,65536})")
_CLASS: Final = (
    "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem"
)
_FAULT: Final = "{http://schemas.microsoft.com/wbem/wsman/1/wsmanfault}WSManFault"
_NO_SUCH_OBJECT: Final = frozenset({"2150858752", "2147749890"})  # 0x80338000, WBEM_E_NOT_FOUND
_ACCESS_DENIED: Final = frozenset({"5", "2147942405", "2147749891"})
# Msvm_ComputerSystem.EnabledState, of the v2 namespace and as hosts say it since v1. A VM that is
# saved has no processors; who starts or stops is in neither state.
_POWER: Final = {
    "2": Power.RUNNING,
    "3": Power.OFF,
    "6": Power.OFF,
    "9": Power.PAUSED,
    "32768": Power.PAUSED,
    "32769": Power.OFF,
}
_ENVELOPE: Final = """\
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"\
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"\
 xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header>\
<a:To>{address}</a:To>\
<w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>\
<a:ReplyTo><a:Address s:mustUnderstand="true">\
http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
<a:Action s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action>\
<w:MaxEnvelopeSize s:mustUnderstand="true">153600</w:MaxEnvelopeSize>\
<a:MessageID>uuid:{message}</a:MessageID>\
<w:OperationTimeout>PT5S</w:OperationTimeout>\
<w:SelectorSet><w:Selector Name="CreationClassName">Msvm_ComputerSystem</w:Selector>\
<w:Selector Name="Name">{machine}</w:Selector></w:SelectorSet>\
</s:Header><s:Body/></s:Envelope>"""


class Winrm(Options):
    """What `[machine.hyperv.winrm]` says: the listener, which has a certificate of its own."""

    port: int = Field(5986, ge=1, le=65535)
    pin: str | None = None

    @field_validator("pin")
    @classmethod
    def _plain_pin(cls, pin: str | None) -> str | None:
        return None if pin is None else plain_pin(pin)


def check_winrm(given: Winrm | None) -> None:
    """Raises: ValueError where it is asked for and not installed."""
    if given is not None and find_spec("spnego") is None:
        raise ValueError("hyperv.winrm: wants more to be installed: pip install eva-gateway[winrm]")


async def ask_winrm(dialler: Dialler, console: Console, machine: str, winrm: Winrm) -> Power:
    """The power of the VM whose id is `machine`, as its host says. Raises: UpstreamError."""
    site = await find_site(dialler, console)
    site = replace(site, port=winrm.port, pin=winrm.pin or console.pin)
    address = f"https://{site.host}:{site.port}{_PATH}"
    question = _ENVELOPE.format(
        address=escape(address), resource=_CLASS, message=uuid4(), machine=machine.upper()
    )
    async with site.api() as api:
        answer = await _sign_in_and_ask(api, console, question.encode())
    if answer.status == 401:
        raise AccountRefused("the host refused the account or its password (WinRM)")
    if answer.status == 403:
        raise UpstreamRefused("the account may not ask for the VM's power (WinRM)")
    found = _parsed(answer.raw)
    if answer.status != 200:
        raise _refusal(answer.status, found)
    system = found.find(f".//{{{_CLASS}}}Msvm_ComputerSystem")
    if system is None or _text(system, "Name").lower() != machine:
        raise UpstreamRefused("the host answered something else (WinRM)")
    return _POWER.get(_text(system, "EnabledState"), Power.UNKNOWN)


async def _sign_in_and_ask(api: Api, console: Console, question: bytes) -> Answer:
    """RFC 4559 §4: tokens to and fro in headers. NTLM holds for the connection it was said on.

    Raises: UpstreamError.
    """
    await api.ask("POST", _PATH, headers=_TEXT, raw=b"")  # it has shown its certificate now
    answer_token = await asyncio.to_thread(_login, console, api.certificate)
    offer = await asyncio.to_thread(answer_token, b"")
    challenge = _challenge(await _say(api, offer, b""))
    if not challenge:
        raise UpstreamRefused("the host offers no NTLM sign-in (WinRM)")
    return await _say(api, await asyncio.to_thread(answer_token, challenge), question)


async def _say(api: Api, token: bytes, content: bytes) -> Answer:
    headers = {**_TEXT, "Authorization": f"Negotiate {base64.b64encode(token).decode()}"}
    return await api.ask("POST", _PATH, headers=headers, raw=content)


def _login(console: Console, certificate: bytes) -> Callable[[bytes], bytes]:
    """What answers the host's tokens, each with a token; it raises UpstreamRefused."""
    import spnego  # noqa: PLC0415 - an extra; `check_winrm` has seen it
    from spnego.channel_bindings import GssChannelBindings  # noqa: PLC0415

    bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + _hash(certificate))
    context = spnego.client(
        console.user,
        console.password,
        hostname=console.host or "",
        service="HTTP",
        channel_bindings=bindings,
        protocol="negotiate",
        options=spnego.NegotiateOptions.use_negotiate | spnego.NegotiateOptions.use_ntlm,
    )

    def answer(token: bytes) -> bytes:
        try:
            return context.step(token or None) or b""
        except Exception:  # noqa: BLE001 - see below
            # The library promises SpnegoError, and raises others on odd tokens. Its words may
            # hold what was sent.
            raise UpstreamRefused("the host's sign-in makes no sense (WinRM)") from None

    return answer


def _hash(certificate: bytes) -> bytes:
    """RFC 5929 §4.1: with the hash of the certificate's own signature; SHA-256 for weak ones."""
    try:
        algorithm: Any = load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        algorithm = None
    if algorithm is None or isinstance(algorithm, MD5 | SHA1):
        algorithm = SHA256()
    digest = Hash(algorithm)
    digest.update(certificate)
    return digest.finalize()


def _challenge(answer: Answer) -> bytes:
    """What the host wants answered; b"" for nothing."""
    for name, value in answer.headers.items():
        found = _CHALLENGE.fullmatch(value) if name.lower() == "www-authenticate" else None
        if found is not None:
            try:
                return base64.b64decode(found[1], validate=True)
            except binascii.Error:
                return b""
    return b""


def _parsed(raw: bytes) -> ElementTree.Element:
    """Raises: UpstreamRefused. SOAP 1.2 §5 knows no document type, which is where entities live."""
    try:
        text = raw.decode()
        if "<!DOCTYPE" not in text:
            return ElementTree.fromstring(text)  # noqa: S314 - no entities come here
    except (ValueError, ElementTree.ParseError):
        pass
    raise UpstreamRefused("the host's answer makes no sense (WinRM)")


def _text(system: ElementTree.Element, name: str) -> str:
    return (system.findtext(f"{{{_CLASS}}}{name}") or "").strip()


def _refusal(status: int, found: ElementTree.Element) -> UpstreamError:
    """By the fault's number alone: its words are the host's own."""
    fault = found.find(f".//{_FAULT}")
    code = "" if fault is None else fault.get("Code", "")
    if code in _NO_SUCH_OBJECT:
        return UpstreamRefused("the host knows no VM of this id, or may not tell (WinRM)")
    if code in _ACCESS_DENIED:
        return UpstreamRefused("the account may not ask for the VM's power (WinRM)")
    return UpstreamRefused(f"the host refused with status {status} (WinRM)")
