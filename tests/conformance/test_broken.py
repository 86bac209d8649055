"""The suite can fail: each broken promise is noticed by the check that holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.broken import BROKEN
from tests.conformance.suite import ROOT, machine, run_suite
from tests.doubles.rfbserver import FakeRfbServer

PASSWORD, KEY = "hushhush", "key-canary-77"

pytestmark = pytest.mark.timeout(600)


def entry(scheme: str, port: int) -> str:
    return machine(
        scheme, f"{scheme}://localhost:{port}/vm1", f'password = "{PASSWORD}"',
        f"[machine.{scheme}]", 'key.env = "SOUND_KEY"', 'tenant = "north"',
    )  # fmt: skip


def install(folder: Path) -> None:
    """Have the kinds where Python finds them, as pip does."""
    metadata = folder / "sound-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sound\nVersion: 1.0\n")
    points = ["sound = tests.conformance.sound:SoundKind"]
    points += [f"{scheme} = tests.conformance.broken:kind_{scheme}" for scheme in BROKEN]
    (metadata / "entry_points.txt").write_text("\n".join(["[gateway.backends]", *points, ""]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "site")
    monkeypatch.setenv("SOUND_KEY", KEY)
    return tmp_path


def server() -> FakeRfbServer:
    """One whose screen is not black: bytes that go astray are seen."""
    made = FakeRfbServer(password=PASSWORD, width=160, height=120)
    made.pixels[:] = bytes(range(251)) * (len(made.pixels) // 251) + bytes(len(made.pixels) % 251)
    return made


async def test_a_sound_kind_keeps_every_promise(folder: Path) -> None:
    async with server() as screen:
        report = await run_suite(
            folder, entry("sound", screen.port), "--cycles=3", "--cuts=4", "--patience=10",
            path=[folder / "site", ROOT],
        )  # fmt: skip
    assert report.status == 0, report
    assert 45 <= len(report.passed)
    assert {name.partition("[")[0] for name in report.skipped} == {
        "test_no_child_is_told_a_secret_in_the_open",
        "test_power_is_told",
        "test_power_of_a_host_that_is_not_there",
    }


async def test_each_broken_promise_is_noticed(folder: Path) -> None:
    checks = []
    for scheme, (_, check, _) in BROKEN.items():
        name, _, parameter = check.partition("-")
        checks.append(f"{name}[{scheme}-{scheme}{'-' if parameter else ''}{parameter}]")
    async with server() as screen:
        entries = "".join(entry(scheme, screen.port) for scheme in BROKEN)
        report = await run_suite(
            folder, entries, "--cycles=1", "--cuts=3", "--cancels=20",
            checks=checks, path=[folder / "site", ROOT],
        )  # fmt: skip
    unnoticed = {}
    for check, (scheme, (_, _, why)) in zip(checks, BROKEN.items(), strict=True):
        said = report.failed.get(check.partition("::")[2], "")
        if not said or why not in said:
            unnoticed[scheme] = f"{check}: {said[-600:]}"
    assert not unnoticed, "\n\n".join(unnoticed.values()) + report.output[-3000:]
    assert len(report.failed) == len(BROKEN)


async def test_a_kind_with_a_scheme_in_capitals_is_refused_at_once(folder: Path) -> None:
    points = folder / "site" / "sound-1.0.dist-info" / "entry_points.txt"
    points.write_text("[gateway.backends]\nloud = tests.conformance.broken:Loud\n")
    report = await run_suite(folder, "", path=[folder / "site", ROOT])
    assert report.status == 4  # pytest's own: a usage error
    assert "'LOUD' is no scheme" in report.output
