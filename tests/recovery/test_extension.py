"""The extension resource, as every client spells it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ExtensionRefused, InvalidInput
from gateway.recovery.extension import (
    MAX_TEXT,
    as_flag,
    merge_patch,
    parse_extension,
    pick,
    same_request,
)
from tests.recovery.samples import PASSWORD, body, windows

# The body that `az vm extension set` sends for the seed's command, as recorded.
FROM_AZ = json.loads(
    '{"location":"local","properties":{"autoUpgradeMinorVersion":true,"protectedSettings":'
    '{"password":"myPassWord"},"publisher":"Microsoft.Compute","settings":{"username":"myuser"},'
    '"type":"VMAccessAgent","typeHandlerVersion":"2.0"}}'
)


def test_the_body_that_az_sends_is_read() -> None:
    request = parse_extension("VMAccessAgent", FROM_AZ)
    assert (request.publisher, request.type, request.version) == (
        "Microsoft.Compute", "VMAccessAgent", "2.0",
    )  # fmt: skip
    assert request.auto_upgrade is True
    assert request.force_update_tag is None
    assert request.settings == {"username": "myuser"}
    assert request.protected == {"password": "myPassWord"}


@given(st.data())
def test_keys_are_read_whatever_their_case(data: st.DataObject) -> None:
    def shaken(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in key): shaken(inner)
            for key, inner in value.items()
        }

    request = parse_extension("VMAccessAgent", shaken(FROM_AZ))
    assert same_request(parse_extension("VMAccessAgent", FROM_AZ), request)


def test_a_template_may_say_true_as_a_text() -> None:
    sent = body("Microsoft.Compute", "VMAccessAgent", "2.4")
    sent["properties"]["autoUpgradeMinorVersion"] = "true"
    assert parse_extension("x", sent).auto_upgrade is True
    sent["properties"]["autoUpgradeMinorVersion"] = "False"
    assert parse_extension("x", sent).auto_upgrade is False
    del sent["properties"]["autoUpgradeMinorVersion"]
    assert parse_extension("x", sent).auto_upgrade is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("FALSE", False), (" True ", True),
     ("yes", None), (1, None), (0, None), ("", None), (None, None), ([], None)],
)  # fmt: skip
def test_a_flag_is_true_false_or_their_names(value: Any, expected: bool | None) -> None:
    assert as_flag(value) is expected


@pytest.mark.parametrize("key", ["settings", "protectedSettings"])
@pytest.mark.parametrize("value", ['{"username": "x"}', ["x"], 3, True])
def test_settings_that_are_no_object_are_refused_early(key: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_extension("x", body("Microsoft.Compute", "VMAccessAgent", "2.4", **{key: value}))
    assert refusal.value.field == f"properties.{key}"


def test_null_settings_are_none() -> None:
    request = parse_extension(
        "x",
        body("Microsoft.Compute", "VMAccessAgent", "2.4", settings=None, protectedSettings=None),
    )
    assert request.settings == {}
    assert request.protected is None


@pytest.mark.parametrize("key", ["password", "Password", "SSH_key"])
def test_a_secret_among_the_settings_that_are_shown_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        windows({key: PASSWORD})
    assert refusal.value.field == f"properties.settings.{key}"
    assert PASSWORD not in str(refusal.value)


def test_one_key_in_two_spellings_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        windows({"username": "ana", "UserName": "bob"})
    with pytest.raises(InvalidInput, match="twice"):
        parse_extension("x", {"Properties": {}, "properties": {}})


@pytest.mark.parametrize("missing", ["publisher", "type", "typeHandlerVersion"])
def test_what_says_which_handler_is_needed(missing: str) -> None:
    sent = body("Microsoft.Compute", "VMAccessAgent", "2.4")
    del sent["properties"][missing]
    with pytest.raises(InvalidInput) as refusal:
        parse_extension("x", sent)
    assert refusal.value.field == f"properties.{missing}"


@pytest.mark.parametrize("sent", [{}, {"properties": None}, {"properties": []}, {"properties": ""}])
def test_a_body_without_properties_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="properties"):
        parse_extension("x", sent)


def test_a_handler_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(ExtensionRefused) as refusal:
        parse_extension("x", body("Microsoft.Compute", "CustomScriptExtension", "1.10"))
    assert refusal.value.code == "ArtifactNotFound"
    assert "'CustomScriptExtension'" in refusal.value.reason


@pytest.mark.parametrize(
    "name", ["", "a" * 81, "../x", "a/b", "a\\b", "a?b", "a#b", "a%b", "a\n", ".x", " x", "x ", "é"]
)
def test_a_name_is_one_plain_segment(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_extension(name, FROM_AZ)
    assert refusal.value.field == "name"


@pytest.mark.parametrize("name", ["enablevmaccess", "VMAccessAgent", "my.ext_1-2 (b)", "a" * 80])
def test_names_that_clients_choose_are_taken(name: str) -> None:
    assert parse_extension(name, FROM_AZ).name == name


def test_a_provisioning_state_may_be_sent_back_but_not_set() -> None:
    sent = body("Microsoft.Compute", "VMAccessAgent", "2.4", provisioningState="Succeeded")
    assert parse_extension("x", sent, state="Succeeded").version == "2.4"
    for state in (None, "Failed"):
        with pytest.raises(InvalidInput, match="provisioningState"):
            parse_extension("x", sent, state=state)


def test_a_key_vault_is_not_ignored() -> None:
    with pytest.raises(InvalidInput, match="key vault"):
        parse_extension(
            "x",
            body("Microsoft.Compute", "VMAccessAgent", "2.4", protectedSettingsFromKeyVault={}),
        )


@pytest.mark.parametrize(
    "settings",
    [{"username": "a" * (MAX_TEXT + 1)}, {str(n): "" for n in range(65)},
     {"a": {"b": ["c" * (MAX_TEXT + 1)]}}, {"a" * (MAX_TEXT + 1): 1, "b": {"c" * 20000: 1}}],
)  # fmt: skip
def test_settings_are_bounded(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="too large"):
        windows(settings)


def test_what_is_too_large_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refusal:
        windows({}, {"password": PASSWORD * 1000})
    assert PASSWORD not in str(refusal.value)


def test_no_repr_shows_protected_settings() -> None:
    assert PASSWORD not in repr(windows({"username": "ana"}, {"password": PASSWORD}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("True", "True"), (True, "True"), ("", None), (None, None), ("2f0c", "2f0c")],
)
def test_a_force_update_tag_is_a_text(value: Any, expected: str | None) -> None:
    request = parse_extension(
        "x", body("Microsoft.Compute", "VMAccessAgent", "2.4", forceUpdateTag=value)
    )
    assert request.force_update_tag == expected


@pytest.mark.parametrize("value", [{}, 3, "a" * 1025, "\0", "\ud800"])
def test_a_force_update_tag_is_nothing_else(value: Any) -> None:
    with pytest.raises(InvalidInput, match="forceUpdateTag"):
        parse_extension(
            "x", body("Microsoft.Compute", "VMAccessAgent", "2.4", forceUpdateTag=value)
        )


class TestSameRequest:
    """Only what asks for something new is carried out (T6)."""

    def test_the_very_same_body_asks_for_nothing_new(self) -> None:
        assert same_request(windows({}), windows({}))
        assert same_request(windows({}), windows({}, {}))
        assert same_request(
            windows({"username": "ana"}, {"password": PASSWORD}),
            windows({"UserName": "ana"}, {"Password": PASSWORD}),
        )

    def test_a_new_tag_asks_again_and_none_does_not(self) -> None:
        def tagged(tag: str | None) -> Any:
            return parse_extension(
                "VMAccessAgent",
                body("Microsoft.Compute", "VMAccessAgent", "2.0", settings={}, forceUpdateTag=tag),
            )

        assert not same_request(windows({}), tagged("1"))
        assert same_request(tagged("1"), tagged("1"))
        assert not same_request(tagged("1"), tagged("2"))
        assert same_request(tagged("1"), tagged(None))

    @pytest.mark.parametrize(
        "other",
        [
            windows({"username": "Ana"}, {"password": PASSWORD}),
            windows({"username": "ana"}, {"password": PASSWORD + "!"}),
            windows({"username": "ana"}),
            windows({}, {"password": PASSWORD}),
            windows({"username": "ana"}, {"password": PASSWORD}, name="other"),
        ],
    )
    def test_anything_else_that_differs_asks_for_something(self, other: Any) -> None:
        assert not same_request(windows({"username": "ana"}, {"password": PASSWORD}), other)


class TestMergePatch:
    """A PATCH changes what it names."""

    def test_what_is_left_out_stays(self) -> None:
        existing = windows({"username": "ana"}, {"password": PASSWORD})
        patched = merge_patch(existing, {"properties": {"forceUpdateTag": "7", "settings": {}}})
        assert patched.force_update_tag == "7"
        assert patched.settings == {}
        assert patched.protected == {"password": PASSWORD}
        assert (patched.version, patched.auto_upgrade) == ("2.0", True)
        assert merge_patch(existing, {"properties": {}}) == existing

    def test_what_is_named_is_replaced(self) -> None:
        patched = merge_patch(
            windows({"username": "ana"}, {"password": PASSWORD}),
            {
                "Properties": {
                    "TypeHandlerVersion": "2.4",
                    "autoUpgradeMinorVersion": "false",
                    "protectedSettings": {"password": "other"},
                }
            },
        )
        assert (patched.version, patched.auto_upgrade) == ("2.4", False)
        assert patched.settings == {"username": "ana"}
        assert patched.protected == {"password": "other"}

    def test_the_handler_stays_what_it_is(self) -> None:
        merge_patch(windows({}), {"properties": {"publisher": "microsoft.compute"}})
        for change in ({"publisher": "Contoso"}, {"type": "VMAccessForLinux"}):
            with pytest.raises(InvalidInput, match="cannot be changed"):
                merge_patch(windows({}), {"properties": change})

    def test_it_is_read_as_strictly_as_a_put(self) -> None:
        for change in (
            {"settings": "{}"},
            {"protectedSettings": []},
            {"settings": {"password": PASSWORD}},
            {"provisioningState": "Succeeded"},
            {"autoUpgradeMinorVersion": "perhaps"},
        ):
            with pytest.raises(InvalidInput):
                merge_patch(windows({}), {"properties": change})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                    max_leaves=20))  # fmt: skip
def test_any_json_at_all_is_read_or_refused(properties: Any) -> None:
    whole = {"properties": properties}
    if isinstance(properties, dict):
        whole = body("Microsoft.Compute", "VMAccessAgent", "2.4", settings=properties)
    try:
        request = parse_extension("x", whole)
    except (InvalidInput, ExtensionRefused):
        return
    assert request.settings == properties


def test_null_and_missing_are_one() -> None:
    assert pick({"A": None}, "a") is None
    assert pick({}, "a") is None
    assert pick({"A": 0}, "a") == 0
