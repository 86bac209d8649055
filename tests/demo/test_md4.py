"""The hash that Windows' password hashes are made of, against published figures."""

from __future__ import annotations

import pytest

from gateway.demo.engines.md4 import md4, nt_hash


@pytest.mark.parametrize(
    ("text", "digest"),
    [  # RFC 1320 §A.5
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
        ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("message digest", "d9130a8164549fe818874806e1c7014b"),
        ("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "043f8582f241db351ce627e153e7f0e4",
        ),
        ("1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_the_rfcs_own_figures(text: str, digest: str) -> None:
    assert md4(text.encode()).hex() == digest


def test_a_password_as_windows_keeps_it() -> None:
    # MS-NLMP §4.2.2.1.1: NTOWFv1 of "Password".
    assert nt_hash("Password") == "a4f49c406510bdcab6824ee7c30fd852"
