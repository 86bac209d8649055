"""Puts a package with a kind of console where Python finds it, as pip does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[..., None]


def installer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """What writes a module into `folder`, with the metadata that names its kind."""
    monkeypatch.syspath_prepend(str(folder))

    def install(code: str, *, module: str, value: str = "") -> None:
        monkeypatch.delitem(sys.modules, module, raising=False)
        (folder / f"{module}.py").write_text(code)
        metadata = folder / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        point = value or f"{module}:Kind"
        (metadata / "entry_points.txt").write_text(f"[gateway.backends]\n{module} = {point}\n")

    return install
