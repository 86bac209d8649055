"""Whatever is done to the log, verification names the first record that is not ours.

SECURITY I2: flip, delete, insert, reorder, truncate the tail.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store.audit_chain import (
    GENESIS,
    SEALED,
    AuditRecord,
    Broken,
    Head,
    Intact,
    seal,
    verify_chain,
)
from gateway.store.audit_entry import columns_of
from tests.store.samples import entry

LENGTH = 12
PLACES = st.integers(0, LENGTH - 1)
MANY = settings(max_examples=150, deadline=None)


def resealed(record: AuditRecord, prev_hash: str) -> AuditRecord:
    """The record as a forger would write it who knows how our hashes are made."""
    columns = {name: getattr(record, name) for name in SEALED}
    return replace(record, prev_hash=prev_hash, hash=seal(record.seq, columns, prev_hash))


@cache
def log() -> tuple[AuditRecord, ...]:
    records: list[AuditRecord] = []
    for seq in range(1, LENGTH + 1):
        columns = columns_of(entry(f"vm{seq}", details={"nth": seq}))
        prev_hash = records[-1].hash if records else GENESIS
        blank = AuditRecord(seq=seq, **columns, prev_hash="", hash="")
        records.append(resealed(blank, prev_hash))
    return tuple(records)


def head_of(records: tuple[AuditRecord, ...]) -> Head:
    return Head(records[-1].seq, records[-1].hash)


def first_bad(verdict: Intact | Broken) -> int:
    assert isinstance(verdict, Broken), verdict
    return verdict.seq


@pytest.mark.rule(7)
def test_an_untouched_log_is_intact() -> None:
    assert verify_chain(log(), head_of(log()), [head_of(log()[:4])]) == Intact(
        LENGTH, log()[-1].hash
    )


def test_an_empty_log_is_intact() -> None:
    assert verify_chain((), Head(0, GENESIS)) == Intact(0, GENESIS)


@pytest.mark.rule(7)
@MANY
@given(PLACES, st.sampled_from([*SEALED, "prev_hash", "hash"]), st.data())
def test_a_changed_field_is_found(place: int, field: str, data: st.DataObject) -> None:
    value = getattr(log()[place], field)
    changed = data.draw(st.text(max_size=8).filter(lambda text: text != value))
    records = list(log())
    records[place] = replace(records[place], **{field: changed})
    assert first_bad(verify_chain(records)) == place + 1


@pytest.mark.rule(7)
@MANY
@given(PLACES, st.integers(0, 63), st.sampled_from(["hash", "prev_hash"]))
def test_a_flipped_digit_of_a_hash_is_found(place: int, digit: int, field: str) -> None:
    old = getattr(log()[place], field)
    new = f"{old[:digit]}{int(old[digit], 16) ^ 1:x}{old[digit + 1 :]}"
    records = list(log())
    records[place] = replace(records[place], **{field: new})
    assert first_bad(verify_chain(records)) == place + 1


@pytest.mark.rule(7)
@MANY
@given(st.integers(0, LENGTH - 2))
def test_a_removed_record_is_found(place: int) -> None:
    records = [*log()[:place], *log()[place + 1 :]]
    assert first_bad(verify_chain(records)) == place + 1


@pytest.mark.rule(7)
@MANY
@given(st.permutations(range(LENGTH)))
def test_reordered_records_are_found(order: list[int]) -> None:
    verdict = verify_chain([log()[place] for place in order])
    moved = [place for place, source in enumerate(order) if place != source]
    if moved:
        assert first_bad(verdict) == moved[0] + 1
    else:
        assert isinstance(verdict, Intact)


@pytest.mark.rule(7)
@MANY
@given(st.integers(0, LENGTH), PLACES)
def test_a_record_put_in_twice_is_found(place: int, source: int) -> None:
    records = list(log())
    records.insert(place, log()[source])
    # Put in after its original, the copy is what stands out; before it, it takes its place.
    expected = place + 1 if place != source else source + 2
    assert first_bad(verify_chain(records)) == expected


@pytest.mark.rule(7)
@MANY
@given(st.integers(0, LENGTH - 2), st.text(max_size=8))
def test_a_forged_record_that_hashes_right_is_found(place: int, actor: str) -> None:
    records = list(log())
    forged = replace(records[place], actor=f"not {actor}")
    records[place] = resealed(forged, forged.prev_hash)
    assert first_bad(verify_chain(records)) == place + 1


@pytest.mark.rule(7)
@MANY
@given(PLACES)
def test_a_cut_tail_is_found_against_a_checkpoint(kept: int) -> None:
    verdict = verify_chain(log()[:kept], checkpoints=[head_of(log())])
    assert first_bad(verdict) == kept + 1


@pytest.mark.rule(7)
@MANY
@given(PLACES, st.integers(0, LENGTH))
def test_a_tail_written_anew_is_found_against_checkpoints(place: int, vouched: int) -> None:
    records = list(log()[:place])
    for record in log()[place:]:
        prev_hash = records[-1].hash if records else GENESIS
        records.append(resealed(replace(record, actor="Mallory"), prev_hash))
    checkpoints = [head_of(log()[:seq]) for seq in (vouched, LENGTH) if seq]
    verdict = verify_chain(records, head_of(tuple(records)), checkpoints)
    # The forger's chain fits together: what can be said is behind which checkpoint it departs.
    expected = vouched + 1 if vouched <= place else 1
    assert first_bad(verdict) == expected


@pytest.mark.rule(7)
def test_a_record_added_behind_the_head_is_found() -> None:
    assert first_bad(verify_chain(log(), head_of(log()[:-1]))) == LENGTH


def test_a_head_that_is_not_the_logs_is_found() -> None:
    assert first_bad(verify_chain(log(), Head(LENGTH, "f" * 64))) == 1
