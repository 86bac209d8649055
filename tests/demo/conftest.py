"""A temporary folder of the test's own, for what engines put there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.folders import temporary_files_apart


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with temporary_files_apart(monkeypatch) as folder:
        yield folder
