"""Where an authorization code may be carried: the person's own machine, nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.redirects import loopback_origin, nameable_in_a_policy


@pytest.mark.parametrize(
    ("redirect_uri", "origin"),
    [
        ("http://localhost:8400", "http://localhost:8400"),
        ("http://localhost:8400/", "http://localhost:8400"),
        ("http://127.0.0.1:51004/auth/callback", "http://127.0.0.1:51004"),
        ("http://[::1]:8400/", "http://[::1]:8400"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:65535/a-b_c.d~e", "http://localhost:65535"),
    ],
)
def test_a_program_on_this_machine_is_reached(redirect_uri: str, origin: str) -> None:
    assert loopback_origin(redirect_uri) == origin


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "https://localhost:8400",  # nobody has a certificate for it
        "http://localhost.evil.example",
        "http://localhost:8400.evil.example",
        "http://localhost:8400@evil.example",
        "http://evil.example@localhost",
        "http://evil.example\\@localhost",
        "http://localhost\\@evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2:8400",
        "http://0.0.0.0:8400",
        "http://2130706433:8400",
        "http://[::ffff:127.0.0.1]:8400",
        "http://localhost:65536",
        "http://localhost:8400?next=1",
        "http://localhost:8400#fragment",
        "http://localhost:8400/%2e%2e",
        "http://localhost:8400/\r\nSet-Cookie: a=b",
        "http://localhost:8400;form-action *",
        "HTTP://localhost:8400",
        "//localhost:8400",
        "javascript:alert(1)",
        "urn:ietf:wg:oauth:2.0:oob",
        "http://localhost:8400/" + "a" * 300,
        "http://localhost:८४००",
    ],
)
def test_nothing_else_is_answered(redirect_uri: str) -> None:
    assert loopback_origin(redirect_uri) is None


PIECES = ["http://", "localhost", "127.0.0.1", "[::1]", ":", "80", "@", "\\", "/", "?", "#", "."]


@given(st.lists(st.sampled_from([*PIECES, "evil.example", " ", ";", "%00"]), max_size=8))
def test_whatever_is_let_through_leads_here_for_every_parser(pieces: list[str]) -> None:
    redirect_uri = "".join(pieces)
    origin = loopback_origin(redirect_uri)
    if origin is None:
        return
    parts = urlsplit(redirect_uri)
    assert parts.hostname in {"localhost", "127.0.0.1", "::1"}
    assert parts.username is None
    assert not parts.query
    assert not parts.fragment
    assert redirect_uri.startswith(origin)


def test_a_policy_cannot_name_ipv6() -> None:
    assert nameable_in_a_policy("http://127.0.0.1:1")
    assert not nameable_in_a_policy("http://[::1]:1")
