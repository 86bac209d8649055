"""MD4 (RFC 1320), of which Windows' password hashes are made; OpenSSL no longer has it."""

from __future__ import annotations

import struct
from typing import Final

_WORD: Final = 0xFFFF_FFFF
_START: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)  # §3.3
# §3.4: of each round, what is added, how far is rotated, and which word is taken in which step.
_ROUNDS: Final = (
    (0x00000000, (3, 7, 11, 19), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)),
    (0x5A827999, (3, 5, 9, 13), (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (0x6ED9EBA1, (3, 9, 11, 15), (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
)


def nt_hash(password: str) -> str:
    """MS-NLMP §3.3.1, NTOWF v1: as hex digits."""
    return md4(password.encode("utf-16-le")).hex()


def md4(data: bytes) -> bytes:
    """16 bytes. No protection for anything that matters."""
    # §3.1, §3.2: a 1 bit, zeros up to 56 bytes of a block, the length in bits.
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state: tuple[int, ...] = _START
    for block in struct.iter_unpack("<16I", padded):
        state = _mix(state, block)
    return struct.pack("<4I", *state)


def _mix(state: tuple[int, ...], block: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = state
    for number, (constant, distances, order) in enumerate(_ROUNDS):
        for step, word in enumerate(order):
            mixed = (a + _choose(number, b, c, d) + block[word] + constant) & _WORD
            distance = distances[step % 4]
            a, b, c, d = d, (mixed << distance | mixed >> 32 - distance) & _WORD, b, c
    return tuple((old + new) & _WORD for old, new in zip(state, (a, b, c, d), strict=True))


def _choose(number: int, x: int, y: int, z: int) -> int:
    if number == 0:
        return x & y | ~x & z
    if number == 1:
        return x & y | x & z | y & z
    return x ^ y ^ z
