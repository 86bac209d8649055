"""What goes to a guest agent, and what of it nobody sees."""

from __future__ import annotations

import base64
import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recovery.calls import (
    Execute,
    OsInfo,
    PowerShell,
    Secret,
    SetPassword,
    secrets_of,
)
from gateway.recovery.windows_scripts import SCRIPTS
from tests.recovery.samples import PASSWORD


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(PASSWORD)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}",
                  "%s" % secret, str([secret]), str({"a": secret})):  # fmt: skip  # noqa: UP031
        assert PASSWORD not in shown
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    assert secret.reveal() == PASSWORD


def test_secrets_are_compared_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert not Secret("")


@pytest.mark.parametrize(
    "call",
    [
        SetPassword("ana", Secret(PASSWORD)),
        Execute("tee", ("x",), Secret(PASSWORD)),
        PowerShell("set-password", "exit 0", {"user": "ana", "password": Secret(PASSWORD)}),
    ],
)
def test_no_repr_of_a_call_shows_its_secret(call: SetPassword | Execute | PowerShell) -> None:
    assert PASSWORD not in repr(call)
    assert secrets_of(call) == (Secret(PASSWORD),)


def test_calls_without_a_secret_have_none() -> None:
    assert secrets_of(OsInfo()) == ()
    assert secrets_of(Execute("fsck", ("-As",), b"text")) == ()
    assert secrets_of(PowerShell("x", "exit 0", {"user": "ana", "port": 3389})) == ()


def test_a_script_is_run_without_a_word_of_its_arguments() -> None:
    call = PowerShell("set-password", "$x = 'ä'\nexit 0", {"password": Secret(PASSWORD)}, 12.0)
    run = call.as_execute()
    assert run.program == "powershell.exe"
    assert run.arguments[:-2] == (
        "-NoLogo", "-NoProfile", "-NonInteractive", "-InputFormat", "None", "-OutputFormat", "Text",
        "-ExecutionPolicy", "Bypass",
    )  # fmt: skip
    # -EncodedCommand: base64 of the script in UTF-16LE.
    assert run.arguments[-2] == "-EncodedCommand"
    assert base64.b64decode(run.arguments[-1]).decode("utf-16-le") == "$x = 'ä'\nexit 0"
    assert isinstance(run.input, Secret)
    assert run.input.reveal() == json.dumps({"password": PASSWORD})
    assert run.timeout == 12.0
    assert PASSWORD not in repr(run)


@given(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.booleans() | st.none()))
def test_arguments_arrive_in_any_code_page(arguments: dict[str, str | int | bool | None]) -> None:
    sent = PowerShell("x", "exit 0", {"secret": Secret("pä ß\n💡"), **arguments}).input().reveal()
    assert sent.isascii()
    assert "\n" not in sent
    assert json.loads(sent) == {"secret": "pä ß\n💡", **arguments}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_fits_into_a_command_line_of_windows(name: str) -> None:
    run = PowerShell(name, SCRIPTS[name]).as_execute()
    # CreateProcess takes 32,767 characters.
    assert len(" ".join((run.program, *run.arguments))) < 32_000
