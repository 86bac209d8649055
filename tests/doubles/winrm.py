"""A Hyper-V host's WinRM listener: Negotiate by pyspnego's acceptor, and one WMI object to get.

From RFC 4559, RFC 5929, DSP0226 (WS-Management) and the documentation of Msvm_ComputerSystem. NTLM
holds for one connection, as at a real host. pyspnego takes its accounts from the file that
NTLM_USER_FILE names.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from weakref import WeakKeyDictionary
from xml.etree import ElementTree

import spnego
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from spnego.channel_bindings import GssChannelBindings

from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
_GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
CLASS = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem"


class WinrmDouble(ApiDouble):
    """One VM, of the id `machine`."""

    def __init__(self, authority: Authority, machine: str) -> None:
        super().__init__(authority, Screen())
        self.machine = machine.upper()
        self.state = "2"  # EnabledState
        self.allowed = True
        self.forbidden = False  # to whoever signs in
        self.schemes: tuple[str, ...] = ("Negotiate", "Kerberos")
        self.challenge: str | None = None  # what stands instead of a challenge
        self.hangs_up = False  # closes the connection after every answer
        self.name: str | None = None  # whose answer it gives, if not the one that was asked for
        self.signed_in: list[str] = []
        certificate = load_pem_x509_certificate(authority.certificate_file.read_bytes())
        der = certificate.public_bytes(Encoding.DER)
        self._binding = GssChannelBindings(
            application_data=b"tls-server-end-point:" + hashlib.sha256(der).digest()
        )
        self._logins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by connection

    async def reply(self, request: web.Request) -> web.StreamResponse:
        assert (request.method, request.path) == ("POST", "/wsman")
        assert request.content_type == "application/soap+xml"
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Negotiate" or "Negotiate" not in self.schemes:
            return self._refused(*self.schemes)
        login = self._logins.setdefault(request.transport, self._new_login())
        try:
            said = login.step(base64.b64decode(token))
        except (spnego.exceptions.SpnegoError, StopIteration):  # the latter for a last token alone
            return self._refused(*self.schemes)
        if not login.complete:
            assert await request.read() == b"", "nothing is asked before the sign-in"
            return self._refused(self.challenge or f"Negotiate {base64.b64encode(said).decode()}")
        self.signed_in.append(login.client_principal)
        if self.forbidden:
            return web.Response(status=403)
        return self._get(await request.read())

    def _new_login(self) -> Any:
        options = spnego.NegotiateOptions.use_negotiate | spnego.NegotiateOptions.use_ntlm
        return spnego.server(protocol="negotiate", options=options, channel_bindings=self._binding)

    def _refused(self, *challenges: str) -> web.Response:
        answer = web.Response(status=401)
        for challenge in challenges:
            answer.headers.add("WWW-Authenticate", challenge)
        if self.hangs_up:
            answer.force_close()
        return answer

    def _get(self, question: bytes) -> web.Response:
        header = ElementTree.fromstring(question).find(f"{{{_SOAP}}}Header")
        assert header is not None
        assert header.findtext(f"{{{_ADDRESSING}}}Action") == _GET
        assert header.findtext(f"{{{_WSMAN}}}ResourceURI") == CLASS
        selectors = {
            each.get("Name"): each.text
            for each in header.iterfind(f"{{{_WSMAN}}}SelectorSet/{{{_WSMAN}}}Selector")
        }
        assert selectors.pop("CreationClassName") == "Msvm_ComputerSystem"
        if not self.allowed:
            return _fault("5", "Access is denied. canary")
        if selectors != {"Name": self.machine}:
            return _fault("2150858752", "The service cannot find the resource. canary")
        return _xml(
            f'<p:Msvm_ComputerSystem xmlns:p="{CLASS}">'
            f"<p:EnabledState>{self.state}</p:EnabledState>"
            f"<p:Name>{self.name or self.machine}</p:Name></p:Msvm_ComputerSystem>"
        )


def _fault(code: str, words: str) -> web.Response:
    detail = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
    return _xml(
        f'<s:Fault><s:Detail><f:WSManFault xmlns:f="{detail}" Code="{code}">'
        f"<f:Message>{words}</f:Message></f:WSManFault></s:Detail></s:Fault>",
        status=500,
    )


def _xml(body: str, status: int = 200) -> web.Response:
    text = f'<s:Envelope xmlns:s="{_SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    return web.Response(text=text, status=status, content_type="application/soap+xml")
