"""The upstream whose server answers one update per request: QEMU, with a guest whose text scrolls.

Its first row of text is the picture's clock and the key's block, as `tests.bench.clock` has them:
cells of 9x16 pixels with a black or a white background. The counter is the number of lines so far.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.clock import BITS, KEY_LEFT, KEY_WIDTH, Clock, cells, crc8
from tests.bench.screen import Screen
from tests.hypervisor.guest import Guest
from tests.hypervisor.programs import wait_for
from tests.hypervisor.qemu import FIRST_PORT, Qemu

_CELL: Final = 9
CLOCK: Final = Clock(_CELL)
LINES: Final = 24  # below the clock's
_INITTAB: Final = """\
::sysinit:/etc/rc
tty1::once:/sbin/scroll
"""
_RUNS: Final = "the text scrolls"
_WORDS: Final = (
    "started", "session", "of", "user", "reached", "target", "network", "device", "mounted", "eth0",
    "link", "becomes", "ready", "checking", "file", "system", "on", "sda1", "clean", "blocks",
    "loaded", "module", "version", "unit", "stopped", "listening", "socket", "timer", "daily",
    "kernel", "random", "queue",
)  # fmt: skip

# No program is started after the first line: that takes TCG longer than all the rest. Each line
# leaves in one write, with the counter behind it, so that a counter that is whole vouches for its
# line; no newline is in it, at which printf would write too early. ESC D scrolls.
_SCROLL: Final = r"""#!/bin/sh
TABLES
stty raw -echo
mkfifo /run/silence
exec 3<>/run/silence
printf '\033[?25l\033[2J\033[2;25r'
count=0 random=1

line() {
    text=
    for word in 1 2 3 4 5 6 7 8 9 10 11 12; do
        random=$((random * 1103515245 + 12345 & 0x7fffffff))
        eval "text=\"\$text \$W$((random >> 16 & 31))\""
    done
    low=$((count & 255)) middle=$((count >> 8 & 255)) high=$((count >> 16 & 255))
    eval "check=\$C$high"
    eval "check=\$C$((check ^ middle))"
    eval "check=\$C$((check ^ low))"
    eval "clock=\$T$high\$T$middle\$T$low\$T$check"
    printf "\033[25;1H\033D%08d%.62s\033[H$clock\033[0m" "$count" "$text"
    count=$((count + 1))
}

scroll() {
    read up _ < /proc/uptime
    begun=${up%.*}${up#*.} first=$count
    while :; do
        line
        read up _ < /proc/uptime
        left=$((begun + (count - first) * PERIOD / 10000 - ${up%.*}${up#*.}))
        if [ $left -gt 0 ]; then
            hundredths=$((100 + left % 100))
            read -t $((left / 100)).${hundredths#1} _ <&3
        fi
    done
}

while [ $count -lt LINES ]; do line; done
if [ PERIOD -gt 0 ]; then scroll & fi
echo 'RUNS' > /dev/ttyS0
colour=40
while read -r -n 1 _; do
    colour=$((87 - colour))
    printf "\0337\033[1;COLUMNH\033[${colour}mBLOCK\033[0m\0338"
done
"""


class ScrollingGuest(Qemu):
    """QEMU with that guest."""

    def __init__(self, folder: Path, lines_per_second: float | None) -> None:
        """With None the screen stands still, but for keys."""
        script = _script(lines_per_second)
        super().__init__(folder, Guest(folder, inittab=_INITTAB, scripts={"sbin/scroll": script}))

    def runs(self) -> bool:
        """Whether it shows its clock and takes keys."""
        return self._serial.exists() and _RUNS in self._serial.read_text(errors="replace")

    @property
    def _serial(self) -> Path:
        return self.folder / "serial.log"

    def _doors(self) -> list[str]:
        return ["-vnc", f"127.0.0.1:{self.port - FIRST_PORT}"]  # each further one asks VGA as often

    def _hardware(self) -> list[str]:
        return [*super()._hardware(), "-serial", f"file:{self._serial}"]


@contextmanager
def scrolling_guest(lines_per_second: float | None) -> Iterator[Screen]:
    """A text console of 720x400 that prints so many lines a second, or with None none."""
    with tempfile.TemporaryDirectory(prefix="eva-") as folder:
        guest = ScrollingGuest(Path(folder), lines_per_second)
        try:
            wait_for(guest.runs, "the guest's scrolling text")
            yield Screen(guest.port, guest.pid, CLOCK)
        finally:
            guest.kill()


def _script(lines_per_second: float | None) -> str:
    period = round(1e6 / lines_per_second) if lines_per_second else 0  # microseconds
    return (
        _SCROLL.replace("TABLES", _tables())
        .replace("PERIOD", str(period))
        .replace("LINES", str(LINES))
        .replace("RUNS", _RUNS)
        .replace("COLUMN", str(KEY_LEFT // _CELL + 1))
        .replace("BLOCK", " " * (KEY_WIDTH // _CELL))
    )


def _tables() -> str:
    """Words, and for each byte its check and its eight cells: under TCG sums are slow."""
    rows = [f"W{at}={word}" for at, word in enumerate(_WORDS)]
    for byte in range(256):
        # Zeros in front leave a CRC that begins with zero as it is.
        rows.append(f"C{byte}={crc8(byte)}")
        shown = "".join(r"\033[47m " if bit else r"\033[40m " for bit in _bits(byte))
        rows.append(f"T{byte}='{shown}'")
    return "\n".join(rows)


def _bits(byte: int) -> list[bool]:
    return cells(byte)[BITS - 16 : BITS - 8]
