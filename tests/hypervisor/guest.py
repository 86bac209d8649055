"""A small Linux for QEMU: Debian's cloud kernel and busybox, up to a login prompt in seconds."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

from tests.hypervisor.programs import missing, need

USER, PASSWORD = "tester", "letmein42"
_CACHE = Path(__file__).parent.parent.parent / "var" / "test-guest"
_PACKAGE = re.compile(r"^\s*Depends: (linux-image-\S+-cloud-amd64)$", re.MULTILINE)

_INITTAB = "::sysinit:/etc/rc\ntty1::respawn:/bin/getty -L 0 tty1 linux\n"
_RC = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
hostname guest
dmesg -n 1
"""


class Guest:
    """The files that `-kernel` and `-initrd` take."""

    def __init__(self, folder: Path) -> None:
        """Build in `folder`; the kernel's package is kept for later runs."""
        need("apt-get", "apt-cache", "dpkg-deb", "busybox", "cpio", "openssl")
        package = _kernel_package()
        unpacked = folder / "kernel"
        subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        self.kernel = next((unpacked / "boot").glob("vmlinuz-*"))
        self.initrd = folder / "initrd.gz"
        self.initrd.write_bytes(_initramfs(folder / "root"))


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


def _initramfs(root: Path) -> bytes:
    for name in ("bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "home"):
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
    (etc / "inittab").write_text(_INITTAB)
    (etc / "issue").write_text("Guest of the tests\n\n")
    (etc / "rc").write_text(_RC)
    (etc / "rc").chmod(0o755)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
