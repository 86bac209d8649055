"""The VMAccess resource as ARM clients write it: read without regard to the case of its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.errors import ExtensionRefused, InvalidInput
from gateway.recovery.handlers import Handler, find_handler

MAX_SETTINGS: Final = 64  # keys in one object
MAX_TEXT: Final = 16 * 1024  # characters in one value: a certificate fits
MAX_TAG: Final = 1024

_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.() -]{0,78}[A-Za-z0-9_.()-])?")
# What must not lie in `settings`, where every reader of the resource sees it.
_SECRET_KEYS: Final = frozenset({"password", "ssh_key"})


@dataclass(frozen=True, slots=True)
class ExtensionRequest:
    """What a client asked of one extension. Settings keep the keys and case that were sent."""

    name: str
    publisher: str
    type: str
    version: str
    auto_upgrade: bool
    force_update_tag: str | None
    settings: Mapping[str, Any]
    protected: Mapping[str, Any] | None = field(repr=False)


def handler_of(request: ExtensionRequest) -> Handler:
    """The handler that carries `request` out. Raises ExtensionRefused where we have none."""
    handler = find_handler(request.publisher, request.type)
    if handler is None:
        raise ExtensionRefused(
            "ArtifactNotFound",
            f"The VM extension with publisher '{request.publisher}' and type '{request.type}' "
            "could not be found.",
        )
    return handler


def parse_extension(
    name: str, body: Mapping[str, Any], *, state: str | None = None
) -> ExtensionRequest:
    """Read a whole extension, `{"location", "properties": {…}}`.

    `state` is the provisioning state that it has now, None for a new one.

    Raises:
        InvalidInput: something cannot be read; the field is named as clients write it.
        ExtensionRefused: there is no such handler (ArtifactNotFound).
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput("name", "must be 1 to 80 letters, digits, '_', '-', '.' or brackets")
    properties = _properties(body, state)
    request = ExtensionRequest(
        name=name,
        publisher=_text(properties, "publisher"),
        type=_text(properties, "type"),
        version=_text(properties, "typeHandlerVersion"),
        auto_upgrade=_flag(properties, "autoUpgradeMinorVersion"),
        force_update_tag=_tag(properties),
        settings=_open_settings(properties) or {},
        protected=_settings(properties, "protectedSettings"),
    )
    handler = handler_of(request)
    # The handler's own spelling, so that two spellings of one handler are one.
    return replace(request, publisher=handler.publisher, type=handler.type)


def merge_patch(
    existing: ExtensionRequest, body: Mapping[str, Any], *, state: str | None = None
) -> ExtensionRequest:
    """`existing` with what a PATCH names; what it leaves out stays, protected settings too.

    Raises:
        InvalidInput: as `parse_extension`, and for another publisher or type.
    """
    properties = _properties(body, state)
    for key, has in (("publisher", existing.publisher), ("type", existing.type)):
        sent = _optional(properties, key)
        if sent is not None and sent.casefold() != has.casefold():
            raise InvalidInput(f"properties.{key}", "cannot be changed; remove the extension first")
    settings = _open_settings(properties)
    protected = _settings(properties, "protectedSettings")
    auto_upgrade = pick(properties, "autoUpgradeMinorVersion")
    return replace(
        existing,
        version=_optional(properties, "typeHandlerVersion") or existing.version,
        auto_upgrade=(
            existing.auto_upgrade
            if auto_upgrade is None
            else _flag(properties, "autoUpgradeMinorVersion")
        ),
        force_update_tag=_tag(properties) or existing.force_update_tag,
        settings=existing.settings if settings is None else settings,
        protected=existing.protected if protected is None else protected,
    )


def same_request(existing: ExtensionRequest, wanted: ExtensionRequest) -> bool:
    """Whether `wanted` asks for nothing that `existing` did not: it is not carried out again.

    A force-update tag counts where it is sent: leaving it out forces nothing.
    """
    return (
        wanted.force_update_tag in {None, existing.force_update_tag}
        and _what(existing) == _what(wanted)
    )  # fmt: skip


def _what(request: ExtensionRequest) -> tuple[Any, ...]:
    return (
        request.name.casefold(),
        request.publisher.casefold(),
        request.type.casefold(),
        request.version,
        request.auto_upgrade,
        folded(request.settings),
        folded(request.protected or {}),
    )


def folded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with their keys in lower case."""
    return {key.casefold(): value for key, value in settings.items()}


def pick(mapping: Mapping[str, Any], key: str) -> Any:
    """The value of `key` whatever its case; None where it is missing or null."""
    wanted = key.casefold()
    return next((value for has, value in mapping.items() if has.casefold() == wanted), None)


def as_flag(value: Any) -> bool | None:
    """A boolean as clients write it, the strings "true" and "false" too; None for other things."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().casefold())
    return None


def _properties(body: Mapping[str, Any], state: str | None) -> Mapping[str, Any]:
    _once(body, "")
    properties = pick(body, "properties")
    if not isinstance(properties, Mapping):
        raise InvalidInput("properties", "a JSON object is needed")
    _once(properties, "properties.")
    if pick(properties, "protectedSettingsFromKeyVault") is not None:
        raise InvalidInput(
            "properties.protectedSettingsFromKeyVault",
            "there is no key vault here; send protectedSettings",
        )
    sent = pick(properties, "provisioningState")
    if sent is not None and sent != state:
        raise InvalidInput("properties.provisioningState", "is read only")
    return properties


def _once(mapping: Mapping[str, Any], where: str) -> None:
    """Two spellings of one key would leave it open which of them counts."""
    seen: set[str] = set()
    for key in mapping:
        if key.casefold() in seen:
            raise InvalidInput(f"{where}{key}", "is given twice, in different case")
        seen.add(key.casefold())


def _text(properties: Mapping[str, Any], key: str) -> str:
    value = _optional(properties, key)
    if value is None:
        raise InvalidInput(f"properties.{key}", "is needed")
    return value


def _optional(properties: Mapping[str, Any], key: str) -> str | None:
    value = pick(properties, key)
    if value is None:
        return None
    if not isinstance(value, str) or not value or 128 < len(value) or not value.isprintable():
        raise InvalidInput(f"properties.{key}", "a text of 1 to 128 characters is needed")
    return value


def _flag(properties: Mapping[str, Any], key: str) -> bool:
    value = pick(properties, key)
    flag = False if value is None else as_flag(value)
    if flag is None:
        raise InvalidInput(f"properties.{key}", "must be true or false")
    return flag


def _tag(properties: Mapping[str, Any]) -> str | None:
    value = pick(properties, "forceUpdateTag")
    if value is None:
        return None
    # PowerShell's `-ForceRerun $true` sends "True"; a bare true is taken for the same.
    if isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or MAX_TAG < len(value) or not value.isprintable():
        raise InvalidInput(
            "properties.forceUpdateTag", f"at most {MAX_TAG} printable characters are needed"
        )
    return value or None


def _open_settings(properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
    settings = _settings(properties, "settings")
    for key in settings or {}:
        if key.casefold() in _SECRET_KEYS:
            raise InvalidInput(
                f"properties.settings.{key}", "belongs in protectedSettings: settings are shown"
            )
    return settings


def _settings(properties: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = pick(properties, key)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidInput(f"properties.{key}", "a JSON object is needed, not a text or a list")
    _once(value, f"properties.{key}.")
    if MAX_SETTINGS < len(value) or any(MAX_TEXT < len(text) for text in _texts(value)):
        raise InvalidInput(f"properties.{key}", "is too large")
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
