"""Scale sets: written whole or in part, their secrets sealed, their instances upgraded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.actions.asking import request_of
from gateway.actions.extensions import apply_extension
from gateway.actions.operations import see_operation
from gateway.actions.scale_set_extensions import (
    list_set_extensions,
    patch_set_extension,
    put_set_extension,
    remove_set_extension,
    see_set_extension,
)
from gateway.actions.scale_sets import (
    ScaleSetView,
    list_scale_sets,
    patch_scale_set,
    put_scale_set,
    see_scale_set,
)
from gateway.actions.upgrade_instances import list_instances, upgrade_instances
from gateway.errors import ExtensionRefused, GatewayError, InvalidInput, NotFound
from gateway.policy.facts import Actor
from gateway.policy.recovery import ActionState
from gateway.recovery.calls import SetPassword
from gateway.recovery.extension import parse_extension
from gateway.store import Extension
from tests.actions.guests import FakeGuest
from tests.actions.scale_set import (
    FOREIGN_SET,
    INSTANCES,
    LOCATION,
    SET,
    add_to,
    linux,
    whole,
    windows,
    without_secrets,
)
from tests.actions.world import CONTOSO, FABRIKAM, World

IMAGE = {"publisher": "Canonical", "version": "latest"}


@pytest.fixture
async def tina(world: World) -> Actor:
    add_to(world)
    return (await world.session("tina")).actor


async def put(world: World, actor: Actor, body: dict[str, Any]) -> ScaleSetView:
    return await put_scale_set(
        world.s, actor, resource_id=SET, body=body, location=LOCATION, now=world.now
    )


async def test_a_model_does_not_grow_without_end(world: World, tina: Actor) -> None:
    async def patched(body: dict[str, Any]) -> ScaleSetView:
        return await patch_scale_set(
            world.s, tina, resource_id=SET, body=body, location=LOCATION, now=world.now
        )

    for number in range(5):
        await patched({"tags": {f"tag-{number}": "x" * 50_000}})
    with pytest.raises(InvalidInput, match="longer than"):
        await patched({"tags": {"tag-5": "x" * 50_000}, **whole(linux())})
    view = await see_scale_set(world.s, tina, SET, location=LOCATION)
    assert (len(view.model["tags"]), view.extensions) == (5, ())


async def upgrade(world: World, actor: Actor, *instance_ids: str) -> str:
    return await upgrade_instances(
        world.s,
        actor,
        resource_id=SET,
        instance_ids=instance_ids,
        location=LOCATION,
        now=world.now,
    )


def passwords(view: ScaleSetView, world: World) -> dict[str, Any]:
    opened = {each.name: request_of(world.s, each).protected for each in view.extensions}
    return {name: (protected or {}).get("password") for name, protected in opened.items()}


async def latest(world: World, actor: Actor) -> list[bool]:
    instances = await list_instances(world.s, actor, SET, location=LOCATION)
    return [each.latest for each in instances]


async def test_a_scale_set_is_there_where_the_inventory_knows_its_machines(
    world: World, tina: Actor
) -> None:
    view = await see_scale_set(world.s, tina, SET.upper(), location=LOCATION)
    assert view.members.resource_id == SET
    assert view.model["sku"]["capacity"] == len(INSTANCES)
    for missing in (SET + "2", SET[:-1], FOREIGN_SET, "", "/", INSTANCES[0].vm.resource_id):
        with pytest.raises(NotFound):
            await see_scale_set(world.s, tina, missing, location=LOCATION)


async def test_only_ones_own_are_listed(world: World, tina: Actor) -> None:
    async def listed(scope: str) -> list[str]:
        views = await list_scale_sets(world.s, tina, scope, location=LOCATION)
        return [view.members.resource_id for view in views]

    assert await listed(f"/subscriptions/{CONTOSO.upper()}") == [SET]
    assert await listed(f"/subscriptions/{CONTOSO}/resourceGroups/prod") == [SET]
    assert await listed(f"/subscriptions/{CONTOSO}/resourceGroups/pro") == []
    assert await listed(f"/subscriptions/{FABRIKAM}") == []


async def test_as_az_writes_it_the_image_and_the_others_secrets_stay(
    world: World, tina: Actor
) -> None:
    await put(world, tina, whole(linux(), image=IMAGE))
    view = await put(world, tina, whole(without_secrets(linux()), windows()))
    storage = view.model["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == IMAGE
    assert passwords(view, world) == {
        "access": "S3cret-of-linux",
        "VMAccessAgent": "S3cret-of-windows",
    }


async def test_secrets_lie_sealed_and_nowhere_else(world: World, tina: Actor) -> None:
    body = whole(linux(), windows())
    body["properties"]["virtualMachineProfile"]["osProfile"] = {"adminPassword": "S3cret-of-old"}
    view = await put(world, tina, body)
    assert "S3cret" not in json.dumps(view.model)
    assert "S3cret" not in repr(view)
    assert "S3cret" not in repr(await world.rows())
    assert "S3cret" not in repr(await world.audit())


async def test_what_the_list_leaves_out_goes_and_no_list_changes_nothing(
    world: World, tina: Actor
) -> None:
    await put(world, tina, whole(linux(), windows()))
    view = await put(world, tina, {"location": LOCATION, "properties": {}})
    assert [each.name for each in view.extensions] == ["access", "VMAccessAgent"]
    view = await put(world, tina, whole(without_secrets(windows())))
    assert passwords(view, world) == {"VMAccessAgent": "S3cret-of-windows"}
    assert (await put(world, tina, whole())).extensions == ()


async def test_an_empty_object_of_protected_settings_is_none(world: World, tina: Actor) -> None:
    """`Set-AzVMAccessExtension` sends it to reset Remote Desktop."""
    await put(world, tina, whole(windows()))
    view = await put(world, tina, whole(windows(settings={}, protectedSettings={})))
    assert passwords(view, world) == {"VMAccessAgent": None}


async def test_a_secret_does_not_pass_to_another_handler(world: World, tina: Actor) -> None:
    await put(world, tina, whole(linux("one")))
    view = await put(world, tina, whole(without_secrets(windows("one"))))
    assert passwords(view, world) == {"one": None}


async def test_the_same_again_changes_no_row(world: World, tina: Actor) -> None:
    first = await put(world, tina, whole(linux()))
    world.clock.advance(hours=1)
    again = await put(world, tina, whole(without_secrets(linux())))
    assert again.extensions == first.extensions


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (whole(linux("a"), linux("b")), "BadRequest"),
        (whole(linux(), windows(typeHandlerVersion="9.9")), "ArtifactVersionNotFound"),
        (whole(linux(), windows(type="CustomScriptExtension")), "ArtifactNotFound"),
        (whole(linux(), windows(settings="{}")), "InvalidInput"),
        (whole(windows(provisioningState="Failed")), "InvalidInput"),
    ],
)
async def test_what_is_refused_in_part_is_refused_whole(
    world: World, tina: Actor, wrong: dict[str, Any], code: str
) -> None:
    await put(world, tina, whole(windows(), image=IMAGE))
    before = await world.rows()
    with pytest.raises(GatewayError) as refused:
        await put(world, tina, wrong)
    assert refused.value.code == code
    assert await world.rows() == before
    assert (await world.audit())[-1].outcome == "denied"


async def test_a_patch_leaves_alone_what_it_does_not_name(world: World, tina: Actor) -> None:
    await put(world, tina, whole(linux(), image=IMAGE) | {"tags": {"team": "web"}})
    body = {"tags": {"cost": "7"}}
    view = await patch_scale_set(
        world.s, tina, resource_id=SET, body=body, location=LOCATION, now=world.now
    )
    assert view.model["tags"] == {"team": "web", "cost": "7"}
    assert [each.name for each in view.extensions] == ["access"]


@pytest.mark.parametrize("name", ["theo", "olga", "ada"])
async def test_nobody_else_sees_or_writes_it(world: World, tina: Actor, name: str) -> None:
    await put(world, tina, whole(linux()))
    before = await world.rows()
    actor = (await world.session(name)).actor
    named = {"resource_id": SET, "location": LOCATION}
    for asked in (
        see_scale_set(world.s, actor, SET, location=LOCATION),
        list_instances(world.s, actor, SET, location=LOCATION),
        list_set_extensions(world.s, actor, **named),
        see_set_extension(world.s, actor, name="access", **named),
        put(world, actor, whole()),
        patch_scale_set(world.s, actor, body={}, now=world.now, **named),
        put_set_extension(world.s, actor, name="access", body=linux(), now=world.now, **named),
        patch_set_extension(world.s, actor, name="access", body={}, now=world.now, **named),
        remove_set_extension(world.s, actor, name="access", now=world.now, **named),
        upgrade(world, actor, "*"),
    ):
        with pytest.raises(GatewayError) as refused:
            await asked
        assert refused.value.code in {"NotFound", "NotATenant"}
        assert name != "theo" or refused.value.code == "NotFound", "it is not to be known"
    after = await world.rows()
    after["sign_ins"] = before["sign_ins"]
    assert after == before


class One:
    """One extension of the set, written by itself."""

    def __init__(self, world: World, actor: Actor) -> None:
        self._all: dict[str, Any] = {"resource_id": SET, "location": LOCATION}
        self.world, self.actor = world, actor

    async def put(self, name: str, body: dict[str, Any]) -> Any:
        s, now = self.world.s, self.world.now
        return await put_set_extension(s, self.actor, name=name, body=body, now=now, **self._all)

    async def patch(self, name: str, **properties: Any) -> Any:
        s, now, body = self.world.s, self.world.now, {"properties": properties}
        return await patch_set_extension(s, self.actor, name=name, body=body, now=now, **self._all)

    async def remove(self, name: str) -> bool:
        s, now = self.world.s, self.world.now
        return await remove_set_extension(s, self.actor, name=name, now=now, **self._all)

    async def see(self, name: str) -> Extension:
        return await see_set_extension(self.world.s, self.actor, name=name, **self._all)

    def protected(self, extension: Extension) -> Any:
        return request_of(self.world.s, extension).protected


async def test_one_extension_is_put_patched_and_removed(world: World, tina: Actor) -> None:
    one = One(world, tina)
    assert (await one.put("Access", linux())).created
    assert not (await one.put("ACCESS", linux())).created
    assert (await one.see("access")).name == "Access", "as it was first spelled"
    patched = (await one.patch("access", forceUpdateTag="2")).extension
    assert patched.force_update_tag == "2"
    assert one.protected(patched) == linux()["properties"]["protectedSettings"]
    without = (await one.put("access", without_secrets(linux()))).extension
    assert one.protected(without) is None, "a PUT of one extension says all there is"
    assert await one.remove("ACCESS")
    assert not await one.remove("access")
    for gone in (one.see("access"), one.patch("access", forceUpdateTag="3")):
        with pytest.raises(NotFound):
            await gone


async def test_one_extension_per_handler(world: World, tina: Actor) -> None:
    one = One(world, tina)
    await one.put("enablevmaccess", windows())
    with pytest.raises(ExtensionRefused, match="'enablevmaccess' with handler") as refused:
        await one.put("other", windows())
    assert refused.value.inner == "MultipleExtensionsPerHandlerNotAllowed"
    await one.put("linux", linux())


async def test_instances_change_when_they_are_upgraded_and_not_before(
    world: World, tina: Actor
) -> None:
    await put(world, tina, whole(linux()))
    assert world.recoveries.started == []
    assert await latest(world, tina) == [False] * 3
    operation = await upgrade(world, tina, "*")
    assert len(world.recoveries.started) == 3
    assert (await see_operation(world.s, tina, operation)).status == "InProgress"
    assert await latest(world, tina) == [False] * 3
    assert {each.state for each in await world.carry_out()} == {ActionState.DONE}
    assert (await see_operation(world.s, tina, operation)).status == "Succeeded"
    assert await latest(world, tina) == [True] * 3
    for machine in INSTANCES:
        asked = [call for call in world.guests.of(machine).asked if isinstance(call, SetPassword)]
        assert [call.password.reveal() for call in asked] == ["S3cret-of-linux"]


async def test_only_the_instances_that_were_named(world: World, tina: Actor) -> None:
    await put(world, tina, whole(linux()))
    await upgrade(world, tina, "1", "1")
    await world.carry_out()
    assert await latest(world, tina) == [False, True, False]
    assert world.guests.of(INSTANCES[0]).asked == []


async def test_the_same_upgrade_again_is_the_same_operation_and_does_nothing(
    world: World, tina: Actor
) -> None:
    await put(world, tina, whole(linux()))
    operation = await upgrade(world, tina, "*")
    assert await upgrade(world, tina, "*") == operation
    await world.carry_out()
    assert await upgrade(world, tina, "*") == operation
    assert world.recoveries.started == []


async def test_what_failed_is_done_again_and_only_that(world: World, tina: Actor) -> None:
    await put(world, tina, whole(linux()))
    world.guests.by_vm[INSTANCES[1].vm.key] = FakeGuest(silent=True)
    operation = await upgrade(world, tina, "*")
    await world.carry_out()
    view = await see_operation(world.s, tina, operation)
    assert view.status == "Failed"
    assert view.error is not None
    assert "web-1" in view.error.message
    world.guests.by_vm[INSTANCES[1].vm.key] = FakeGuest()
    again = await upgrade(world, tina, "*")
    assert again != operation
    assert [each.vm_key for each in await world.carry_out()] == [INSTANCES[1].vm.key]
    assert (await see_operation(world.s, tina, again)).status == "Succeeded"


async def test_a_scale_set_without_extensions_is_upgraded_at_once(
    world: World, tina: Actor
) -> None:
    operation = await upgrade(world, tina, "*")
    assert (await see_operation(world.s, tina, operation)).status == "Succeeded"
    assert await latest(world, tina) == [True] * 3


@pytest.mark.parametrize("ids", [("9",), ("0", "9"), ("",), ()])
async def test_unknown_instances_are_refused(
    world: World, tina: Actor, ids: tuple[str, ...]
) -> None:
    await put(world, tina, whole(linux()))
    with pytest.raises(InvalidInput) as refused:
        await upgrade(world, tina, *ids)
    assert refused.value.field == "instanceIds"
    assert world.recoveries.started == []


@pytest.mark.parametrize("power", ["off", "paused"])
async def test_one_instance_that_does_not_run_and_nothing_begins(
    world: World, tina: Actor, power: str
) -> None:
    await put(world, tina, whole(linux()))
    world.guests.by_vm[INSTANCES[2].vm.key] = FakeGuest(power=power)
    before = await world.rows()
    with pytest.raises(ExtensionRefused) as refused:
        await upgrade(world, tina, "*")
    assert refused.value.inner == "CannotModifyExtensionsWhenVMNotRunning"
    assert await world.rows() == before
    await upgrade(world, tina, "0", "1")


@pytest.mark.parametrize("taken", [True, False])
async def test_what_one_instance_cannot_take_none_gets(
    world: World, tina: Actor, *, taken: bool
) -> None:
    if taken:  # the last instance has that handler already, by another name
        last = INSTANCES[-1].vm.resource_id
        request = parse_extension("other", linux())
        await apply_extension(
            world.s, tina, resource_id=last, request=request, location=LOCATION, now=world.now
        )
        await world.carry_out()
    await put(world, tina, whole(linux() if taken else windows()))
    before = await world.rows()
    with pytest.raises(ExtensionRefused) as refused:
        await upgrade(world, tina, "*")
    assert refused.value.code == "BadRequest"
    assert await world.rows() == before
    assert world.recoveries.started == []
