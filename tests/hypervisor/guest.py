"""A small Linux for QEMU, up to a login prompt in seconds, with a guest agent inside.

Debian's cloud kernel, busybox, and Debian's own programs for what recovery asks of a guest: the
QEMU guest agent, accounts by PAM, fsck. Its disk holds one file system, for /data.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.hypervisor.programs import missing, need

USER, PASSWORD = "tester", "letmein42"
_CACHE = Path(__file__).parent.parent.parent / "var" / "test-guest"
_PACKAGE = re.compile(r"^\s*Depends: (linux-image-\S+-cloud-amd64)$", re.MULTILINE)

_PROGRAMS = (
    "qemu-ga", "chpasswd", "useradd", "usermod", "userdel", "fsck", "e2fsck",
)  # fmt: skip
_PAM = Path("/lib/x86_64-linux-gnu/security/pam_unix.so")
# In this order: each needs those before it, and there is no modules.dep.
_MODULES = (
    "virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
    "virtio_console", "virtio_blk",
)  # fmt: skip

_INITTAB = """\
::sysinit:/etc/rc
::respawn:/sbin/agent
tty1::respawn:/bin/getty -L 0 tty1 linux
"""
_RC = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
hostname guest
dmesg -n 1
for module in MODULES; do insmod /lib/modules/$module.ko; done
"""
# No udev names the port: its name is in sysfs. While /run/no-agent is there, no agent runs.
_AGENT = """\
#!/bin/sh
while [ -e /run/no-agent ]; do sleep 0.1; done
for name in /sys/class/virtio-ports/*/name; do
    port=${name%/name}
    if grep -q org.qemu.guest_agent.0 "$name"; then
        exec qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run
    fi
done
sleep 1
"""
_OS_RELEASE = """\
ID=debian
NAME="Guest of the tests"
PRETTY_NAME="Guest of the tests 12"
VERSION_ID="12"
"""
_FSTAB = "/dev/vda /data ext4 defaults 0 2\n"
_PAM_RULES = """\
auth required pam_unix.so
account required pam_unix.so
password required pam_unix.so sha512
session required pam_unix.so
"""
_LOGIN_DEFS = """\
UID_MIN 1000
UID_MAX 60000
GID_MIN 1000
GID_MAX 60000
CREATE_HOME yes
ENCRYPT_METHOD SHA512
"""


class Guest:
    """The files that `-kernel` and `-initrd` take."""

    def __init__(
        self, folder: Path, *, inittab: str = _INITTAB, scripts: Mapping[str, str] | None = None
    ) -> None:
        """Build in `folder`; the kernel's package is kept for later runs.

        `inittab` says what runs, `scripts` are further programs by their places.
        """
        need("apt-get", "apt-cache", "dpkg-deb", "busybox", "cpio", "openssl", "ldd", "mke2fs")
        need(*_PROGRAMS)
        package = _kernel_package()
        unpacked = folder / "kernel"
        subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        self.kernel = next((unpacked / "boot").glob("vmlinuz-*"))
        self.initrd = folder / "initrd.gz"
        root = folder / "root"
        _system(root, unpacked / "lib/modules")
        (root / "etc/inittab").write_text(inittab)
        for place, text in (scripts or {}).items():
            _script(root / place, text)
        self.initrd.write_bytes(_initramfs(root))
        self.disk = folder / "disk.img"
        _run("mke2fs", "-q", "-t", "ext4", str(self.disk), "8M")


def _kernel_package() -> Path:
    """Debian's package, downloaded once; nothing is installed."""
    kept = sorted(_CACHE.glob("linux-image-*.deb"))
    if kept:
        return kept[-1]
    listing = _run("apt-cache", "depends", "linux-image-cloud-amd64")
    found = _PACKAGE.search(listing)
    if found is None:
        missing("apt knows no linux-image-cloud-amd64 (apt-get update first?)")
    arriving = _CACHE / "arriving"
    arriving.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["apt-get", "download", found[1]], cwd=arriving, check=True, capture_output=True
        )
    except subprocess.CalledProcessError as error:
        missing(f"apt-get download {found[1]} failed: {error.stderr.decode()[-300:]}")
    downloaded = next(arriving.glob("*.deb"))
    return downloaded.rename(_CACHE / downloaded.name)


def _system(root: Path, modules: Path) -> None:
    for name in ("bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "home", "run", "data"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)  # a login that is not root's must reach its home
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin/busybox")
    for applet in _run(busybox, "--list").split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for name in ("init", "sbin/init"):
        (root / name).symlink_to("/bin/busybox")
    _settings(root / "etc")
    _programs(root, modules)


def _initramfs(root: Path) -> bytes:
    listing = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"],
        cwd=root, input=listing, check=True, capture_output=True,
    ).stdout  # fmt: skip
    return gzip.compress(archive, 1)


def _settings(etc: Path) -> None:
    hashed = _run("openssl", "passwd", "-6", PASSWORD).strip()
    (etc / "passwd").write_text(f"root:x:0:0::/:/bin/sh\n{USER}:x:1000:1000::/home:/bin/sh\n")
    (etc / "group").write_text(f"root:x:0:\n{USER}:x:1000:\n")
    (etc / "shadow").write_text(f"root:!:19000::::::\n{USER}:{hashed}:19000::::::\n")
    (etc / "issue").write_text("Guest of the tests\n\n")
    (etc / "os-release").write_text(_OS_RELEASE)
    (etc / "fstab").write_text(_FSTAB)
    (etc / "login.defs").write_text(_LOGIN_DEFS)
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\n")
    (etc / "pam.d").mkdir()
    for name in ("chpasswd", "other"):
        (etc / "pam.d" / name).write_text(_PAM_RULES)
    _script(etc / "rc", _RC.replace("MODULES", " ".join(_MODULES)))


def _programs(root: Path, modules: Path) -> None:
    """Programs of this system with their libraries, at the places that they have here."""
    programs = [Path(shutil.which(name) or name) for name in _PROGRAMS]
    libraries = set(re.findall(r"(/\S+)(?= \(0x)", _run("ldd", *map(str, [*programs, _PAM]))))
    for path in {*programs, _PAM, *map(Path, libraries)}:
        place = root / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (root / "sbin/fsck.ext4").symlink_to(shutil.which("e2fsck") or "")
    _script(root / "sbin/agent", _AGENT)
    (root / "lib/modules").mkdir(parents=True, exist_ok=True)
    for name in _MODULES:
        shutil.copy(next(modules.rglob(f"{name}.ko")), root / "lib/modules")


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
