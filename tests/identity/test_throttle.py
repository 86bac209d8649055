"""The throttle: bounded, and by the time that it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Throttled
from gateway.identity import throttle as throttle_module
from gateway.identity.throttle import Misses, SignInThrottle, Windows, address_key, name_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@settings(deadline=None)
@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_no_span_of_a_window_ever_holds_more_than_its_limit(gaps: list[float]) -> None:
    windows, counted, now = Windows("5 per 60 seconds"), [], NOW
    for gap in gaps:
        now += timedelta(seconds=gap)
        if windows.hit(now, "key"):
            counted.append(now)
        else:
            assert 1 <= windows.seconds_left(now, "key") <= 60
    for first, sixth in zip(counted, counted[5:], strict=False):
        assert timedelta(seconds=60) <= sixth - first


def test_retry_after_is_true() -> None:
    windows = Windows("1 per 60 seconds")
    assert windows.hit(NOW, "key")
    left = windows.seconds_left(NOW + timedelta(seconds=20.5), "key")
    assert left == 40
    assert not windows.hit(NOW + timedelta(seconds=59.9), "key")
    assert windows.hit(NOW + timedelta(seconds=20.5 + left), "key")


def test_a_flood_of_keys_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle_module, "MAX_KEYS", 100)
    windows = Windows("5 per 60 seconds")
    for n in range(1000):
        windows.hit(NOW, f"key{n}")
    assert len(windows._storage._windows) == 100


def test_an_address_that_is_stopped_makes_no_new_keys() -> None:
    throttle = SignInThrottle()
    for n in range(1000):
        try:
            throttle.attempt(f"name{n}", "192.0.2.7", NOW)
        except Throttled:
            continue
    assert len(throttle._names._storage._windows) == 20


def test_names_with_separators_do_not_share_a_count() -> None:
    throttle = SignInThrottle()
    for _ in range(5):
        throttle.attempt("a/192.0.2.7", "b", NOW)
    assert throttle.attempt("a", "192.0.2.7/b", NOW).attempts == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),  # a customer has a whole /64
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("no address", "another", False),
    ],
)
def test_addresses_stand_for_whom_they_are_given_to(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) == same


def test_keys_are_of_one_size_however_long_the_name() -> None:
    assert len(name_key("x" * 1_000_000)) == len(name_key("")) == 64
    assert name_key("ANA") == name_key("ana")


def test_twenty_misses_a_minute_are_the_end_of_guessing() -> None:
    # SECURITY C5.
    misses = Misses()
    for _ in range(20):
        misses.check("192.0.2.7", NOW)
        misses.missed("192.0.2.7", NOW)
    with pytest.raises(Throttled) as refusal:
        misses.check("192.0.2.7", NOW)
    assert refusal.value.retry_after == 60
    misses.check("192.0.2.8", NOW)
    misses.check("192.0.2.7", NOW + timedelta(seconds=60))
