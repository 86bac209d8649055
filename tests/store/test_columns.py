"""Column types: a value comes back as it went in, whatever the database thinks of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from gateway.policy.facts import EndCode
from gateway.store.columns import Moment, Network, Seconds, Word

SQLITE = sqlite.dialect()
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS)
def test_a_moment_lies_as_utc_and_comes_back_the_same(moment: datetime) -> None:
    lying = Moment().process_bind_param(moment, SQLITE)
    assert lying is not None and lying.utcoffset() == timedelta(0)
    # SQLite forgets the zone.
    assert Moment().process_result_value(lying.replace(tzinfo=None), SQLITE) == moment
    # PostgreSQL answers in the zone of its session.
    there = lying.astimezone(timezone(timedelta(hours=5)))
    back = Moment().process_result_value(there, SQLITE)
    assert back == moment and back.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(datetime(2026, 3, 1), SQLITE)  # noqa: DTZ001


@given(st.sampled_from(EndCode))
def test_a_word_comes_back_as_its_member(code: EndCode) -> None:
    column = Word(EndCode)
    assert column.process_result_value(column.process_bind_param(code, SQLITE), SQLITE) is code


def test_a_word_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Word(EndCode).process_bind_param("nonsense", SQLITE)  # type: ignore[arg-type]


@given(st.integers(0, 10**6))
def test_a_span_is_kept_in_whole_seconds(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert Seconds().process_bind_param(span, SQLITE) == seconds
    assert Seconds().process_result_value(seconds, SQLITE) == span


@given(st.ip_addresses(), st.integers(0, 32))
def test_a_network_comes_back_the_same(address: IPv4Address | IPv6Address, length: int) -> None:
    network = ip_network(f"{address}/{length}", strict=False)
    lying = Network().process_bind_param(network, SQLITE)
    assert lying is not None and len(lying) <= 64
    assert Network().process_result_value(lying, SQLITE) == network


@pytest.mark.parametrize("column", [Moment(), Word(EndCode), Seconds(), Network()])
def test_none_means_absent(column: Moment | Word | Seconds | Network) -> None:
    assert column.process_bind_param(None, SQLITE) is None
    assert column.process_result_value(None, SQLITE) is None
