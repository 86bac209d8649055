"""Folders with short names: a Unix socket's path has at most 107 bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NewFolder = Callable[[], Path]


@contextmanager
def short_folders() -> Iterator[NewFolder]:
    """What makes another one; all go with the block."""
    made: list[str] = []

    def make() -> Path:
        made.append(tempfile.mkdtemp(prefix="eva-", dir="/tmp"))
        return Path(made[-1])

    try:
        yield make
    finally:
        for name in made:
            shutil.rmtree(name, ignore_errors=True)


@contextmanager
def temporary_files_apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Whatever is made as a temporary file, by children too, lies where no other test's does."""
    with short_folders() as make:
        folder = make()
        folder.chmod(0o711)  # a child may run as somebody else
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield folder
