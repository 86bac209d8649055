"""Kinds that take an inventory's words wrongly."""

from __future__ import annotations

import time
from typing import Any

from gateway.policy.places import ConsolePlace
from tests.conformance.breaking import breaks
from tests.conformance.sound import SoundKind


@breaks("test_kind::test_a_place_is_spelled_one_way", "the host in capitals is another place")
class Capitals(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        place = super().place(url)
        return ConsolePlace(url.netloc.partition(":")[0], place.port, place.path)


@breaks("test_kind::test_a_place_is_spelled_one_way", "another place the second time")
class Counting(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        return ConsolePlace("localhost", 5900, f"/{time.monotonic_ns()}")


@breaks("test_kind::test_a_printed_address_leads_to_the_same_place", "")
class Doubling(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        place = super().place(url)
        return ConsolePlace(place.host, place.port, f"{place.path}x")


@breaks("test_kind::test_hostile_addresses_are_refused_in_words", "ValueError is promised")
class Indexing(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        if not url.path:
            raise KeyError("path")
        return super().place(url)


@breaks("test_kind::test_hostile_addresses_are_refused_in_words", "cannot be printed")
class Trusting(SoundKind):
    def place(self, url: Any) -> ConsolePlace:
        return ConsolePlace(url.hostname, url.port or 5900, url.path)


class Open(dict[str, Any]):
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))


@breaks("test_kind::test_an_address_holds_no_secret", "holds a secret")
class Showing(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        options = super().read(table, console)
        return Open(key=options.key.get_secret_value())


@breaks("test_kind::test_an_unknown_key_is_refused_without_its_value", "was taken")
class Lenient(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        known = {key: value for key, value in table.items() if key in {"key", "tenant"}}
        return super().read(known, console)


@breaks("test_kind::test_an_unknown_key_is_refused_without_its_value", "holds the value")
class Quoting(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        for key in table.keys() - {"key", "tenant"}:
            raise ValueError(f"quoting.{key}: {table[key]} is unknown")
        return super().read(table, console)


@breaks("test_kind::test_wrong_values_are_refused_without_themselves", "ValueError is promised")
class Sorting(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        table["key"].get_secret_value()
        return super().read(table, console)


@breaks("test_kind::test_an_entry_without_account_or_password_is_judged", "TypeError")
class Assuming(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        len(console.password)
        return super().read(table, console)


@breaks("test_kind::test_equal_tables_make_equal_options", "")
class Unequal(SoundKind):
    def read(self, table: Any, console: Any) -> Any:
        super().read(table, console)
        return object()


class Loud(SoundKind):
    """Refused before anything is tried."""

    schemes = ("LOUD",)
