"""What a demo VM's Linux remembers until it boots again, and what it keeps on its disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

INTERFACES: Final = "/etc/network/interfaces"
_INTERFACES: Final = """\
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    adress 10.20.0.11
    netmask 255.255.255.0
    gateway 10.20.0.1
"""
_MOTD: Final = """\
This machine is a demonstration: nothing you do here can break anything.
Its network is down, which is why you came by the console. Type help.
"""
DNS: Final = "10.20.0.1"
ADDRESS: Final = "10.20.0.11"


def _disk(host: str) -> dict[str, str]:
    return {
        "/etc/hostname": f"{host}\n",
        "/etc/motd": _MOTD,
        INTERFACES: _INTERFACES,
        "notes.txt": "Monday: moved the server to the new subnet, edited the interfaces file.\n"
        "Tuesday: rebooted. Cannot reach it any more?!\n",
    }


@dataclass
class System:
    """One Linux: `files` are its disk; `network_up` is whether eth0 is configured."""

    host: str
    files: dict[str, str] = field(init=False)
    network_up: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.files = _disk(self.host)

    def boot(self) -> None:
        """Forget what is not on the disk; the network comes up if it is configured well."""
        self.network_up = False
        self.network_up = self.network_fault() is None

    def network_fault(self) -> str | None:
        """What `ifup` finds wrong in the interfaces file, or None."""
        for number, line in enumerate(self.files[INTERFACES].splitlines(), 1):
            word = line.split(" ")[0] if not line.startswith(" ") else line.split()[0]
            if word and word not in {"auto", "iface", "address", "netmask", "gateway"}:
                return f"{INTERFACES}:{number}: unknown option {word!r}"
        return None

    def kernel_log(self) -> list[tuple[float, str]]:
        """Seconds since the start, and what the kernel said."""
        return [
            (0.000000, "Linux version 6.1.0-demo (builder@demo) #1 SMP PREEMPT_DYNAMIC"),
            (0.000000, "Command line: BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro quiet"),
            (0.000000, "BIOS-provided physical RAM map:"),
            (0.000000, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable"),
            (0.000000, "BIOS-e820: [mem 0x0000000000100000-0x000000003ffdffff] usable"),
            (0.000000, f"DMI: Demo Hypervisor {self.host}, BIOS 1.16 04/01/2024"),
            (0.000000, "Hypervisor detected: demo"),
            (0.011873, "Memory: 993124K/1048056K available"),
            (0.042160, "smpboot: Allowing 2 CPUs, 0 hotplug CPUs"),
            (0.103377, "Calibrating delay loop... 4800.00 BogoMIPS"),
            (0.201934, "PCI: Using configuration type 1 for base access"),
            (0.310455, "virtio_blk virtio1: [vda] 41943040 512-byte logical blocks (21.5 GB)"),
            (0.311902, " vda: vda1"),
            (0.402118, "virtio_net virtio0 eth0: registered"),
            (0.550720, "EXT4-fs (vda1): mounted filesystem with ordered data mode"),
            (0.702214, "systemd[1]: Detected virtualization demo."),
            (0.703001, f"systemd[1]: Hostname set to <{self.host}>."),
        ]
