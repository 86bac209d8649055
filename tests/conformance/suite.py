"""Runs the conformance suite as its user does: pytest, in an empty folder, with an inventory."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent.parent
# Enough of everything to see it work; on a busy machine it may take its time.
BRIEFLY = ("--cycles=2", "--cancels=6", "--cuts=3", "--patience=6")
IN_SHORT = ("--cycles=1", "--cancels=3", "--cuts=2", "--patience=6")  # where each dial takes long


@dataclass(frozen=True)
class Report:
    """What became of each check, by `test_name[parameters]`."""

    status: int
    output: str
    passed: frozenset[str]
    skipped: dict[str, str]  # why
    failed: dict[str, str]  # with all that was said

    def __str__(self) -> str:
        failures = "\n\n".join(f"{name}:\n{text[-2500:]}" for name, text in self.failed.items())
        return f"status {self.status}\n{failures or self.output[-4000:]}"


def machine(name: str, console: str, *lines: str) -> str:
    """An entry; a table of the console's own comes last in `lines`."""
    resource_id = (
        "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop"
        f"/providers/Microsoft.Compute/virtualMachines/{name}"
    )
    head = [f'resource_id = "{resource_id}"', 'node = "AzS-ERCS01"', f'console = "{console}"']
    return "\n".join(["[[machine]]", *head, *lines, ""])


async def run_suite(
    folder: Path,
    inventory: str,
    *arguments: str,
    checks: Sequence[str] = (),
    path: Sequence[Path] = (),
) -> Report:
    """`checks`: those alone, as `test_dial::test_name[…]`; `path`: where Python looks first."""
    empty, given, results = folder / "empty", folder / "inventory.toml", folder / "results.xml"
    empty.mkdir(exist_ok=True)
    given.write_text(inventory)
    given.chmod(0o600)
    named = [f"gateway.conformance.{check}" for check in checks] or ["gateway.conformance"]
    environment = {key: value for key, value in os.environ.items() if key[:7] != "PYTEST_"}
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "--pyargs", *named, f"--inventory={given}"),
        *("-q", "-p", "no:cacheprovider", f"--junitxml={results}", *arguments),
        cwd=empty, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return _read(child.returncode, output.decode(errors="replace"), results)


def _read(status: int, output: str, results: Path) -> Report:
    passed, skipped, failed = set(), {}, {}
    cases = ElementTree.parse(results).iter("testcase") if results.exists() else ()
    for case in cases:
        name = case.attrib["name"]
        wrong = [each for each in case if each.tag in {"failure", "error"}]
        skips = [each for each in case if each.tag == "skipped"]
        if wrong:
            failed[name] = "\n".join(
                f"{each.attrib.get('message', '')}\n{each.text}" for each in wrong
            )
        elif skips:
            skipped[name] = skips[0].attrib.get("message", "")
        else:
            passed.add(name)
    return Report(status, output, frozenset(passed), skipped, failed)


def check_name(name: str) -> str:
    """`test_name` of `test_name[parameters]`."""
    return re.split(r"\[", name, maxsplit=1)[0]
