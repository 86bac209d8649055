"""What pages say about recoveries: each kind and each state in its own words. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery.handlers import GuestOs
from gateway.recovery.kinds import WORDS, ActionKind, kinds_for
from gateway.web.shown import State

ACCOUNT: Final = "{account}"  # where a sentence names the account


@dataclass(frozen=True, slots=True)
class Said:
    """One kind: what is proposed and what was done, each before "on web01"; what will happen."""

    verb: str
    done: str
    linux: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()


SAID: Final = {
    ActionKind.SET_PASSWORD: Said(
        "reset the password",
        "The password was reset",
        linux=(
            f"The account {ACCOUNT} gets the password that you set below. If there is no such "
            "account, it is created.",
            "It may act as root (sudo) from then on.",
            "SSH takes passwords again, where its settings forbade that.",
        ),
        windows=(
            f"The account {ACCOUNT} gets the password that you set below and is enabled. If there "
            "is no such account, it is created as an administrator.",
            "An account that exists must be in the group Administrators; otherwise nothing is "
            "changed.",
            "Remote Desktop is switched on, with its rule in the firewall.",
            "It is refused on a domain controller.",
        ),
    ),
    ActionKind.RESET_REMOTE_DESKTOP: Said(
        "reset Remote Desktop",
        "Remote Desktop was reset",
        windows=(
            "Remote Desktop connections are allowed again, on port 3389.",
            "The firewall’s rule for it is switched on, and its service is enabled and started.",
            "No account and no password is changed.",
            "It is refused on a domain controller.",
        ),
    ),
    ActionKind.SET_SSH_KEY: Said(
        "set an SSH key",
        "The SSH key was set",
        linux=(
            f"The account {ACCOUNT} can log in over SSH with the key that you give below. If "
            "there is no such account, it is created.",
            "It may act as root (sudo) from then on.",
            "Its other keys and its password stay as they are.",
        ),
    ),
    ActionKind.RESET_SSH: Said(
        "reset SSH",
        "SSH was reset",
        linux=(
            "The SSH server’s settings are replaced by default ones. The present ones are kept "
            "aside, and can be put back from this page.",
            "Port 22 is opened in the guest’s own firewall.",
            "The SSH server starts anew with these settings.",
        ),
    ),
    ActionKind.RESTORE_SSH: Said(
        "restore the SSH settings",
        "The SSH settings were restored",
        linux=(
            "The SSH server’s settings that were kept aside are put back.",
            "Port 22 is opened in the guest’s own firewall.",
            "The SSH server starts anew with these settings.",
        ),
    ),
    ActionKind.REMOVE_USER: Said(
        "remove an account",
        "The account was removed",
        linux=(
            f"The account {ACCOUNT} is deleted, with everything in its home directory.",
            "This cannot be undone.",
        ),
    ),
    ActionKind.CHECK_DISK: Said(
        "check the disks",
        "The disks were checked",
        linux=(
            "Every file system that the guest’s fstab lists is checked (fsck -As -y); what can be "
            "mended is mended.",
            "File systems in use may be left out. The machine goes on running.",
            "It may take many minutes.",
        ),
    ),
    ActionKind.REPAIR_DISK: Said(
        "repair a disk",
        "The disk was repaired",
        linux=(
            "The disk that you name is unmounted, even if programs use it: they lose it.",
            "File systems are mended (fsck -AR -y); the root file system is left alone.",
            "Then the disk is mounted again. It may take many minutes.",
        ),
    ),
    ActionKind.CREATE_USER: Said("create an account", "The account was created"),
    ActionKind.NOTHING: Said("do nothing", "Nothing was asked, and nothing was done"),
}

# What each state is called in lists, and its mark.
STATES: Final = {
    ActionState.PROPOSED: State("waiting", "Proposed"),
    ActionState.REQUESTED: State("waiting", "Queued"),
    ActionState.SENT: State("live", "Running"),
    ActionState.DONE: State("ended", "Done"),
    ActionState.FAILED: State("wrong", "Failed"),
    ActionState.UNKNOWN: State("wrong", "Outcome unknown"),
    ActionState.CANCELLED: State("off", "Cancelled"),
    ActionState.DECLINED: State("off", "Declined"),
}


def is_over(state: ActionState) -> bool:
    """Whether nothing more will become of it."""
    return state not in OPEN_STATES


def kind_of(word: str) -> ActionKind:
    """The kind behind a row's or an address's word; NOTHING for one that there is not."""
    return ActionKind(word) if word in set(ActionKind) else ActionKind.NOTHING


def verb(kind: ActionKind) -> str:
    """Goes before "on web01": "reset the password"."""
    return SAID[kind].verb


def label(kind: ActionKind) -> str:
    """The same for a heading, a button, a cell."""
    return verb(kind)[0].upper() + verb(kind)[1:]


@dataclass(frozen=True, slots=True)
class Told:
    """One line that says how it stands, and a tone for it."""

    text: str
    tone: str


ACCEPTED: Final = "the guest agent accepted it, waiting"
ASKING: Final = "asking the guest agent"
QUEUED: Final = "waiting for its turn, nothing is sent yet"


def headline(
    kind: ActionKind, vm: str, state: ActionState, *, begun: bool, answered: bool, by: str = ""
) -> Told:
    """How an action on `vm` stands: whether the guest agent was asked anything, and has answered.

    `vm` and `by`, who proposed it, are names that are isolated already.
    """
    waiting = ASKING if begun else QUEUED
    act, doing, done = f"{verb(kind)} on {vm}", f"{WORDS[kind].running} on {vm}", SAID[kind].done
    told = {
        ActionState.PROPOSED: Told(f"{by} proposes: {act}", "warn"),
        ActionState.REQUESTED: Told(f"{doing}: {waiting}", "act"),
        ActionState.SENT: Told(f"{doing}: {ACCEPTED if answered else ASKING}", "act"),
        ActionState.DONE: Told(f"{done} on {vm}.", "done"),
        ActionState.FAILED: Told(f"{doing} failed.", "wrong"),
        ActionState.UNKNOWN: Told(f"{doing}: nobody knows whether it was done.", "wrong"),
        ActionState.CANCELLED: Told(f"{doing} was cancelled before it was sent.", "plain"),
        ActionState.DECLINED: Told(f"The proposal to {act} was declined.", "plain"),
    }
    return told[state]


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be done for a machine, and what that does inside the guest."""

    kind: str
    label: str
    what: str
    happens: tuple[str, ...]


def offers_for(system: str) -> tuple[Offer, ...]:
    """What can be done in a guest of that family (the inventory's word), most wanted first."""
    guest = GuestOs(system)
    return tuple(
        Offer(kind.value, label(kind), WORDS[kind].explains, _happens(kind, guest))
        for kind in kinds_for(guest)
    )


def offer_of(system: str, kind: str) -> Offer | None:
    """That kind, where it is offered for such a guest."""
    return next((offer for offer in offers_for(system) if offer.kind == kind), None)


def _happens(kind: ActionKind, guest: GuestOs) -> tuple[str, ...]:
    return SAID[kind].windows if guest is GuestOs.WINDOWS else SAID[kind].linux


NO_DISKS: Final = (
    "Disks of a Windows machine cannot be checked or repaired from here: the VMAccess extension "
    "has no such function for Windows. Use the machine’s console instead."
)


def not_offered(system: str) -> str:
    """What people may look for and do not find, and why."""
    return NO_DISKS if system == GuestOs.WINDOWS else ""


def lasting(since: timedelta) -> str:
    """How long it has been: "0:12", "12:03", "1:02:03"."""
    seconds = max(int(since.total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours}:{minutes % 60:02}:{seconds % 60:02}"
    return f"{minutes}:{seconds % 60:02}"
