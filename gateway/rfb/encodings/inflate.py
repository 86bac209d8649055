"""Inflating within bounds: a zlib stream that goes on from rect to rect."""

from __future__ import annotations

from isal import isal_zlib

from gateway.errors import RfbError
from gateway.rfb.wire import INFLATE_SLACK


class Inflater:
    """One of a connection's zlib streams."""

    def __init__(self) -> None:
        # isal rather than zlib: the same streams, two to three times as fast.
        self._stream = isal_zlib.decompressobj()

    def exactly(self, data: bytes | memoryview, size: int) -> bytes:
        """Inflate to `size` bytes. Raises: RfbError for fewer or more."""
        inflated = self.at_most(data, size)
        if len(inflated) != size:
            raise RfbError(f"{len(inflated)} bytes were inflated where {size} were expected")
        return inflated

    def at_most(self, data: bytes | memoryview, size: int) -> bytes:
        """Inflate to less than `size` plus the slack, never holding more. Raises: RfbError."""
        cap = size + INFLATE_SLACK
        try:
            inflated: bytes = self._stream.decompress(data, cap)
        except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub calls it an instance
            raise RfbError("a zlib stream is damaged") from error
        if cap <= len(inflated):
            raise RfbError(f"a zlib stream inflates beyond {cap} bytes")
        return inflated


def check_deflated(length: int, size: int) -> None:
    """Raises: RfbError where no encoder needs `length` bytes to deflate `size`."""
    if size + INFLATE_SLACK < length:
        raise RfbError(f"{length} deflated bytes are too many for {size}")
