"""A loopback port is open to every user of the machine; the console is for one of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import loopback

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6 socket"])
def connected(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        viewer = socket.socket(request.param)
        viewer.connect(
            ("127.0.0.1", port) if request.param == socket.AF_INET else ("::ffff:127.0.0.1", port)
        )
        accepted, _ = server.accept()
        with viewer, accepted:
            yield viewer, accepted


def test_ones_own_process_is_let_in(connected: Pair) -> None:
    _, accepted = connected
    assert loopback.is_ours(accepted.getpeername(), accepted.getsockname())


def test_another_users_process_is_not(connected: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    _, accepted = connected
    mine = os.getuid()
    monkeypatch.setattr(loopback.os, "getuid", lambda: mine + 1)
    monkeypatch.setattr(loopback, "ROOT", mine + 2)
    assert not loopback.is_ours(accepted.getpeername(), accepted.getsockname())


def test_what_a_process_wrote_before_it_was_gone_is_not(connected: Pair) -> None:
    viewer, accepted = connected
    peer, here = accepted.getpeername(), accepted.getsockname()
    viewer.sendall(b"keys")
    viewer.close()
    assert accepted.recv(4) == b"keys"
    assert accepted.recv(1) == b""  # the kernel knows by now that it has been closed
    assert not loopback.is_ours(peer, here)


def test_a_connection_that_the_kernel_does_not_know_is_not() -> None:
    assert not loopback.is_ours(("127.0.0.1", 1), ("127.0.0.1", 2))
