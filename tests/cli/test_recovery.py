"""recovery …: from the command line, against the demo's own guests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import People, Shell, Site

PASSWORD = "c0rrect-Horse-battery"


@pytest.fixture
def web01(site: Site) -> str:
    return site.vm("web01")


def until_over(shell: Shell, recovery: str) -> Any:
    for _ in range(200):
        row = shell.json("recovery", "show", recovery)
        if row["state"] not in {"requested", "sent"}:
            return row
        time.sleep(0.1)
    raise AssertionError("it did not end")


def test_a_password_is_reset_with_the_new_one_on_standard_input(shell: People, web01: str) -> None:
    contoso = shell("contoso")
    begun = contoso.json(
        "recovery", "start", web01, "set-password", "--user", "azureuser", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    assert until_over(contoso, begun["id"])["state"] == "done"
    shown = contoso.ok("recovery", "show", begun["id"])
    assert "State: done" in shown
    assert "[done] Set the password" in shown
    assert begun["id"] in contoso.ok("recovery", "list", "--vm", web01)
    log = contoso.ok("recovery", "log", web01)
    assert "guest-set-user-password azureuser" in log
    assert "CommandExecution.log" not in contoso.ok(
        "recovery", "log", web01, "--file", "extension.log"
    )
    everything = contoso.ok("recovery", "list", "--json") + shown + log
    assert PASSWORD not in everything


def test_an_operator_proposes_and_the_tenant_decides(shell: People, web01: str) -> None:
    contoso, olga = shell("contoso"), shell("olga")
    consent = contoso.json("consent", "request", web01)["id"]
    ids = [
        olga.json("recovery", "propose", consent, kind, "--note", "it fails")["id"]
        for kind in ("reset-ssh", "check-disk", "set-password")
    ]
    assert "it fails" in contoso.ok("recovery", "show", ids[0])
    assert "State: declined" in contoso.ok("recovery", "decline", ids[0], "--reason", "not now")
    assert "State: cancelled" in olga.ok("recovery", "cancel", ids[1])
    approved = contoso(
        "recovery", "approve", ids[2], "--user", "azureuser", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    assert approved.exit_code == 0, approved.output
    assert until_over(contoso, ids[2])["state"] == "done"
    assert "azureuser" not in olga.ok("recovery", "show", ids[2])
    assert olga("recovery", "log", web01).exit_code == 1
    contoso.ok("consent", "delete", web01)


def test_what_a_kind_needs_is_asked_for_before_anything_is_sent(
    shell: People, web01: str, tmp_path: Path
) -> None:
    contoso = shell("contoso")
    private = tmp_path / "id_ed25519"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    key = ("--user", "azureuser", "--ssh-key-file")
    for arguments, words in (
        (("set-password",), "--user"),
        (("set-password", "--user", "azureuser"), "--password-stdin"),
        (("set-password", "--user", "azureuser", "--password-stdin"), "no password"),
        (("set-ssh-key", *key[:2]), "--ssh-key-file"),
        (("set-ssh-key", *key, str(private)), "private key"),
        (("set-ssh-key", *key, str(tmp_path / "none")), "No such file"),
        (("repair-disk",), "--disk"),
        (("set-password", "--password", "x"), "No such option"),
        (("set-moon",), "set-moon"),
    ):
        result = contoso("recovery", "start", web01, *arguments, typed="")
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr


def test_a_public_key_is_read_from_its_file(shell: People, web01: str, tmp_path: Path) -> None:
    contoso, file = shell("contoso"), tmp_path / "id.pub"
    file.write_text("not a key\n")
    arguments = ("set-ssh-key", "--user", "azureuser", "--ssh-key-file", str(file))
    said = contoso.ok("recovery", "start", web01, *arguments)
    recovery = said.split()[-1]
    failed = until_over(contoso, recovery)
    assert (failed["kind"], failed["state"]) == ("set_ssh_key", "failed")
    assert "Next: Give a public key" in contoso.ok("recovery", "show", recovery)


def test_nobody_elses_recovery_is_there(shell: People, web01: str) -> None:
    fabrikam = shell("fabrikam")
    assert fabrikam.ok("recovery", "list") == "There are no recoveries.\n"
    assert fabrikam("recovery", "start", web01, "reset-ssh").exit_code == 1
    assert fabrikam("recovery", "show", "0" * 32).exit_code == 1


def test_a_programs_credential_is_made_listed_and_revoked(shell: People) -> None:
    admin = shell("admin")
    made = admin.ok("credential", "add", "contoso", "--label", "nightly checks", "--days", "1")
    said = dict(line.split(": ", 1) for line in made.splitlines()[1:])
    client_id, secret = said["client id"].strip(), said["client secret"].strip()
    listed = admin.ok("credential", "list")
    assert client_id in listed
    assert "nightly checks" in listed
    assert secret not in listed + admin.ok("credential", "list", "--json")
    assert "is revoked" in admin.ok("credential", "revoke", client_id)
    states = {c["client_id"]: c["state"] for c in admin.json("credential", "list")["credentials"]}
    assert states[client_id] == "revoked"
    assert shell("contoso")("credential", "list").exit_code == 1
    assert admin("credential", "add", "nobody", "--label", "x").exit_code == 1


def test_every_recovery_command_helps(shell: People) -> None:
    nobody = shell("nobody", signed_in=False)
    for command in "list", "show", "start", "propose", "approve", "decline", "cancel", "log":
        text = " ".join(nobody.ok("recovery", command, "--help").split())
        assert f"eva-gateway recovery {command}" in text
        assert "--password TEXT" not in text
