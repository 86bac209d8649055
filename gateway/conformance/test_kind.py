"""What a kind makes of an inventory's words. Nothing is dialled here."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings

from gateway.conformance.addresses import hostile, spellings, with_host, with_port
from gateway.conformance.entries import Entry, new_secret
from gateway.inventory import ConsoleAddress
from gateway.inventory.console_url import parse_console
from gateway.policy.places import ConsolePlace

_EXPLAINED: Final = re.compile(r"[\w.+\[\]-]+: \S", re.ASCII)  # `key: why`
_UNKNOWN: Final = "conformance-unknown"
_JUNK: Final[tuple[Any, ...]] = (None, 0, -1, 10**30, 1.5, True, "", [], ["x"], {}, {"x": 1})


def test_a_place_is_spelled_one_way(entry: Entry) -> None:
    """One console has one place, however its address is spelled, for as often as it is asked.

    Two entries with equal places are refused as one console; two spellings of one place would be
    two consoles, and two tenants in one VM.
    Mend: let `host_and_port` of `gateway.policy.places` read host and port, and give `ConsolePlace`
    the path in one spelling; or refuse all spellings but one.
    """
    place = _place(entry, entry.url)
    assert place is not None
    assert _place(entry, entry.url) == place, "the same address has another place the second time"
    others = dict(spellings(entry.url))
    if place.host and place.port:
        unsaid = _place(entry, with_port(entry.url, None))
        default = None if unsaid is None else unsaid.port
        if place.port == default:
            others["the default port left out"] = with_port(entry.url, None)
            others["the default port said"] = with_port(entry.url, default)
    for how, url in others.items():
        found = _place(entry, url)
        assert found in {None, place}, f"{how} is another place: {found} rather than {place}"


def test_a_printed_address_leads_to_the_same_place(entry: Entry) -> None:
    """`str()` of an address can be read again, and is the same console then.

    It stands in messages, and is what tells two entries of one console.
    Mend: put all that `place` reads from the address into `host`, `port`, `path` or `name`.
    """
    assert _place(entry, str(entry.console)) == _place(entry, entry.url)


def test_hostile_addresses_are_refused_in_words(entry: Entry) -> None:
    """`place` raises nothing but ValueError, and what it takes is a place that can be printed.

    Mend: call `check_plain` first and `host_and_port` for the host; match the path against a
    pattern with `re.ASCII` and `fullmatch`, and convert nothing before it was matched.
    """

    @settings(
        max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(text=hostile(entry.url))
    @example(text=f"{entry.console.scheme}:")
    @example(text=f"{entry.console.scheme}://")
    @example(text=with_host(entry.url, "::1%25eth0"))
    def judge(text: str) -> None:
        try:
            address = parse_console(text, entry.kinds)
        except ValueError as error:
            assert str(error), "refused without a word"
            return
        except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
            pytest.fail(f"{type(error).__name__} for {text!r}: ValueError is promised")
        _check_sound(address, text)

    judge()


def test_an_address_holds_no_secret(entry: Entry) -> None:
    """Neither the address nor the options show a secret when they are printed.

    Mend: keep secrets of the kind's own table in `SecretStr` fields.
    """
    secrets = entry.secrets
    if not secrets:
        pytest.skip("the entry has no secret of six characters or more")
    options = entry.console.options
    for what, text in {
        "str(address)": str(entry.console),
        "repr(machine)": repr(entry.machine),
        "options": f"{options!r} {options}",
    }.items():
        assert not any(secret in text for secret in secrets), f"{what} holds a secret"


def test_an_unknown_key_is_refused_without_its_value(entry: Entry) -> None:
    """`read` raises ValueError for a key that it does not know, `key: why`, without the value.

    A key that is mistyped would otherwise be left out unnoticed, and what stands behind it may be
    a secret.
    Mend: read the table by `read_table` with a model that inherits `Options`.
    """
    canary = new_secret()
    why = _refusal(entry, {**entry.table, _UNKNOWN: canary})
    assert why is not None, "the unknown key was taken"
    assert _UNKNOWN in why, f"the message does not name the key: {why}"
    assert _EXPLAINED.match(why), f"the message is not `key: why`: {why}"
    assert canary not in why, "the message holds the value"


def test_wrong_values_are_refused_without_themselves(entry: Entry) -> None:
    """`read` raises ValueError and nothing else for values that are wrong, and never says them.

    Mend: give the model's fields types and bounds, and write messages without the value.
    """
    canary = new_secret()
    for key in entry.table:
        for value in (canary, [canary], {"x": canary}, *_JUNK):
            why = _refusal(entry, {**entry.table, key: value})
            assert canary not in (why or ""), f"the message about {key} holds the value"


def test_an_entry_without_account_or_password_is_judged(entry: Entry) -> None:
    """`read` is called for entries that lack a user or a password, or have one too many.

    Mend: check `console.user` and `console.password` in `read` (`no_user`, `plain_secret`), and
    raise ValueError, `key: why`.
    """
    canary = new_secret()
    for changed in (
        {"user": None}, {"password": None}, {"user": None, "password": None},
        {"user": canary}, {"password": f"{canary}\r\nX: y"}, {"password": f"{canary}\u202e"},
        {"user": "", "password": ""},
    ):  # fmt: skip
        why = _refusal(entry, entry.table, replace(entry.console, options=None, **changed))
        assert why is None or _EXPLAINED.match(why), f"the message is not `key: why`: {why}"
        assert canary not in (why or ""), f"the message holds what stands in {', '.join(changed)}"


def test_equal_tables_make_equal_options(entry: Entry) -> None:
    """Options of equal tables are equal, and hashable: an inventory that is read again and has not
    changed ends no session.

    Mend: return a frozen dataclass or a model that inherits `Options`, with tuples for lists.
    """
    bare = replace(entry.console, options=None)
    one, other = entry.kind.read(entry.table, bare), entry.kind.read(dict(entry.table), bare)
    assert one == other
    assert hash(one) == hash(other)
    assert one == entry.console.options, "the inventory read the same table otherwise"


def _place(entry: Entry, url: str) -> ConsolePlace | None:
    """None where it is refused."""
    try:
        return entry.kind.place(urlsplit(url))
    except ValueError:
        return None


def _check_sound(address: ConsoleAddress, text: str) -> None:
    whole = str(address)
    assert whole.isprintable(), f"{text!r} is taken, and cannot be printed: {whole!r}"
    assert address.port is None or 0 < address.port < 65536, f"{text!r} has port {address.port}"
    host = address.host
    if host is not None:
        assert host == host.lower() and host.isascii(), f"{text!r} has the host {host!r}"
        assert not set(host) & set(" /@#?\\%"), f"{text!r} has the host {host!r}"
    hash(address)


def _refusal(entry: Entry, table: dict[str, Any] | Any, console: Any = None) -> str | None:
    """What `read` says against it; None where it takes it."""
    try:
        entry.kind.read(table, console or replace(entry.console, options=None))
    except ValueError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        pytest.fail(f"{type(error).__name__} where ValueError is promised")
    return None
