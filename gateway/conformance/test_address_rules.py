"""Metadata services and whoever is link-local are no consoles, by whatever name they come."""

from __future__ import annotations

import socket
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from gateway.conformance.addresses import FORBIDDEN, with_host
from gateway.conformance.connects import guarded
from gateway.conformance.stage import Stage

_NAME: Final = "rebound.invalid"
_METADATA: Final = "169.254.169.254"
_ELSEWHERE: Final = "192.0.2.1"  # RFC 5737: nobody's
_LOOPBACK: Final = "127.0.0.1"


@pytest.mark.parametrize("host", FORBIDDEN)
def test_an_address_that_is_no_console_is_refused(stage: Stage, host: str) -> None:
    """Neither the inventory nor a dial takes an address of the cloud's own services, of this link,
    or of nobody, in whatever spelling; nothing is sent there, and no child is told to.

    Mend: read the host by `host_and_port`, and find its addresses by `Dialler.addresses` (or
    `find_site`) before anything is dialled; dial what that returned.
    """
    _need_host(stage)
    url = urlsplit(with_host(stage.entry.url, host))
    try:
        place = stage.entry.kind.place(url)
    except ValueError:
        place = None
    assert place is None, f"the inventory takes {host} for a console's host"
    _refuse(stage, host, {}, (host, _METADATA))


@pytest.mark.parametrize(
    ("answers", "forbidden"),
    [
        ((_METADATA,), (_METADATA,)),
        ((_ELSEWHERE, _METADATA), (_METADATA, _ELSEWHERE)),
        ((_LOOPBACK,), (_LOOPBACK,)),
    ],
    ids=["metadata", "one of two", "loopback"],
)
def test_a_name_that_leads_there_is_refused(
    stage: Stage, answers: tuple[str, ...], forbidden: tuple[str, ...]
) -> None:
    """A name is judged by every address that it has: one bad answer spoils it. One that leads to
    this machine is refused where the inventory does not say so in so many words.

    Mend: as above; resolve once, and never hand a name to a library or a child.
    """
    _need_host(stage)
    _refuse(stage, _NAME, {_NAME: answers}, forbidden)


def _need_host(stage: Stage) -> None:
    if stage.entry.console.host is None:
        pytest.skip("the console has no host")


def _refuse(
    stage: Stage, host: str, names: dict[str, tuple[str, ...]], forbidden: tuple[str, ...]
) -> None:
    stage.loop = None  # asyncio's own: its connections can be seen
    port = stage.entry.console.port or 443
    with pytest.MonkeyPatch.context() as patch, guarded(*forbidden, *names) as attempts:
        patch.setattr(socket, "getaddrinfo", _resolver(names, socket.getaddrinfo))

        async def dial() -> None:
            error = await stage.refusal(stage.entry.at(host=host, port=port))
            assert error is not None, f"the dial took {host} for a console's host"

        stage.run(dial)
    assert not attempts.wrong, f"tried all the same: {', '.join(attempts.wrong)}"


def _resolver(names: dict[str, tuple[str, ...]], usual: Any) -> Any:
    def resolve(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        found = names.get(name)
        if found is None:
            return usual(host, port, *args, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port or 0)) for each in found]

    return resolve
