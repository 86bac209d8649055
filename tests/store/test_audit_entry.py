"""What is recorded is bounded and can be read on one line."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.audit_entry import MAX_TEXT, columns_of, legible
from tests.store.samples import entry


@given(st.text())
def test_recorded_text_has_no_character_that_hides_or_breaks_a_line(text: str) -> None:
    kept = legible(text)
    assert len(kept) <= MAX_TEXT
    assert not {unicodedata.category(c) for c in kept} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(kept.splitlines()) <= 1


def test_a_hundred_kibibyte_name_with_line_breaks_is_one_short_line() -> None:
    # SECURITY I4: CRLF, ANSI escape, U+2028, right-to-left override, 100 KiB.
    hostile = "eve\r\n\x1b[2Jx\u2028\u202e" + "A" * 100_000
    actor = columns_of(entry(actor=hostile))["actor"]
    assert actor.startswith("eve[2JxAAAA")
    assert len(actor) == MAX_TEXT


def test_details_are_capped_too() -> None:
    details = {f"key{n}\n": "v" * 10_000 for n in range(1000)}
    kept = json.loads(columns_of(entry(details=details))["details"])
    assert len(kept) == 32
    assert set(kept["key0"]) == {"v"} and len(kept["key0"]) == MAX_TEXT


def test_a_moment_is_recorded_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert columns_of(entry(at=datetime(2026, 3, 1, 1, tzinfo=there)))["at"] == (
        "2026-02-28T23:00:00.000000+00:00"
    )


def test_a_moment_without_a_time_zone_is_refused() -> None:
    naive = replace(entry(), at=datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        columns_of(naive)
