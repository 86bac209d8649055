"""A window's screen is read as its X server has it, and its keys are seen to arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from gateway.rfb.encodings.words import WORD
from tests.bench.measuring import shown_age
from tests.bench.plain import PlainClient, plain_client
from tests.bench.screen import painting
from tests.bench.viewer import Account
from tests.bench.window import Window, right, shared_pixels
from tests.hypervisor.programs import wait_for


@pytest.fixture
def client() -> Iterator[PlainClient]:
    """Its X server, and nobody dials."""
    with plain_client() as started:
        yield started


@pytest.mark.hypervisor
def test_the_shared_pixels_are_the_x_servers(client: PlainClient) -> None:
    client.run("xsetroot", "-mod", "7", "5", "-fg", "#123456", "-bg", "#654321")
    shown, truth = shared_pixels(client.screen), client.screendump()
    assert shown.shape == truth.shape[:2]
    assert right(shown, truth.astype(WORD) @ np.array([1 << 16, 1 << 8, 1], WORD))
    assert 0x123456 in shown


@pytest.mark.hypervisor
def test_a_key_is_typed_and_its_pixel_seen(client: PlainClient) -> None:
    with (
        painting(client.display, "idle"),
        closing(Window(client.display, client.screen)) as window,
    ):
        window.wait()

        def seen() -> bool:
            window.look(time.monotonic())
            return bool(window.account.keys)

        assert not seen()
        window.press(time.monotonic())
        wait_for(seen, "the key's pixel")
        assert len(window.account.clocks) == 1  # of a clock that stands still


@pytest.mark.parametrize(("wrong", "is_right"), [(1000, True), (1001, False), (640_000, False)])
def test_a_picture_is_right_but_for_a_pointer(wrong: int, is_right: bool) -> None:
    truth = np.zeros((1000, 1000), WORD)
    shown = truth.copy()
    shown.reshape(-1)[:wrong] = 1
    assert right(shown, truth) is is_right
    assert not right(shown[:-1], truth)


def test_a_torn_clock_is_no_age() -> None:
    account = Account(clocks=[(10.0, 9_900), (10.5, 20_000), (11.0, 10_900)], until=11.2)
    assert shown_age(account, 0.2) == pytest.approx(220)
    assert shown_age(account, 0.99) == pytest.approx(1_088)
