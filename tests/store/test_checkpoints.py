"""Checkpoints: the head of the log, kept where the store cannot change it."""

from __future__ import annotations

from pathlib import Path

from gateway.store import Checkpoint, Checkpoints, Head
from tests.store.samples import NOW, later


def test_checkpoints_come_back_in_order_and_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.checkpoints"
    checkpoints = Checkpoints(path)
    assert checkpoints.newest() is None and checkpoints.all() == ()
    assert checkpoints.append(Head(3, "aa"), NOW)
    assert checkpoints.append(Head(9, "bb"), later(minutes=1))
    expected = (Checkpoint(3, "aa", NOW), Checkpoint(9, "bb", later(minutes=1)))
    assert Checkpoints(path).all() == expected
    assert Checkpoints(path).newest() == checkpoints.newest() == expected[1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_has_not_moved_on_adds_no_line(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "audit.checkpoints")
    assert not checkpoints.append(Head(0, "00"), NOW)
    assert checkpoints.append(Head(3, "aa"), NOW)
    assert not checkpoints.append(Head(3, "aa"), later(minutes=1))
    assert len(checkpoints.all()) == 1


def test_a_store_that_was_cut_short_cannot_talk_its_checkpoints_down(tmp_path: Path) -> None:
    path = tmp_path / "audit.checkpoints"
    Checkpoints(path).append(Head(9, "bb"), NOW)
    reopened = Checkpoints(path)
    assert not reopened.append(Head(4, "cc"), later(minutes=1))
    assert reopened.newest() == Checkpoint(9, "bb", NOW)


def test_a_line_that_a_crash_cut_short_spoils_none_but_itself(tmp_path: Path) -> None:
    path = tmp_path / "audit.checkpoints"
    Checkpoints(path).append(Head(3, "aa"), NOW)
    with path.open("a") as file:
        file.write('\n{"seq": 5, "ha')
    reopened = Checkpoints(path)
    assert reopened.append(Head(9, "bb"), later(minutes=1))
    assert [checkpoint.seq for checkpoint in Checkpoints(path).all()] == [3, 9]
