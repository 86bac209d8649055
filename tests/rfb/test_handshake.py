"""The client's handshake, byte by byte (RFC 6143 §7.1–§7.3 and appendix A; rfbproto, VeNCrypt)."""

from __future__ import annotations

import struct

import pytest

from gateway.errors import RfbError, UpstreamRefused
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, Ready, StartTls
from tests.doubles.serverwords import VERSION_3_8, server_init

CHALLENGE = bytes.fromhex("00112233445566778899aabbccddeeff")
SECRET12 = bytes.fromhex("817402416b165d7ade9c46b5faa42370")  # see test_vnc_auth
OK = b"\x00\x00\x00\x00"
FAILED = b"\x00\x00\x00\x01"


def talk(client: ClientConnection, *turns: tuple[bytes, bytes]) -> list[Event]:
    """Each turn: what the server says, what the client must answer."""
    events = []
    for said, answer in turns:
        events += client.receive_data(said)
        assert client.data_to_send() == answer
    return events


def start(client: ClientConnection, width: int = 2, height: int = 2) -> Ready:
    """The ServerInit; the client then says what it wants."""
    (ready,) = client.receive_data(server_init(width, height))
    assert isinstance(ready, Ready)
    return ready


def test_without_a_password_3_8() -> None:
    client = ClientConnection()
    talk(
        client,
        (b"RFB 003.008\n", b"RFB 003.008\n"),
        # two security types: None and VNC → None
        (b"\x02\x01\x02", b"\x01"),
        # the verdict: ok → leave others connected
        (OK, b"\x01"),
    )
    assert not client.ready
    assert start(client) == Ready(2, 2, "vm")
    assert client.ready
    assert client.framebuffer.pixels.shape == (2, 2, 4)


def test_after_the_handshake_it_says_what_it_wants() -> None:
    client = ClientConnection(offer=(1, 0, -239))
    talk(client, (VERSION_3_8, VERSION_3_8), (b"\x01\x01", b"\x01"), (OK, b"\x01"))
    start(client, 0x0320, 0x0258)
    assert client.data_to_send() == (
        # SetPixelFormat: 32 bits, depth 24, little endian, true colour, red at 0, green 8, blue 16
        b"\x00" b"\x00\x00\x00" b"\x20\x18\x00\x01" b"\x00\xff\x00\xff\x00\xff" b"\x00\x08\x10"
        b"\x00\x00\x00"
        # SetEncodings: three of them
        b"\x02" b"\x00" b"\x00\x03" b"\x00\x00\x00\x01" b"\x00\x00\x00\x00" b"\xff\xff\xff\x11"
        # FramebufferUpdateRequest: all of it
        b"\x03" b"\x00" b"\x00\x00" b"\x00\x00" b"\x03\x20" b"\x02\x58"
    )  # fmt: skip


def test_not_shared_asks_the_server_to_drop_others() -> None:
    client = ClientConnection(shared=False)
    talk(client, (VERSION_3_8, VERSION_3_8), (b"\x01\x01", b"\x01"), (OK, b"\x00"))


def test_with_a_password_3_8() -> None:
    client = ClientConnection(password="secret12")
    talk(
        client,
        (VERSION_3_8, VERSION_3_8),
        # VNC is taken although None is offered first
        (b"\x02\x01\x02", b"\x02"),
        (CHALLENGE, SECRET12),
        (OK, b"\x01"),
    )
    start(client)


def test_3_7_says_no_verdict_about_none() -> None:
    client = ClientConnection()
    talk(client, (b"RFB 003.007\n", b"RFB 003.007\n"), (b"\x01\x01", b"\x01\x01"))
    start(client)


def test_3_7_with_a_password() -> None:
    client = ClientConnection(password="secret12")
    talk(
        client,
        (b"RFB 003.007\n", b"RFB 003.007\n"),
        (b"\x01\x02", b"\x02"),
        (CHALLENGE, SECRET12),
    )
    with pytest.raises(UpstreamRefused, match="refused the password"):
        client.receive_data(FAILED)  # no reason follows before 3.8


def test_3_3_is_told_the_security_type() -> None:
    client = ClientConnection()
    talk(client, (b"RFB 003.003\n", b"RFB 003.003\n"), (b"\x00\x00\x00\x01", b"\x01"))
    start(client)


def test_3_3_with_a_password() -> None:
    client = ClientConnection(password="secret12")
    talk(
        client,
        (b"RFB 003.003\n", b"RFB 003.003\n"),
        # the type dictated is VNC, so that the challenge follows at once
        (b"\x00\x00\x00\x02" + CHALLENGE, SECRET12),
        (OK, b"\x01"),
    )


def test_3_3_refuses_with_a_reason() -> None:
    client = ClientConnection()
    client.receive_data(b"RFB 003.003\n")
    with pytest.raises(UpstreamRefused, match=r"^busy$"):
        client.receive_data(b"\x00\x00\x00\x00\x00\x00\x00\x04busy")


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("003.005", "003.003"),  # never published: counts as 3.3
        ("003.006", "003.003"),  # UltraVNC's
        ("003.889", "003.008"),  # Apple's
        ("004.000", "003.008"),  # RealVNC's
        ("004.001", "003.008"),
        ("005.000", "003.008"),
    ],
)
def test_odd_versions(said: str, answered: str) -> None:
    client = ClientConnection()
    talk(client, (f"RFB {said}\n".encode(), f"RFB {answered}\n".encode()))


@pytest.mark.parametrize("greeting", [b"SSH-2.0-Open", b"RFB 003.00x\n", b"RFB 002.009\n"])
def test_what_is_no_rfb_is_refused(greeting: bytes) -> None:
    with pytest.raises(RfbError):
        ClientConnection().receive_data(greeting)


def test_no_security_type_comes_with_a_reason() -> None:
    client = ClientConnection()
    client.receive_data(VERSION_3_8)
    with pytest.raises(UpstreamRefused, match="Too many attempts"):
        client.receive_data(b"\x00\x00\x00\x00\x11Too many attempts")


def test_a_wrong_password_comes_with_a_reason() -> None:
    client = ClientConnection(password="x")
    client.receive_data(VERSION_3_8 + b"\x01\x02" + CHALLENGE)
    with pytest.raises(UpstreamRefused, match=r"^Authentication failure$"):
        client.receive_data(FAILED + b"\x00\x00\x00\x17" + b"Authentication failure\0")


def test_a_reason_is_one_harmless_line() -> None:
    client = ClientConnection()
    client.receive_data(VERSION_3_8)
    reason = "\x1b[31mno\r\nfake log line \u202e".encode()
    with pytest.raises(UpstreamRefused) as refusal:
        client.receive_data(b"\x00" + struct.pack(">I", len(reason)) + reason)
    assert str(refusal.value) == "\ufffd[31mno\ufffd\ufffdfake log line \ufffd"


def test_a_reason_of_two_gibibytes_is_not_waited_for() -> None:
    client = ClientConnection()
    client.receive_data(VERSION_3_8)
    with pytest.raises(RfbError, match="2147483648 bytes is too long"):
        client.receive_data(b"\x00\x80\x00\x00\x00")


def test_a_configured_password_is_insisted_upon() -> None:
    client = ClientConnection(password="secret12")
    client.receive_data(VERSION_3_8)
    client.data_to_send()
    with pytest.raises(RfbError, match="a password is configured, but the server offers only none"):
        client.receive_data(b"\x01\x01")
    assert client.data_to_send() == b""


def test_3_3_cannot_dictate_less_than_configured() -> None:
    client = ClientConnection(password="secret12")
    with pytest.raises(RfbError, match="a password is configured"):
        client.receive_data(b"RFB 003.003\n\x00\x00\x00\x01")


def test_a_password_that_is_missing_is_asked_for() -> None:
    with pytest.raises(UpstreamRefused, match="asks for a password"):
        ClientConnection().receive_data(VERSION_3_8 + b"\x01\x02")


def test_types_that_we_do_not_speak_are_named() -> None:
    with pytest.raises(UpstreamRefused, match="type 5, vencrypt"):
        ClientConnection().receive_data(VERSION_3_8 + b"\x02\x13\x05")


def tls_client(password: str | None = None) -> ClientConnection:
    """A client that chose VeNCrypt and now waits for the server's version of it."""
    client = ClientConnection(password=password, want_tls=True)
    # None and VNC are offered too; VeNCrypt (19) is taken
    talk(client, (VERSION_3_8, VERSION_3_8), (b"\x03\x01\x02\x13", b"\x13"))
    return client


def test_tls_without_a_password() -> None:
    client = tls_client()
    events = talk(
        client,
        # VeNCrypt 0.2 → 0.2
        (b"\x00\x02", b"\x00\x02"),
        # taken; three subtypes: Plain (256), X509None (260), X509Vnc (261) → X509None
        (b"\x00" b"\x03" b"\x00\x00\x01\x00" b"\x00\x00\x01\x04" b"\x00\x00\x01\x05",
         b"\x00\x00\x01\x04"),
        # taken; TLS begins
        (b"\x01", b""),
    )  # fmt: skip
    assert events == [StartTls()]
    client.tls_started()
    talk(client, (OK, b"\x01"))
    start(client)


def test_tls_with_a_password() -> None:
    client = tls_client("secret12")
    events = talk(
        client,
        (b"\x00\x02", b"\x00\x02"),
        # X509None and X509Vnc → X509Vnc
        (b"\x00\x02\x00\x00\x01\x04\x00\x00\x01\x05", b"\x00\x00\x01\x05"),
        (b"\x01", b""),
    )
    assert events == [StartTls()]
    client.tls_started()
    talk(client, (CHALLENGE, SECRET12), (OK, b"\x01"))
    start(client)


@pytest.mark.parametrize(
    "subtypes",
    [
        b"\x00\x00\x01\x00",  # Plain
        b"\x00\x00\x01\x01",  # TLSNone: nobody's certificate
        b"\x00\x00\x01\x02",  # TLSVnc
        b"\x00\x00\x01\x04",  # X509None: would not ask for the configured password
        b"\x00\x00\x01\x06",  # X509Plain
    ],
)
def test_tls_never_falls_back(subtypes: bytes) -> None:
    client = tls_client("secret12")
    talk(client, (b"\x00\x02", b"\x00\x02"))
    with pytest.raises(RfbError, match="X509_VNC is configured"):
        client.receive_data(b"\x00\x01" + subtypes)
    assert client.data_to_send() == b""


@pytest.mark.parametrize("said", [VERSION_3_8 + b"\x02\x01\x02", b"RFB 003.003\n\x00\x00\x00\x01"])
def test_tls_is_insisted_upon(said: bytes) -> None:
    client = ClientConnection(want_tls=True)
    with pytest.raises(RfbError, match="TLS is configured"):
        client.receive_data(said)


def test_a_byte_before_tls_is_an_attack() -> None:
    client = tls_client()
    client.receive_data(b"\x00\x02\x00\x01\x00\x00\x01\x04")
    # "taken", and a verdict that was not said inside TLS
    with pytest.raises(RfbError, match="none were expected"):
        client.receive_data(b"\x01" + OK)


def test_a_byte_while_tls_is_started_is_an_attack() -> None:
    client = tls_client()
    client.receive_data(b"\x00\x02\x00\x01\x00\x00\x01\x04\x01")
    with pytest.raises(RfbError, match="none were expected"):
        client.receive_data(OK)


def test_an_old_vencrypt_is_refused() -> None:
    with pytest.raises(RfbError, match=r"VeNCrypt 0\.1"):
        tls_client().receive_data(b"\x00\x01")


@pytest.mark.parametrize("said", [b"\xff", b"\x00\x01\x00\x00\x01\x04\x00"])
def test_vencrypt_may_be_refused_by_the_server(said: bytes) -> None:
    client = tls_client()
    client.receive_data(b"\x00\x02")
    with pytest.raises(UpstreamRefused, match="refused"):
        client.receive_data(said)


def test_the_whole_handshake_survives_single_bytes() -> None:
    client = ClientConnection(password="secret12")
    said = VERSION_3_8 + b"\x01\x02" + CHALLENGE + OK + server_init(3, 4, "Büro".encode())
    events: list[Event] = []
    for byte in said:
        events += client.receive_data(bytes([byte]))
    assert events == [Ready(3, 4, "Büro")]
    assert client.data_to_send().startswith(VERSION_3_8 + b"\x02" + SECRET12 + b"\x01")
