"""Plans are data, kept as files that people read: a change of one is a change of its file."""

from __future__ import annotations

import json

import pytest

from tests.recovery.golden_plans import FOLDER, REQUESTS, golden
from tests.recovery.samples import ED25519, PASSWORD


@pytest.mark.parametrize("name", REQUESTS)
def test_a_plan_is_what_its_file_says(name: str) -> None:
    written = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    # Written anew by: python -m tests.recovery.golden_plans
    assert json.loads(golden(name)) == json.loads(written)


@pytest.mark.parametrize("name", REQUESTS)
def test_no_file_holds_a_secret(name: str) -> None:
    text = golden(name)
    assert PASSWORD not in text
    assert ED25519.split()[1] not in text


def test_every_file_is_some_requests() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(REQUESTS)
