"""The commands, each against a real gateway: what they do, print and exit with."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from gateway.demo import CONTOSO
from tests.cli.conftest import People, Site
from tests.doubles.standing import NODE

NO_VM = f"/subscriptions/{CONTOSO}/resourceGroups/x/providers/Microsoft.Compute/virtualMachines/x"


def test_login_is_remembered_until_logout(shell: People) -> None:
    contoso = shell("contoso")
    assert "contoso (tenant)" in contoso.ok("whoami")
    assert contoso.json("whoami")["account"]["subscriptions"] == [CONTOSO]
    assert contoso.ok("logout") == "Signed out.\n"
    result = contoso("whoami")
    assert result.exit_code == 1
    assert "eva-gateway login" in result.stderr


def test_what_login_stores_is_its_owners_alone_and_enough(shell: People) -> None:
    """Address, CA file and token: the next command needs no flags and no environment."""
    olga = shell("olga")
    file = Path(str(olga.environment["XDG_CONFIG_HOME"])) / "eva-gateway" / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    result = olga("whoami", EVA_GATEWAY=None, EVA_CA_FILE=None)
    assert "olga (cloudadmin)" in result.stdout
    file.chmod(0o644)
    result = olga("whoami")
    assert (result.exit_code, str(file) in result.stderr) == (2, True)


def test_a_token_goes_to_the_gateway_that_gave_it_and_to_no_other(shell: People) -> None:
    contoso = shell("contoso")
    elsewhere = contoso.site.base.replace("localhost", "127.0.0.1")
    result = contoso("whoami", "--gateway", elsewhere)
    assert result.exit_code == 1
    assert "bearer token" in result.stderr


def test_a_token_is_printed_only_when_asked_for(shell: People, tmp_path: Path) -> None:
    contoso = shell("contoso", signed_in=False)
    token = contoso.ok("login", *contoso.proof(), "--print-token", typed=contoso.password).strip()
    assert contoso("whoami").exit_code == 1  # it was printed instead of stored
    assert contoso("whoami", EVA_TOKEN=token).exit_code == 0
    assert contoso("whoami", "--token", token).exit_code == 0
    assert contoso("whoami", "--token", token, "--token-file", "-").exit_code == 2
    file = tmp_path / "token"
    file.write_text(token + "\n")
    assert contoso("whoami", "--token-file", str(file)).exit_code == 0
    assert contoso("whoami", "--token-file", "-", typed=token).exit_code == 0


def test_a_wrong_password_is_one_sentence(shell: People) -> None:
    contoso = shell("contoso", signed_in=False)
    result = contoso("login", *contoso.proof(), typed="wrong\n")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "eva-gateway: the name, the password or the one-time code is wrong"
    ]


def test_without_a_terminal_there_is_nobody_to_ask(shell: People) -> None:
    contoso = shell("contoso", signed_in=False)
    result = contoso("login", typed="")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr
    assert contoso("login", "--password-stdin", typed="x").exit_code == 2


@pytest.mark.parametrize(
    ("environment", "exit_code", "words"),
    [
        ({"EVA_CA_FILE": None}, 3, "EVA_CA_FILE"),
        ({"EVA_CA_FILE": "/nonexistent/ca.pem"}, 2, "/nonexistent/ca.pem"),
        ({"EVA_GATEWAY": "https://127.0.0.1:9"}, 3, "connection refused"),
        ({"EVA_GATEWAY": "https://nowhere.invalid"}, 3, "https://nowhere.invalid"),
        ({"EVA_GATEWAY": "http://gateway.example"}, 2, "https://gateway.example:8443"),
        ({"EVA_GATEWAY": "https://user@gateway.example/x"}, 2, "https://gateway.example:8443"),
        ({"EVA_GATEWAY": "https://gateway.example:port"}, 2, "https://gateway.example:8443"),
        ({"EVA_GATEWAY": None}, 2, "EVA_GATEWAY"),
    ],
)
def test_a_gateway_out_of_reach_says_what_to_do(
    environment: dict[str, str | None], exit_code: int, words: str, shell: People
) -> None:
    result = shell("contoso", signed_in=False)("whoami", **environment)
    assert result.exit_code == exit_code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_certificate_for_another_name_is_not_trusted(
    shell: People, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *more, **most: find("127.0.0.1", *more, **most)
    )
    other = site.base.replace("localhost", "gateway.example")
    result = shell("contoso", signed_in=False)("whoami", EVA_GATEWAY=other)
    assert result.exit_code == 3
    assert "not trusted" in result.stderr


def test_a_server_that_is_no_gateway_is_said_to_be_none(shell: People, site: Site) -> None:
    result = shell("contoso", signed_in=False)("whoami", EVA_GATEWAY=site.standing.operations)
    assert result.exit_code == 3
    assert "does not answer like a gateway" in result.stderr


def test_the_journey_of_a_consent(shell: People, site: Site) -> None:
    """The seed's enableVmAccess and Delete-TenantVMSession, by the command line."""
    contoso, olga = shell("contoso"), shell("olga")
    web01 = site.vm("web01")
    assert f"ERCSName: {NODE}" in contoso.ok("consent", "request", web01, "--reason", "locked out")
    given = contoso.json("consent", "request", web01)  # the same one
    assert given["ERCSName"] == NODE
    assert given["reason"] == "locked out"
    assert given["id"] in olga.ok("consent", "list")
    assert [c["id"] for c in olga.json("consent", "list")["consents"]] == [given["id"]]
    assert "finished" in olga.ok("consent", "delete", web01.upper(), "--reason", "done")
    assert "There are no active consents." in contoso.ok("consent", "list")
    assert given["id"] in contoso.ok("consent", "list", "--history")
    again = contoso.json("consent", "request", web01)
    assert "withdrawn" in contoso.ok("consent", "delete", again["id"])
    result = contoso("consent", "delete", again["id"])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_vm_that_is_not_ones_own_is_not_there(shell: People, site: Site) -> None:
    fabrikam = shell("fabrikam")
    refused = fabrikam("consent", "request", site.vm("web01"))
    missing = fabrikam("consent", "request", NO_VM)
    assert (refused.exit_code, refused.stderr) == (1, missing.stderr)


def test_an_admin_enables_and_disables_a_subscription(shell: People) -> None:
    admin = shell("admin")
    guid = "11111111-2222-4333-8444-555555555555"
    assert "is enabled" in admin.ok("subscription", "enable", guid.upper())
    listed = admin.json("subscription", "list")["subscriptions"]
    assert {"id": guid, "enabled": True} in listed
    assert f"{guid}  disabled" not in admin.ok("subscription", "list")
    assert "is disabled" in admin.ok("subscription", "disable", guid)
    assert f"{guid}  disabled" in admin.ok("subscription", "list")
    assert shell("contoso")("subscription", "enable", guid).exit_code == 1


def test_access_is_granted_to_the_calling_workstation(shell: People) -> None:
    """The seed's Grant- and Revoke-RdpAccessToErcsVM, on each node."""
    admin = shell("admin")
    node = ("--node", "AzS-ERCS02")
    assert "127.0.0.1/32" in admin.ok("access", "grant", *node)
    assert "127.0.0.1/32" in admin.ok("access", "list", *node)
    assert "10.20.0.0/24" in admin.ok("access", "grant", "10.20.0.0/24", *node)
    admin.ok("access", "revoke", *node)
    admin.ok("access", "revoke", "10.20.0.0/24", *node)
    assert "nobody reaches a console" in admin.ok("access", "list", *node)
    assert admin("access", "grant", "not-an-address").exit_code == 1
    assert [w["network"] for w in admin.json("access", "list")["workstations"]]


def test_accounts_are_created_disabled_and_invited_again(shell: People, site: Site) -> None:
    admin = shell("admin")
    created = admin.ok("account", "create", "nora", "--role", "tenant", "--subscription", CONTOSO)
    assert f"{site.base}/set-up#" in created
    assert "to be set up" in admin.ok("account", "list")
    first = admin.json("account", "set-up-link", "NORA")["set_up_link"]
    assert first not in created
    admin.ok("account", "disable", "nora")
    listed = {a["name"]: a for a in admin.json("account", "list")["accounts"]}
    assert listed["nora"]["disabled"]
    admin.ok("account", "enable", "nora")
    assert "no account" in admin("account", "disable", "nobody").stderr
    assert admin("account", "create", "x", "--role", "root").exit_code == 2
    assert shell("olga")("account", "create", "x", "--role", "admin").exit_code == 1


def test_the_audit_log_is_listed_and_verified(shell: People) -> None:
    admin = shell("admin")
    assert "is intact" in admin.ok("audit", "verify")
    assert admin.json("audit", "verify")["intact"] is True
    assert "sign_in" in admin.ok("audit", "list", "--limit", "5")
    page = admin.json("audit", "list", "--limit", "2")
    assert len(page["records"]) == 2
    older = admin.json("audit", "list", "--limit", "1", "--before", str(page["next"]))
    assert older["records"][0]["seq"] == page["next"] - 1
    result = admin("audit", "list", "--limit", "1")
    assert "--before" in result.stderr  # beside the table, not in it
    assert len(result.stdout.splitlines()) == 2
    assert admin("audit", "list", "--outcome", "perhaps").exit_code == 1


def test_nothing_is_live_and_says_so(shell: People) -> None:
    admin = shell("admin")
    assert admin.ok("session", "list") == "No console is open.\n"
    assert admin.json("session", "list") == {"sessions": []}
    assert admin("session", "end", "0" * 32).exit_code == 1


def test_hostile_names_cannot_steer_the_terminal(shell: People, site: Site) -> None:
    contoso = shell("contoso")
    web01 = site.vm("web01")
    contoso.ok("consent", "request", web01, "--reason", "\x1b[31mred \u202eelif\u2028 [bold]x[/]")
    shown = contoso.ok("consent", "list")
    contoso.ok("consent", "delete", web01)
    assert not {"\x1b", "\u202e", "\u2028"} & set(shown)
    assert "[bold]x[/]" in shown


def test_throttling_says_when_to_come_back(shell: People) -> None:
    omar = shell("omar", signed_in=False)
    results = [omar("login", "--user", "omar", "--password-stdin", typed="x\n") for _ in range(12)]
    assert results[-1].exit_code == 1
    assert "try again in" in results[-1].stderr


def test_every_command_helps(shell: People) -> None:
    """A sentence, an example, and the seed's cmdlet where there is one."""
    nobody = shell("nobody", signed_in=False)
    for command in (
        "serve", "demo", "login", "logout", "whoami", "connect",
        "account create", "account list", "account disable", "account enable",
        "account set-up-link", "subscription enable", "subscription disable", "subscription list",
        "access grant", "access revoke", "access list", "consent request", "consent list",
        "consent delete", "session list", "session end", "audit list", "audit verify",
        "config check", "config show", "inventory libvirt",
    ):  # fmt: skip
        text = " ".join(nobody.ok(*command.split(), "--help").split())
        assert f"eva-gateway {command}" in text, command
    for command, cmdlet in (
        ("access grant", "Grant-RdpAccessToErcsVM"),
        ("access revoke", "Revoke-RdpAccessToErcsVM"),
        ("consent delete", "Delete-TenantVMSession"),
        ("connect", "ConnectTo-TenantVm"),
        ("consent request", "enableVmAccess"),
        ("subscription enable", "enableTenantSubscriptionFeature"),
    ):
        text = nobody.ok(*command.split(), "--help")
        assert cmdlet in "".join(line.strip() for line in text.splitlines()).replace(" ", "")


def test_no_password_is_ever_a_flag(shell: People) -> None:
    """Every user of a machine may read the arguments of its processes."""
    nobody = shell("nobody", signed_in=False)
    for command in ("login", "connect", "whoami"):
        for flag in ("--password", "--secret"):
            result = nobody(command, flag, "x")
            assert result.exit_code == 2, (command, flag)
