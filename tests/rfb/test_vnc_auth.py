"""VNC authentication is DES with every byte of the password mirrored."""

from __future__ import annotations

from gateway.rfb.vnc_auth import respond


def test_an_empty_password_is_the_key_of_zeros() -> None:
    # The best known DES vector: key 0, text 0.
    assert respond(bytes(16), "").hex() == "8ca64de9c1b123a7" * 2


def test_only_eight_bytes_count() -> None:
    assert respond(bytes(range(16)), "12345678") == respond(bytes(range(16)), "12345678 and more")


def test_a_known_exchange() -> None:
    # By OpenSSL's des-ecb: key cea6c64ea62e8c4c is "secret12" with the bits of each byte mirrored.
    challenge = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert respond(challenge, "secret12").hex() == "817402416b165d7ade9c46b5faa42370"
