"""What an entry keeps secret is said to the hypervisor, and to nobody else."""

from __future__ import annotations

import asyncio
import traceback
from base64 import b64encode
from urllib.parse import quote

import psutil
import pytest

from gateway.conformance.entries import new_secret
from gateway.conformance.hearing import Heard, all_ears
from gateway.conformance.remains import descendants
from gateway.conformance.stage import PROMISED, Stage
from gateway.conformance.watching import Watching
from gateway.inventory import Machine

_GLANCE = 0.005  # seconds between two looks at the children


def test_no_log_says_a_secret(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """No log record of any library, at any level, and no output of the process, holds a secret.

    Mend: log an event and plain facts. Libraries that log their requests at DEBUG want their logger
    silenced, as `gateway/backends/websocket_wire.py` does it.
    """
    secrets = _secrets(stage)
    with all_ears() as heard:
        stage.run(lambda: _visit(stage))
    _check_unsaid(secrets, heard, capfd)


def test_a_refused_login_says_no_secret(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither does what is raised and logged where the secret is wrong.

    Mend: raise an `UpstreamRefused` of your own words, and without the library's (`from None`)
    where those hold the request.
    """
    _secrets(stage)
    canary = new_secret()
    try:
        machine = stage.entry.with_secret(canary)
    except ValueError:
        pytest.skip("the kind takes no secret of another form")
    said: list[str] = []
    with all_ears() as heard:
        stage.run(lambda: _refused(stage, machine, said))
    if not said:
        pytest.skip("the console lets in whoever comes")
    assert not any(form in text for text in said for form in _forms(canary)), (
        "the error, or one that it came from, holds the secret"
    )
    _check_unsaid([canary], heard, capfd)


def test_no_child_is_told_a_secret_in_the_open(stage: Stage) -> None:
    """No child process has a secret among its arguments or in its environment, which others of the
    machine can read.

    Mend: write secrets to a pipe that is the child's standard input.
    """
    secrets = _secrets(stage)
    glances = _Glances()
    stage.run(lambda: _looked_at(stage, glances))
    if not glances.processes:
        pytest.skip("the backend has no child process")
    told = [name for name, text in glances.processes if _holds(text, secrets)]
    assert not told, f"arguments or environment of {', '.join(sorted(set(told)))} hold a secret"


class _Glances:
    """What children could be seen to have been told."""

    def __init__(self) -> None:
        self.processes: set[tuple[str, str]] = set()

    def take(self) -> None:
        for child in descendants():
            try:
                told = " ".join([*child.cmdline(), *child.environ().values()])
                self.processes.add((child.name(), told))
            except psutil.Error:
                continue


async def _looked_at(stage: Stage, glances: _Glances) -> None:
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(_look(glances))
        await _visit(stage)
        looking.cancel()


async def _look(glances: _Glances) -> None:
    while True:
        glances.take()
        await asyncio.sleep(_GLANCE)


async def _visit(stage: Stage) -> None:
    async with stage.shown() as screen:
        screen.ask_for_all()
        await asyncio.sleep(0.1)


async def _refused(stage: Stage, machine: Machine, said: list[str]) -> None:
    try:
        upstream = await stage.dial_bare(machine)
    except PROMISED as error:
        said += _words(error)
        return
    async with Watching(upstream) as screen:
        # Some let in first and look at the secret then.
        try:
            await screen.ended(1.0)
        except TimeoutError:
            return
        said += _words(screen.ends[0])


def _words(error: BaseException | None) -> list[str]:
    """All that an error says, and those that it came from."""
    if error is None:
        return ["the end was told without an error"]
    whole = "".join(traceback.format_exception(error))
    return [whole, repr(error), repr(error.args), repr(vars(error))]


def _secrets(stage: Stage) -> list[str]:
    found = stage.entry.secrets
    if not found:
        pytest.skip("the entry has no secret of six characters or more")
    return found


def _check_unsaid(secrets: list[str], heard: Heard, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = capfd.readouterr()
    for secret in secrets:
        for form in _forms(secret):
            assert not (loggers := heard.holding(form)), f"logged by {', '.join(loggers)}"
            assert form not in out + err, "printed"


def _holds(text: str, secrets: list[str]) -> bool:
    return any(form in text for secret in secrets for form in _forms(secret))


def _forms(secret: str) -> set[str]:
    """How it may be written."""
    return {secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("=")}
