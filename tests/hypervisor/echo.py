"""A guest of one sector, up at once: it shows what is typed, and two keys change its video mode."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.hypervisor.qemu import Qemu

TEXT_KEY: Final = "0"  # VGA's text mode
GRAPHICS_KEY: Final = "1"  # VESA's, with as many colours as fit into 64 KiB
TEXT_SIZE: Final = (720, 400)
GRAPHICS_SIZE: Final = (1024, 768)

# 16-bit code, loaded by the BIOS at 0000:7C00. All jumps are relative.
_CODE: Final = bytes.fromhex(
    # start: a blinking cursor would make no two pictures equal
    "b401 b90020 cd10"  # mov ah,1; mov cx,2000h; int 10h (hide the cursor)
    # key:
    "31c0 cd16"  # xor ax,ax; int 16h (wait for a key: al)
    "3c31 740d"  # cmp al,'1'; je graphics
    "3c30 7422"  # cmp al,'0'; je text
    "b40e bb0700 cd10"  # mov ah,0Eh; mov bx,7; int 10h (show al)
    "ebeb"  # jmp key
    # graphics:
    "b8024f bb4401 cd10"  # mov ax,4F02h; mov bx,144h; int 10h (1024x768, 32 bits)
    "b800a0 8ec0 31ff"  # mov ax,0A000h; mov es,ax; xor di,di
    "b90080"  # mov cx,8000h
    "89f8 ab e2fb"  # fill: mov ax,di; stosw; loop fill
    "ebd2"  # jmp key
    # text:
    "b80300 cd10"  # mov ax,3; int 10h
    "ebc4"  # jmp start
)
# It ends in its signature.
BOOT_SECTOR: Final = _CODE.ljust(510, b"\0") + b"\x55\xaa"


class EchoGuest(Qemu):
    """QEMU with that guest."""

    def __init__(self, folder: Path) -> None:
        self._disk = folder / "disk.img"
        self._disk.write_bytes(BOOT_SECTOR)
        super().__init__(folder, None)

    def booted(self) -> bool:
        """Whether it waits for keys."""
        return "Booting from Hard Disk" in self.text()

    def _hardware(self) -> list[str]:
        return ["-m", "16", "-drive", f"file={self._disk},format=raw,if=ide,snapshot=on"]
