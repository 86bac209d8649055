"""A scale set's model: what a PUT and a PATCH leave of it, and what they never keep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidInput
from gateway.recovery.scale_set import (
    DEEPEST,
    Grounds,
    Model,
    first_model,
    patch_over,
    put_over,
    read_scale_set,
)

GROUNDS = Grounds("web", "local", "linux", 2)
IMAGE = {"publisher": "Canonical", "offer": "ubuntu", "sku": "24_04", "version": "latest"}


def profile(**members: Any) -> Model:
    return {"properties": {"virtualMachineProfile": members}}


def extensions(*entries: Any) -> Model:
    return profile(extensionProfile={"extensions": list(entries)})


def written(body: Model) -> Model:
    return read_scale_set(body, GROUNDS).model


def nested(depth: int) -> Model:
    return {"a": nested(depth - 1)} if 1 < depth else {}


def test_nobody_wrote_it_yet_and_az_finds_what_it_reads() -> None:
    model = first_model(GROUNDS)
    assert model["sku"]["capacity"] == 2
    assert model["properties"]["upgradePolicy"] == {"mode": "Manual"}
    storage = model["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["osDisk"]["osType"] == "Linux"


def test_an_image_reference_that_is_left_out_stays() -> None:
    old = put_over({}, written(profile(storageProfile={"imageReference": IMAGE})), GROUNDS)
    for sent in (profile(storageProfile={}), profile(), {}, profile(storageProfile=None)):
        new = put_over(old, written(sent), GROUNDS)
        assert (
            new["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] == IMAGE
        ), sent
    other = profile(storageProfile={"imageReference": {"id": "/another"}})
    new = put_over(old, written(other), GROUNDS)
    storage = new["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == {"id": "/another"}


def test_a_put_drops_what_it_leaves_out() -> None:
    old = put_over({}, {"tags": {"team": "web"}, "zones": ["1"]}, GROUNDS)
    assert put_over(old, {"tags": {"a": "b"}}, GROUNDS)["tags"] == {"a": "b"}
    assert "zones" not in put_over(old, {}, GROUNDS)


def test_a_patch_keeps_what_it_leaves_out_and_drops_what_is_null() -> None:
    old = put_over({}, {"tags": {"team": "web", "cost": "7"}, "zones": ["1"]}, GROUNDS)
    new = patch_over(old, written({"tags": {"Team": "db"}, "zones": None}), GROUNDS)
    assert new["tags"] == {"team": "web", "cost": "7", "Team": "db"}
    assert "zones" not in new
    gone = patch_over(old, written({"properties": {"virtualMachineProfile": None}}), GROUNDS)
    assert "storageProfile" in gone["properties"]["virtualMachineProfile"], "az would fail"


def test_saying_nothing_about_extensions_is_not_saying_that_there_are_none() -> None:
    assert read_scale_set({}, GROUNDS).extensions is None
    assert read_scale_set(profile(extensionProfile={}), GROUNDS).extensions is None
    assert read_scale_set(extensions(), GROUNDS).extensions == ()


def test_extensions_are_read_with_their_secrets_and_leave_the_model() -> None:
    entry = {"name": "A", "properties": {"protectedSettings": {"password": "hunter2"}}}
    body = {"Properties": {"VIRTUALMACHINEPROFILE": {"extensionprofile": {"EXTENSIONS": [entry]}}}}
    found = read_scale_set(body, GROUNDS)
    assert found.extensions is not None
    assert [(e.name, e.body) for e in found.extensions] == [("A", entry)]
    assert found.model == {"properties": {"virtualMachineProfile": {"extensionProfile": {}}}}


def test_what_clients_send_back_of_our_own_words_is_not_kept() -> None:
    body = {
        "id": "/x",
        "name": "web",
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "location": "Local",
        "properties": {"provisioningState": "Succeeded", "uniqueId": "1", "overprovision": False},
    }
    assert written(body) == {"properties": {"overprovision": False}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"properties": []}, "properties"),
        (profile(storageProfile="x"), "properties.virtualMachineProfile.storageProfile"),
        (profile(extensionProfile=[]), "extensionProfile"),
        (extensions("x"), "extensions"),
        (extensions({"properties": {}}), "extensions"),
        (extensions({"name": ""}), "extensions"),
        (extensions({"name": 7}), "extensions"),
        (extensions({"name": "A"}, {"name": "a"}), "extensions"),
        (profile(extensionProfile={"extensions": {}}), "extensions"),
        ({"properties": {"provisioningState": "Failed"}}, "properties.provisioningState"),
        ({"properties": {"provisioningState": []}}, "properties.provisioningState"),
        ({"properties": {"upgradePolicy": {"mode": "Rolling"}}}, "properties.upgradePolicy.mode"),
        ({"properties": {"upgradePolicy": {"mode": []}}}, "properties.upgradePolicy.mode"),
        ({"sku": {"capacity": 3}}, "sku.capacity"),
        ({"sku": {"capacity": []}}, "sku.capacity"),
        ({"location": "elsewhere"}, "location"),
        ({"location": 5}, "location"),
        ({"tags": {"a": 1}}, "tags"),
        ({"Sku": {}, "sku": {}}, "sku"),
        ({"a": nested(DEEPEST)}, "body"),
        ({"a": [[nested(DEEPEST)]]}, "body"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(body: Model, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_scale_set(body, GROUNDS)
    assert refused.value.field.endswith(field)


def test_what_is_just_right_is_not_refused() -> None:
    body = {"sku": {"capacity": 2}, "a": nested(DEEPEST - 1), "tags": None, "location": "LOCAL"}
    body |= {"properties": {"upgradePolicy": {"mode": "manual"}}}
    read_scale_set(body, GROUNDS)


SECRET = "S3CRET"
secret_keys = st.sampled_from(
    ["adminPassword", "ADMINPASSWORD", "customData", "userData", "protectedSettings"]
)
plain_keys = st.sampled_from(["osProfile", "x", "y", "extensions", "properties", "storageProfile"])
leaves = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "word"])


def objects(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Model]:
    secrets = st.dictionaries(secret_keys, st.just(SECRET) | st.just({"p": [SECRET]}), max_size=2)
    plain = st.dictionaries(plain_keys, members, max_size=3)
    return st.builds(lambda one, other: {**one, **other}, secrets, plain)


bodies = objects(st.recursive(leaves, lambda m: objects(m) | st.lists(m, max_size=3)))


@given(bodies, bodies)
def test_no_secret_is_kept_and_writing_twice_is_writing_once(first: Model, second: Model) -> None:
    models = []
    for body in (first, second):
        try:
            models.append(written(body))
        except InvalidInput:
            return
    old, new = models
    for over in (put_over, patch_over):
        once = over(over({}, old, GROUNDS), new, GROUNDS)
        assert SECRET not in json.dumps(once)
        assert over(once, new, GROUNDS) == once
