"""A scale set's model: what an ARM client writes of one, what is kept of it, and how two merge.

A model is the resource's JSON without its extensions (rows of their own), without secrets and
without what only the gateway says. Keys are compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InvalidInput

Model = dict[str, Any]

DEEPEST: Final = 32
_EXTENSIONS: Final = "properties.virtualMachineProfile.extensionProfile.extensions"

_PROFILE: Final = ("properties", "virtualMachineProfile")
_STORAGE: Final = (*_PROFILE, "storageProfile")
_OBJECTS: Final = (
    ("sku",),
    ("properties",),
    ("properties", "upgradePolicy"),
    _PROFILE,
    _STORAGE,
    (*_PROFILE, "osProfile"),
    (*_PROFILE, "extensionProfile"),
)

# What Resource Manager never gives back. The gateway has no use for it: it is not kept at all.
_SECRETS: Final = frozenset(
    {"adminpassword", "customdata", "userdata", "protectedsettings", "additionalunattendcontent"}
)
# Said by the gateway alone; clients that send back what they read are not held to it.
_OURS: Final = frozenset({"id", "name", "type", "etag", "systemData", "resources", "location"})
_OUR_PROPERTIES: Final = frozenset({"provisioningState", "uniqueId", "timeCreated"})
# The members that the gateway looks at, as it spells them.
_SPELLING: Final = {
    name.lower(): name
    for name in (
        *_OURS,
        *_OUR_PROPERTIES,
        "properties",
        "sku",
        "capacity",
        "tags",
        "upgradePolicy",
        "mode",
        "virtualMachineProfile",
        "osProfile",
        "storageProfile",
        "imageReference",
        "extensionProfile",
        "extensions",
    )
}


@dataclass(frozen=True, slots=True)
class WrittenExtension:
    """One entry of a written scale set's list of extensions."""

    name: str
    body: Mapping[str, Any]  # may hold protected settings


@dataclass(frozen=True, slots=True)
class WrittenScaleSet:
    """What a client wrote."""

    model: Model
    extensions: tuple[WrittenExtension, ...] | None  # None: it says nothing about them


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is so about a scale set, whatever its owner writes."""

    name: str
    location: str
    os: str  # linux, windows
    instances: int


def first_model(grounds: Grounds) -> Model:
    """What a scale set is that nobody wrote yet.

    `az vmss extension set` reads `virtualMachineProfile.storageProfile`: it is always there.
    """
    disk = {"osType": grounds.os.capitalize(), "createOption": "FromImage"}
    return {
        "sku": {"name": "Standard", "tier": "Standard", "capacity": grounds.instances},
        "properties": {
            "orchestrationMode": "Uniform",
            "upgradePolicy": {"mode": "Manual"},
            "virtualMachineProfile": {
                "osProfile": {"computerNamePrefix": grounds.name},
                "storageProfile": {"osDisk": disk},
            },
        },
    }


def read_scale_set(body: Mapping[str, Any], grounds: Grounds) -> WrittenScaleSet:
    """What a PUT or PATCH says. Raises: InvalidInput, also for what the gateway cannot do."""
    extensions = _extensions(body)
    model = _kept(body, 1)
    _check(model, grounds)
    for name in _OURS:
        model.pop(name, None)
    for name in _OUR_PROPERTIES:
        _part(model, "properties").pop(name, None)
    _part(model, *_PROFILE, "extensionProfile").pop("extensions", None)
    return WrittenScaleSet(model, extensions)


def put_over(old: Model, written: Model, grounds: Grounds) -> Model:
    """The model after a PUT: what was written, all of it, over what every scale set has.

    An image reference that was left out stays: `az vmss extension set` leaves it out, so that its
    user needs no rights to the image.
    """
    new = _merged(first_model(grounds), _without_nulls(written))
    image = _part(old, *_STORAGE).get("imageReference")
    if image is not None:
        _part(new, *_STORAGE).setdefault("imageReference", image)
    return new


def patch_over(old: Model, written: Model, grounds: Grounds) -> Model:
    """The model after a PATCH (RFC 7396): what is null goes, what is left out stays."""
    return _merged(first_model(grounds), _merged(old, written))


def _check(model: Model, grounds: Grounds) -> None:
    """Refuse what would be kept but never done."""
    for place in _OBJECTS:
        _object(model, place)
    properties = _part(model, "properties")
    state = properties.get("provisioningState")
    if state is not None and state != "Succeeded":
        raise InvalidInput("properties.provisioningState", "the gateway sets it")
    mode = _part(properties, "upgradePolicy").get("mode")
    if not (mode is None or (isinstance(mode, str) and mode.lower() == "manual")):
        raise InvalidInput("properties.upgradePolicy.mode", "instances are upgraded by Manual only")
    capacity = _part(model, "sku").get("capacity")
    if capacity is not None and capacity != grounds.instances:
        raise InvalidInput("sku.capacity", f"the inventory has {grounds.instances} instances")
    location = model.get("location")
    if location is not None and _plain(location) != grounds.location:
        raise InvalidInput("location", f"this scale set is in {grounds.location}")


def _object(model: Model, place: tuple[str, ...]) -> None:
    found = _part(model, *place[:-1]).get(place[-1])
    if not (found is None or isinstance(found, dict)):
        raise InvalidInput(".".join(place), "it is not a JSON object")


def _extensions(body: Mapping[str, Any]) -> tuple[WrittenExtension, ...] | None:
    place: Any = body
    walked = ""
    for name in _EXTENSIONS.split("."):
        place = _pick(place, name, walked)
        if place is None:
            return None
        walked = f"{walked}.{name}".lstrip(".")
    if not isinstance(place, list):
        raise InvalidInput(_EXTENSIONS, "it is not a list")
    written = tuple(map(_extension, place))
    names = [extension.name.lower() for extension in written]
    if len(set(names)) < len(names):
        raise InvalidInput(_EXTENSIONS, "two of them have the same name")
    return written


def _extension(entry: Any) -> WrittenExtension:
    name = _pick(entry, "name", _EXTENSIONS)
    if not isinstance(name, str) or not name:
        raise InvalidInput(_EXTENSIONS, "each needs a name")
    return WrittenExtension(name, entry)


def _pick(value: Any, name: str, place: str) -> Any:
    """The member of that name, in whatever case. Raises: InvalidInput, naming `place`."""
    if not isinstance(value, Mapping):
        raise InvalidInput(place, "it is not a JSON object")
    return next((value[key] for key in value if key.lower() == name.lower()), None)


def _kept(value: Mapping[str, Any], depth: int) -> Model:
    """A copy in our spelling, without secrets. Raises: InvalidInput."""
    if DEEPEST < depth:
        raise InvalidInput("body", f"it is nested deeper than {DEEPEST}")
    kept: Model = {}
    for key, member in value.items():
        name = _SPELLING.get(key.lower(), key)
        if name.lower() in _SECRETS:
            continue
        if name in kept:
            raise InvalidInput(name, "it is given twice")
        kept[name] = _tags(member) if name == "tags" else _kept_member(member, depth)
    return kept


def _kept_member(member: Any, depth: int) -> Any:
    if isinstance(member, Mapping):
        return _kept(member, depth + 1)
    if isinstance(member, list):
        if DEEPEST < depth:
            raise InvalidInput("body", f"it is nested deeper than {DEEPEST}")
        return [_kept_member(item, depth + 1) for item in member]
    return member


def _tags(tags: Any) -> Any:
    """Tags keep their spelling: they are the owner's own words."""
    if tags is None:
        return None
    if not isinstance(tags, Mapping) or not all(isinstance(tag, str) for tag in tags.values()):
        raise InvalidInput("tags", "they are not texts by name")
    return dict(tags)


def _merged(under: Model, over: Model) -> Model:
    """RFC 7396 §2."""
    result = dict(under)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = _merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def _without_nulls(model: Model) -> Model:
    return _merged({}, model)


def _part(model: Model, *names: str) -> dict[str, Any]:
    """The object at that place, or an empty one that belongs to nobody."""
    place: Any = model
    for name in names:
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}


def _plain(location: Any) -> str:
    """`East US` and `eastus` are one place."""
    return location.replace(" ", "").lower() if isinstance(location, str) else ""
