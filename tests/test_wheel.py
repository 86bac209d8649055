"""The wheel holds all that a gateway needs, and runs from a folder that holds nothing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.program import running_demo

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    yield built


def test_pages_styles_scripts_and_novnc_are_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "gateway/templates/base.html",
        "gateway/static/vendor/novnc/core/rfb.js",
        "gateway/static/vendor/novnc/LICENSE.txt",
        "gateway/store/migrations/env.py",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests/")]


async def test_a_demo_runs_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site, folder = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)
    folder.mkdir()
    async with (
        running_demo(folder, environment={"PYTHONPATH": str(site)}) as demo,
        demo.http() as http,
    ):
        async with http.get("/static/vendor/novnc/core/rfb.js") as script:
            assert script.status == 200
            assert "export default class RFB" in await script.text()
        async with http.get("/sign-in") as page:
            assert page.status == 200
    where = subprocess.run(
        [sys.executable, "-c", "import gateway; print(gateway.__file__)"],
        env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    assert str(site) in where.stdout  # and not the checkout
