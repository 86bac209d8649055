"""What VMAccessAgent does in a Windows guest, held against the seed's page sentence by sentence."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.recovery.calls import Accepted, Answer, Declined, Done, PowerShell, Secret, Told
from gateway.recovery.catalogue import (
    domain_controller,
    empty_password,
    not_an_administrator,
    password_policy,
)
from gateway.recovery.handlers import WINDOWS
from gateway.recovery.kinds import ActionKind
from gateway.recovery.plan import Failure, Plan, Success
from gateway.recovery.windows import is_supported
from gateway.recovery.windows_scripts import SCRIPTS, Exit
from tests.recovery.samples import (
    PASSWORD,
    SERVER_2022,
    keys,
    planned,
    refused,
    reported_text,
    walk,
    windows,
)

NAME = "VMAccessAgent"
UPDATE = planned(windows({"username": "myuser"}, {"password": PASSWORD}))
RESET = planned(windows({}))


def script(plan: Plan, key: str) -> PowerShell:
    call = next(step.call for step in plan.steps if step.key == key)
    assert isinstance(call, PowerShell)
    return call


class TestUpdatingAUser:
    """ "It grants administrator privileges to the specified account in the username field." """

    def test_an_administrator_gets_the_password_and_is_enabled(self) -> None:
        steps, outcome = walk(UPDATE)
        assert keys(steps) == [
            "system", "domain", "account", "password", "enable", "connections", "firewall",
            "service",
        ]  # fmt: skip
        assert isinstance(outcome, Success)
        assert outcome.message.startswith("Successfully updated Admin account")
        assert UPDATE.kind is ActionKind.SET_PASSWORD

    def test_a_name_that_the_guest_does_not_know_becomes_an_administrator(self) -> None:
        steps, outcome = walk(UPDATE, account=Done(Exit.NO_SUCH_ACCOUNT))
        assert keys(steps) == [
            "system", "domain", "account", "create", "enable", "connections", "firewall", "service",
        ]  # fmt: skip
        assert isinstance(outcome, Success)
        assert "Invoke('Add'" in script(UPDATE, "create").script

    def test_remote_desktop_is_set_to_allow_login(self) -> None:
        """ "VMAccess modifies the Remote Desktop settings to allow login." """
        text = script(UPDATE, "connections").script
        for place in ("$server", "$policy"):
            assert f"-LiteralPath {place} -Name 'fDenyTSConnections' -Value 0" in text
        # The port stays: 0 opens the firewall for the one that is configured.
        assert script(UPDATE, "firewall").arguments == {"port": 0}
        assert script(UPDATE, "service").arguments == {"restart": False}

    def test_the_password_travels_to_its_two_scripts_only(self) -> None:
        carrying = [
            step.key
            for step in UPDATE.steps
            if isinstance(step.call, PowerShell)
            and any(isinstance(value, Secret) for value in step.call.arguments.values())
        ]
        assert carrying == ["create", "password"]
        assert script(UPDATE, "password").arguments == {
            "user": "myuser", "password": Secret(PASSWORD),
        }  # fmt: skip

    def test_keys_and_places_that_other_clients_use_are_read(self) -> None:
        """Az PowerShell sends UserName and Password."""
        plan = planned(windows({"UserName": "myuser"}, {"Password": PASSWORD}))
        assert script(plan, "password").arguments["user"] == "myuser"
        plan = planned(windows({}, {"username": "myuser", "password": PASSWORD}))
        assert script(plan, "password").arguments["user"] == "myuser"


class TestResettingRemoteDesktop:
    """`settings: {}` and no protected settings: "Reset RDP Configuration"."""

    def test_it_resets_settings_port_firewall_and_service(self) -> None:
        steps, outcome = walk(RESET)
        assert keys(steps) == ["system", "domain", "connections", "port", "firewall", "service"]
        assert isinstance(outcome, Success)
        assert outcome.message == "Successfully reset Remote Desktop Connection settings."
        assert RESET.kind is ActionKind.RESET_REMOTE_DESKTOP

    def test_the_port_is_3389_again_and_open(self) -> None:
        assert script(RESET, "port").arguments == {"port": 3389}
        assert "-Name 'PortNumber'" in script(RESET, "port").script
        assert script(RESET, "firewall").arguments == {"port": 3389}
        assert "LocalPort = $port" in script(RESET, "firewall").script

    def test_the_service_is_enabled_and_starts_with_the_new_port(self) -> None:
        assert script(RESET, "service").arguments == {"restart": True}
        text = script(RESET, "service").script
        assert text.index("Set-Service -Name 'TermService' -StartupType Automatic") < text.index(
            "Restart-Service"
        )

    @pytest.mark.parametrize(
        ("settings", "protected"),
        [({}, None), ({}, {}), ({"username": ""}, {"password": ""}), ({"username": None}, {})],
    )
    def test_empty_settings_of_any_client_ask_for_it(self, settings: Any, protected: Any) -> None:
        assert planned(windows(settings, protected)).kind is ActionKind.RESET_REMOTE_DESKTOP

    @pytest.mark.parametrize(
        ("settings", "protected"),
        [({"check_disk": "true"}, None), ({}, {"reset_ssh": True}), ({"user": "ana"}, {})],
    )
    def test_whoever_asks_for_something_else_gets_no_reset(
        self, settings: Any, protected: Any
    ) -> None:
        text = reported_text(refused(windows(settings, protected)))
        assert "something that VMAccessAgent does not do" in text

    def test_a_firewall_that_does_not_run_is_in_nobodys_way(self) -> None:
        steps, outcome = walk(RESET, firewall=Done(Exit.FIREWALL_OFF))
        assert keys(steps)[-1] == "service"
        assert isinstance(outcome, Success)


class TestFailures:
    """The rows of the error table that a Windows guest brings about."""

    @pytest.mark.parametrize("plan", [UPDATE, RESET])
    def test_e2_a_domain_controller_is_left_alone(self, plan: Plan) -> None:
        """ "Not supported on Domain Controllers"."""
        steps, outcome = walk(plan, domain=Done(Exit.DOMAIN_CONTROLLER))
        assert outcome == domain_controller(NAME, WINDOWS)
        assert not any(step.changes for step in steps)

    @pytest.mark.parametrize(
        ("account", "refusing"), [(0, "password"), (int(Exit.NO_SUCH_ACCOUNT), "create")]
    )
    def test_e4_the_guests_password_policy_decides(self, account: int, refusing: str) -> None:
        answers: dict[str, Answer] = {
            "account": Done(account), refusing: Done(Exit.PASSWORD_POLICY),
        }  # fmt: skip
        steps, outcome = walk(UPDATE, **answers)
        assert outcome == password_policy(NAME, WINDOWS)
        assert keys(steps)[-1] == refusing

    @pytest.mark.parametrize("protected", [None, {}, {"password": ""}, {"password": None}])
    def test_e5_a_user_without_a_password_asks_nothing_of_the_guest(self, protected: Any) -> None:
        assert refused(windows({"username": "myuser"}, protected)) == empty_password(NAME, WINDOWS)

    def test_e7_a_user_who_is_no_administrator_stays_none(self) -> None:
        steps, outcome = walk(UPDATE, account=Done(Exit.NOT_AN_ADMINISTRATOR))
        assert outcome == not_an_administrator(NAME, WINDOWS, "myuser")
        assert not any(step.changes for step in steps)

    def test_a_password_without_a_user_is_a_failure(self) -> None:
        text = reported_text(refused(windows({}, {"password": PASSWORD})))
        assert (
            text == "The Admin User Account name cannot be null or empty if provided the password."
        )

    @pytest.mark.parametrize(
        "user",
        ["a" * 21, "a/b", "a\\b", "DOMAIN\\ana", "a,user", "a\nb", "...", ". .", "a@b", "a\x00",
         3, ["a"], {"CliXml": "x"}, True],
    )  # fmt: skip
    def test_a_user_that_windows_cannot_have_is_not_asked_for(self, user: Any) -> None:
        text = reported_text(refused(windows({"username": user}, {"password": PASSWORD})))
        assert text.endswith("Error: The user name is not valid.")

    @pytest.mark.parametrize("user", ["Administrator", "ana.b", "Ünal", "a b", "a'b", "$(x)", "1"])
    def test_a_user_that_windows_can_have_is(self, user: str) -> None:
        plan = planned(windows({"username": user}, {"password": PASSWORD}))
        assert script(plan, "password").arguments["user"] == user

    @pytest.mark.parametrize("password", [PASSWORD + "\n", "a\x00", "a" * 257, 12345678, {"a": 1}])
    def test_a_password_that_windows_cannot_have_is_not_sent(self, password: Any) -> None:
        failure = refused(windows({"username": "ana"}, {"password": password}))
        assert reported_text(failure).endswith("Error: The password is not valid.")
        assert str(password) not in failure.message

    def test_anything_else_fails_in_the_handlers_frame(self) -> None:
        _, outcome = walk(RESET, service=Done(1, stderr="Access is denied.\r\n  at <script>"))
        assert isinstance(outcome, Failure)
        assert reported_text(outcome) == (
            "Cannot update Remote Desktop Connection settings for Administrator account. Error: "
            "Enable and start the Remote Desktop service: exit code 1: Access is denied. at "
            "<script>"
        )

    def test_a_guest_that_echoes_the_password_is_not_quoted(self) -> None:
        _, outcome = walk(UPDATE, password=Done(1, stderr=f"cannot set {PASSWORD}"))
        assert isinstance(outcome, Failure)
        assert PASSWORD not in outcome.message
        assert "not shown" in outcome.message


# What guest-get-osinfo says of every row of the seed's table, and of systems that are not in it.
@pytest.mark.parametrize(
    ("variant", "version", "build", "supported"),
    [
        ("client", "10", "19045", True),
        ("client", "11", "22631", True),
        ("client", "10", "22631", True),  # an agent from before Windows 11
        ("server", "2016", "14393", True),
        ("server", "2019", "17763", True),
        ("server", "2022", "20348", True),
        ("server", "2025", "26100", True),
        ("server", "N/A", "26100", True),  # an agent from before Windows Server 2025
        ("server", "2012r2", "9600", False),
        ("server", "2008r2", "7601", False),
        ("client", "7", "7601", False),
        ("client", "8.1", "9600", False),
        ("server", "10", "10240", False),
        ("client", "N/A", "", False),
    ],
)
def test_the_seeds_table_of_systems(
    variant: str, version: str, build: str, supported: bool
) -> None:
    kernel = "6.3" if build in {"9600", "7601"} else "10.0"
    told = Told(
        {**SERVER_2022, "variant-id": variant, "version-id": version, "kernel-release": build,
         "kernel-version": kernel}
    )  # fmt: skip
    assert is_supported(told) is supported
    steps, outcome = walk(RESET, system=told)
    assert isinstance(outcome, Success if supported else Failure)
    if not supported:
        assert isinstance(outcome, Failure)
        assert "supports Windows 10, Windows 11, and Windows Server 2016" in outcome.message
        assert keys(steps) == ["system"]


@pytest.mark.parametrize(
    "told",
    [{}, {"id": "debian"}, {"id": None}, {"id": ["mswindows"]}, {**SERVER_2022, "id": "linux"},
     {**SERVER_2022, "machine": "x86"}, {"id": "mswindows", "kernel-release": "9" * 5000},
     {"id": "mswindows", "kernel-version": "10.0", "kernel-release": "٢٠٣٤٨"}],
)  # fmt: skip
def test_whatever_else_a_guest_tells_is_refused(told: dict[str, Any]) -> None:
    assert not is_supported(Told(told))


def test_an_agent_that_cannot_tell_is_asked_by_script() -> None:
    steps, outcome = walk(RESET, system=Declined("CommandNotFound", "guest-get-osinfo"))
    assert isinstance(outcome, Success)
    assert keys(steps)[1] == "domain"
    _, outcome = walk(RESET, system=Declined("CommandNotFound", ""), domain=Done(Exit.UNSUPPORTED))
    assert isinstance(outcome, Failure)


def test_an_answer_of_the_wrong_kind_stops_it() -> None:
    _, outcome = walk(RESET, system=Accepted())
    assert isinstance(outcome, Failure)


class TestScripts:
    """What can be held against the scripts without a Windows to run them."""

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_exit_codes_are_those_of_the_table(self, name: str) -> None:
        codes = {int(code) for code in re.findall(r"\bexit (\d+)", SCRIPTS[name])}
        assert codes <= set(Exit)
        assert Exit.DONE in codes

    def test_every_exit_code_is_read_by_the_step_that_may_get_it(self) -> None:
        for plan in (UPDATE, RESET):
            for step in plan.steps:
                if isinstance(step.call, PowerShell):
                    own = step.call.script.split("function Get-Administrators")[-1]
                    codes = {int(code) for code in re.findall(r"\bexit (\d+)", own)}
                    for code in codes:
                        assert any(r.fit.fits(Done(code)) for r in step.readings), (step.key, code)

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_a_script_reads_its_arguments_from_stdin_and_only_once(self, name: str) -> None:
        assert SCRIPTS[name].count("[Console]::In.ReadToEnd() | ConvertFrom-Json") == 1
        assert "param(" not in SCRIPTS[name]
        assert "$args" not in SCRIPTS[name]

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_a_script_asks_for_what_its_step_gives(self, name: str) -> None:
        wanted = set(re.findall(r"\$given\.(\w+)", SCRIPTS[name]))
        for plan in (UPDATE, RESET):
            for step in plan.steps:
                if isinstance(step.call, PowerShell) and step.call.name == name:
                    assert wanted == set(step.call.arguments)

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_groups_are_named_by_sid_and_nothing_is_evaluated(self, name: str) -> None:
        text = SCRIPTS[name]
        for word in ("Administrators'", "net localgroup", "net user", "Invoke-Expression", "iex ",
                     "Write-Output", "Write-Host", "Start-Transcript"):  # fmt: skip
            assert word not in text

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_brackets_and_quotes_are_closed(self, name: str) -> None:
        text = re.sub(r"#.*", "", SCRIPTS[name])
        text = re.sub(r"'[^'\n]*'", "", text)
        assert text.count('"') % 2 == 0
        for opening, closing in ("()", "{}", "[]"):
            assert text.count(opening) == text.count(closing)

    def test_administrators_are_found_by_their_sid(self) -> None:
        assert "'S-1-5-32-544'" in SCRIPTS["inspect-account"]
        assert "'S-1-5-32-544'" in SCRIPTS["create-administrator"]

    def test_what_windows_says_of_a_policy_is_known_by_number(self) -> None:
        # NERR_PasswordTooShort 2245, ERROR_PASSWORD_RESTRICTION 1325, ERROR_ILL_FORMED_PASSWORD
        # 1324, as HRESULT_FROM_WIN32 makes them: 0x80070000 + the number, a signed int.
        for number in (2245, 1325, 1324):
            assert str(0x80070000 + number - 2**32) in SCRIPTS["set-password"]
        assert f"$userNotFound = {0x80070000 + 2221 - 2**32}\n" in SCRIPTS["inspect-account"]
