"""The keyboard of RDP consoles: keys go by scancodes, and only what a key types goes at all."""

from __future__ import annotations

import re
from typing import Final

from gateway.rfb.client import ClientConnection

# Windows' names for what a server is to make of scancodes ([MS-RDPBCGR] §2.2.1.3.2).
_LAYOUTS: Final = {"us": 0x0409, "gb": 0x0809, "de": 0x0407, "fr": 0x040C}
_IDENTIFIER: Final = re.compile(r"0x[0-9a-fA-F]{8}")


def layout(name: str) -> str:
    """As FreeRDP's `/kbd` takes it. Raises: ValueError."""
    if name in _LAYOUTS:
        return f"0x{_LAYOUTS[name]:08x}"
    if _IDENTIFIER.fullmatch(name):
        return name.lower()
    raise ValueError(f"one of {', '.join(_LAYOUTS)}, or Windows' identifier as 0x00000407")


# X11/keysymdef.h: what has a key on a US keyboard of 105 keys.
_TYPED: Final = frozenset(
    (
        *range(0x20, 0x7F),
        *(0xFE03, 0xFF08, 0xFF09, 0xFF0D, 0xFF13, 0xFF14, 0xFF15, 0xFF1B, 0xFFFF),
        *range(0xFF50, 0xFF58),  # Home to Begin
        *(0xFF61, 0xFF63, 0xFF67, 0xFF6B, 0xFF7F),  # Print, Insert, Menu, Break, Num Lock
        *range(0xFF80, 0xFFBA),  # the keypad
        *range(0xFFBE, 0xFFCA),  # F1 to F12
        *range(0xFFE1, 0xFFEF),  # modifiers
    )
)
# The X server knows a key by this scancode (Linux' KEY_SCALE), and FreeRDP has none for it.
_NO_KEY: Final = 0x8B


class KeysAlone(ClientConnection):
    """Drops what FreeRDP would type wrong, and parts what it would take for one.

    A keysym that comes without its key and that no key types: the X server would give it to a key
    that is free, and FreeRDP say that key's scancode, another letter or none with a Shift of its
    own. A key that is pressed again as soon as it was released: where both lie in its queue,
    FreeRDP takes them for the X server's auto-repeat and says no release (client/X11/xf_event.c).
    """

    _released: int | None = None  # the last thing that was said, where it was a release

    def send_key(self, down: bool, keysym: int, scancode: int | None) -> None:  # noqa: FBT001
        """Press or release a key."""
        if keysym not in _TYPED and (scancode is None or not self.extended_keys):
            return
        key = keysym if scancode is None else scancode
        if down and key == self._released and self.extended_keys:
            for each in (True, False):
                super().send_key(each, 0, _NO_KEY)
        self._released = None if down else key
        super().send_key(down, keysym, scancode)
