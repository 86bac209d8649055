"""Which gateway a command talks to, whom it trusts and as whom: flags, environment, `login`."""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from gateway.cli import credentials
from gateway.cli.failures import Exit, Failure

GatewayOption = Annotated[
    str | None,
    typer.Option(
        "--gateway",
        metavar="URL",
        help="The gateway's address, like https://gateway.example:8443. Else EVA_GATEWAY, "
        "else the one that login stored.",
        rich_help_panel="Gateway",
    ),
]
CaFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="The certificate authority to trust, as PEM. Else EVA_CA_FILE, else the one that "
        "login stored, else the system's.",
        rich_help_panel="Gateway",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="A file that holds a bearer token; - reads it from standard input. Else EVA_TOKEN, "
        "else what login stored.",
        rich_help_panel="Gateway",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="A bearer token. Other users of this machine may see it among the arguments: "
        "--token-file and EVA_TOKEN keep it to yourself.",
        rich_help_panel="Gateway",
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway, and who we are to it."""

    base: str  # scheme, host and port; no trailing slash
    ca_file: str | None = None
    token: str | None = field(default=None, repr=False)
    stored: bool = False  # the token is the one that login stored

    def tls(self) -> ssl.SSLContext | None:
        """How to verify the gateway; None where it is spoken to in the clear (loopback only)."""
        if not self.base.startswith("https:"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Failure(
                f"cannot use the CA file {self.ca_file} ({error.strerror or error}): name a PEM "
                "file by --ca-file or EVA_CA_FILE",
                Exit.USAGE,
            ) from None


def find(
    gateway: str | None = None,
    ca_file: Path | None = None,
    token_file: Path | None = None,
    token: str | None = None,
) -> Target:
    """The target that flags, environment and store name, in this order.

    Raises: Failure when no gateway is named or a value cannot be used.
    """
    stored = credentials.load()
    named = gateway or os.environ.get("EVA_GATEWAY")
    if not named and stored is None:
        raise Failure(
            "no gateway is named: use --gateway or EVA_GATEWAY, or sign in with eva-gateway login",
            Exit.USAGE,
        )
    base = base_address(named) if named else base_address(stored.gateway if stored else "")
    # A stored token, and its trust, are for the gateway that gave it and for no other.
    mine = stored if stored and stored.gateway == base else None
    if token and token_file:
        raise Failure("--token and --token-file exclude each other", Exit.USAGE)
    token = token or _token(token_file)
    authority = str(ca_file) if ca_file else os.environ.get("EVA_CA_FILE")
    return Target(
        base=base,
        ca_file=authority or (mine.ca_file if mine else None),
        token=token or (mine.token if mine else None),
        stored=token is None and mine is not None,
    )


def base_address(text: str) -> str:
    """`text` as scheme, host and port. Raises: Failure."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        not parts.hostname
        or port == -1
        or "@" in parts.netloc
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
        or not _is_confidential(parts.scheme, parts.hostname)
    ):
        raise Failure(
            f"{text!r} is no gateway address: it must look like https://gateway.example:8443",
            Exit.USAGE,
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_confidential(scheme: str, host: str) -> bool:
    """TLS always, but for a gateway on this very machine."""
    if scheme == "https":
        return True
    try:
        return scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("EVA_TOKEN") or None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="ascii")
    except (OSError, ValueError):
        raise Failure(f"cannot read a token from {file}", Exit.USAGE) from None
    if not (token := text.strip()):
        raise Failure(f"{file} holds no token", Exit.USAGE)
    return token
