"""What FreeRDP is told: its arguments, its settings file, its environment."""

from __future__ import annotations

from typing import Final

from gateway.backends.rdp.options import RdpOptions
from gateway.backends.targets import Console

# The state that the log tells is how far a connection came before it failed.
_LOG: Final = (
    "/log-level:INFO",
    "/log-filters:com.freerdp.core.connection:DEBUG,com.freerdp.core.nego:DEBUG",
)
_BARE: Final = (
    "-decorations",  # the window is the guest's screen and nothing else
    "-toggle-fullscreen",  # Ctrl+Alt+Enter is the guest's
    # No other window wants the keyboard; to grab it is to lose the focus for a moment, in which
    # FreeRDP lets go of all keys: the first one after a dial came out as a short tap.
    "-grab-keyboard",
    "-clipboard",
    # A host that loses power sends no FIN: probe it after 4 s, and give up after 8.
    "/tune:FreeRDP_TcpKeepAliveDelay:4,FreeRDP_TcpAckTimeout:8000",
    "-auto-reconnect",  # dialling again is the gateway's
    "/audio-mode:2",
    "/gdi:sw",
    "/network:lan",
    "/bpp:32",
)
_NOWHERE: Final = "/nonexistent"


def arguments(console: Console, options: RdpOptions, address: str) -> list[str]:
    """Behind the settings file's name. `address`: as judged, not as named."""
    assert console.port is not None
    ip = f"[{address}]" if ":" in address else address
    # The machine's id is no secret; the account is in the settings, the password in the pipe.
    vm = () if options.machine is None else (f"/vmconnect:{options.machine}",)
    return [
        *(f"/v:{ip}", *vm, f"/port:{console.port}"),
        *("/from-stdin:force", _certificate(console)),
        *_security(options),
        *(() if options.keyboard is None else (f"/kbd:{options.keyboard}",)),
        *_BARE,
        *_LOG,
    ]


def _certificate(console: Console) -> str:
    if console.pin is not None:
        digits = ":".join(console.pin[at : at + 2] for at in range(0, len(console.pin), 2))
        return f"/cert:deny,fingerprint:sha256:{digits}"
    return f"/cert:deny,name:{console.server_name or console.host}"


def _security(options: RdpOptions) -> list[str]:
    """Never RDP's own encryption, which proves nobody's identity."""
    never = ["-sec-rdp", "-sec-ext"]
    if options.machine is not None or options.security == "nla":
        return [*never, "-sec-tls"]
    return [*never, "-sec-nla"] if options.security == "tls" else never


def environment(console: Console) -> dict[str, str]:
    """Whom OpenSSL trusts: nobody but the authorities of the entry, and with a pin not even them.

    FreeRDP takes a certificate that is not the pinned one too, if an authority vouches for it.
    """
    authorities = _NOWHERE if console.pin is not None else str(console.ca_file)
    return {"SSL_CERT_FILE": authorities, "SSL_CERT_DIR": _NOWHERE}


def settings(user: str, domain: str | None) -> str:
    """A .rdp file: one `key:type:value` a line."""
    # Left to guess what network it is on, FreeRDP offers RemoteFX, which blurs text for good.
    lines = ["connection type:i:6", "authentication level:i:2", f"username:s:{user}"]
    if domain is not None:
        lines.append(f"domain:s:{domain}")
    return "\r\n".join((*lines, ""))
