"""What is served as it lies: templates without script or style in them, modules that are safe."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.assets import STATIC, TEMPLATES

PAGES = sorted(TEMPLATES.rglob("*.html"))
MODULES = sorted(path for path in (STATIC / "js").rglob("*.js"))
TESTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))

UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|new DOMParser"
    r"|setHTMLUnsafe|setAttribute\(\s*[\"']on|javascript:"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_script_or_style_inside(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", text)
    assert "|safe" not in text.replace(" ", "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_asks_another_origin(page: Path) -> None:
    for address in re.findall(r'(?:src|action|<link[^>]*href)="([^"]+)"', page.read_text()):
        assert address.startswith(("/", "{{")), address


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_makes_markup_out_of_text(module: Path) -> None:
    assert not UNSAFE.search(module.read_text())


def test_what_novnc_prints_never_holds_what_is_typed() -> None:
    assert 'initLogging("warn")' in (STATIC / "js/console/screen.js").read_text()


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the modules' own tests")
def test_the_modules_own_tests_pass() -> None:
    assert TESTS
    ran = subprocess.run(
        ["node", "--test", *map(str, TESTS)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
