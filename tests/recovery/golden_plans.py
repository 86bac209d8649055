"""The requests whose plans are kept as golden files; run as a script, it writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.plan import describe
from tests.recovery.samples import ED25519, PASSWORD, linux, planned, windows

FOLDER: Final = Path(__file__).parent / "golden"

REQUESTS: Final[dict[str, ExtensionRequest]] = {
    # The seed's two commands for the az command line.
    "windows-update-user": windows({"username": "myuser"}, {"password": PASSWORD}),
    "windows-reset-remote-desktop": windows({}),
    "linux-password": linux({}, {"username": "ana", "password": PASSWORD}),
    "linux-user-with-key": linux(
        {},
        {
            "username": "ana",
            "password": PASSWORD,
            "ssh_key": ED25519,
            "expiration": "2027-01-31",
            "remove_prior_keys": "true",
        },
    ),
    "linux-reset-ssh": linux({}, {"reset_ssh": True}),
    "linux-restore-ssh": linux({}, {"restore_backup_ssh": True}),
    "linux-remove-user": linux({}, {"remove_user": "bob"}),
    "linux-check-disk": linux({"check_disk": "true"}),
    "linux-repair-disk": linux({"repair_disk": "true", "disk_name": "data"}),
}


def golden(name: str) -> str:
    """The plan of `REQUESTS[name]` as its file holds it."""
    return json.dumps(describe(planned(REQUESTS[name])), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write every file. Read the difference before it is committed."""
    for name in REQUESTS:
        (FOLDER / f"{name}.json").write_text(golden(name), encoding="utf-8")


if __name__ == "__main__":
    write()
