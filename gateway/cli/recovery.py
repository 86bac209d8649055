"""recovery …: what is done inside a virtual machine through its guest agent."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.client import Client, Json, segment
from gateway.cli.command import talks
from gateway.cli.failures import Exit, Failure
from gateway.cli.output import AsJson, field, local_time, moment, print_json, print_table, say
from gateway.cli.proof import password_of_stdin
from gateway.recovery.handlers import GuestOs
from gateway.recovery.kinds import ActionKind, kinds_for, needs_user

app = typer.Typer(
    help="Recoveries: have a password, Remote Desktop, SSH or a disk of a virtual machine reset.",
    no_args_is_help=True,
)

_OFFERED: Final = [kind for kind in ActionKind if any(kind in kinds_for(os) for os in GuestOs)]
KindName = StrEnum(  # type: ignore[misc]  # set-password: what people type has no underscore
    "KindName", {kind.name: kind.value.replace("_", "-") for kind in _OFFERED}
)
LogFile = StrEnum("LogFile", {"COMMANDS": "CommandExecution.log", "EXTENSION": "extension.log"})

MAX_KEY_FILE: Final = 16 * 1024  # characters; what the gateway takes

ResourceId = Annotated[
    str, typer.Argument(metavar="RESOURCE_ID", help="/subscriptions/…/virtualMachines/NAME")
]
Kind = Annotated[KindName, typer.Argument(help="What shall be done.")]
RecoveryId = Annotated[str, typer.Argument(metavar="ID", help="The recovery's id, from the list.")]
User = Annotated[
    str, typer.Option("--user", metavar="NAME", help="The account inside the machine.")
]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin",
        help="Read the new password from standard input, instead of asking for it.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--ssh-key-file", metavar="PATH", help="The public SSH key, for set-ssh-key."),
]
Disk = Annotated[
    str, typer.Option("--disk", metavar="NAME", help="Where it is mounted, for repair-disk.")
]


@app.command("list")
@talks
async def list_all(
    client: Client,
    resource_id: Annotated[
        str | None, typer.Option("--vm", metavar="RESOURCE_ID", help="Of this machine only.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the recoveries that you may see, the newest first.

    Example: eva-gateway recovery list --limit 10
    """
    answer = await client.get("recoveries", resource_id=resource_id, limit=limit)
    if as_json:
        print_json(answer)
        return
    print_table(
        answer["recoveries"],
        [
            ("ID", field("id")),
            ("STATE", _state),
            ("WHAT", field("title")),
            ("ASKED", moment("requested_at")),
            ("BY", field("requested_by")),
            ("RESOURCE ID", field("resource_id")),
        ],
        empty="There are no recoveries.",
    )


@app.command()
@talks
async def show(client: Client, recovery: RecoveryId, as_json: AsJson = False) -> None:
    """Show how one recovery stands: its steps, its result, and what to do next.

    Example: eva-gateway recovery show 0123456789abcdef0123456789abcdef
    """
    _tell(await client.get(f"recoveries/{segment(recovery)}"), as_json=as_json)


@app.command()
@talks
async def start(
    client: Client,
    *,
    resource_id: ResourceId,
    kind: Kind,
    user: User = "",
    password_stdin: PasswordStdin = False,
    ssh_key_file: KeyFile = None,
    disk: Disk = "",
    as_json: AsJson = False,
) -> None:
    """Have something done inside a machine of yours (tenants only).

    A new password is asked for, twice; it is never an argument.

    Example: eva-gateway recovery start /subscriptions/GUID/resourceGroups/RG/providers/\
Microsoft.Compute/virtualMachines/web01 set-password --user azureuser
    """
    what = ActionKind[kind.name]
    chosen = _chosen(what, user, ssh_key_file, disk, password_stdin=password_stdin)
    body = {"resource_id": resource_id, "kind": what.value, **chosen}
    _begun(await client.post("recoveries", body), as_json=as_json)


@app.command()
@talks
async def propose(
    client: Client,
    consent: Annotated[str, typer.Argument(metavar="CONSENT-ID", help="An active consent.")],
    kind: Kind,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for the tenant.")] = "",
    as_json: AsJson = False,
) -> None:
    """Propose a recovery to the tenant (operators only), who approves or declines it.

    Example: eva-gateway recovery propose 0123456789abcdef0123456789abcdef reset-ssh
    """
    body = {"consent_id": consent, "kind": ActionKind[kind.name].value, "note": note}
    answer = await client.post("recoveries/proposals", body)
    if as_json:
        print_json(answer)
        return
    say(f"Recovery {answer['id']} is proposed. The tenant decides.")


@app.command()
@talks
async def approve(
    client: Client,
    *,
    recovery: RecoveryId,
    user: User = "",
    password_stdin: PasswordStdin = False,
    ssh_key_file: KeyFile = None,
    disk: Disk = "",
    as_json: AsJson = False,
) -> None:
    """Approve an operator's proposal, with an account and a password that only you choose.

    Example: eva-gateway recovery approve 0123456789abcdef0123456789abcdef --user azureuser
    """
    href = f"recoveries/{segment(recovery)}"
    what = ActionKind((await client.get(href))["kind"])
    chosen = _chosen(what, user, ssh_key_file, disk, password_stdin=password_stdin)
    _begun(await client.post(f"{href}/approval", chosen), as_json=as_json)


@app.command()
@talks
async def decline(
    client: Client,
    recovery: RecoveryId,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the operator.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Decline an operator's proposal; nothing is done.

    Example: eva-gateway recovery decline 0123456789abcdef0123456789abcdef --reason "not now"
    """
    body = {"reason": reason}
    answer = await client.post(f"recoveries/{segment(recovery)}/refusal", body)
    _tell(answer, as_json=as_json)


@app.command()
@talks
async def cancel(client: Client, recovery: RecoveryId, as_json: AsJson = False) -> None:
    """Take back a recovery that the guest was not sent yet, or a proposal of your own.

    Example: eva-gateway recovery cancel 0123456789abcdef0123456789abcdef
    """
    _tell(await client.delete(f"recoveries/{segment(recovery)}"), as_json=as_json)


@app.command()
@talks
async def log(
    client: Client,
    resource_id: ResourceId,
    file: Annotated[LogFile | None, typer.Option("--file", help="One of the two files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the guest agent's log of a machine, the oldest line first.

    Example: eva-gateway recovery log /subscriptions/GUID/resourceGroups/RG/providers/\
Microsoft.Compute/virtualMachines/web01 --file extension.log
    """
    answer = await client.get("agent-logs", resource_id=resource_id, file=file and str(file))
    if as_json:
        print_json(answer)
        return
    for line in answer["lines"]:
        say(f"{local_time(line['at'])}  {line['file']}  {line['line']}")
    if not answer["lines"]:
        say("Nothing has been written yet.")


def _chosen(
    kind: ActionKind, user: str, key_file: Path | None, disk: str, *, password_stdin: bool
) -> Json:
    """What `kind` needs, and nothing else. Raises: Failure."""
    if needs_user(kind) and not user:
        raise Failure("name the account inside the machine: --user NAME", Exit.USAGE)
    if kind is ActionKind.REPAIR_DISK and not disk:
        raise Failure("name the disk: --disk NAME", Exit.USAGE)
    chosen: Json = {"user": user} if needs_user(kind) else {}
    if kind is ActionKind.SET_PASSWORD:
        chosen["password"] = _new_password(password_stdin=password_stdin)
    if kind is ActionKind.SET_SSH_KEY:
        chosen["ssh_key"] = _key(key_file)
    if kind is ActionKind.REPAIR_DISK:
        chosen["disk_name"] = disk
    return chosen


def _new_password(*, password_stdin: bool) -> str:
    if password_stdin:
        return password_of_stdin()
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask at: use --password-stdin", Exit.USAGE)
    answer: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def _key(file: Path | None) -> str:
    if file is None:
        raise Failure("name the file of the public key: --ssh-key-file PATH", Exit.USAGE)
    try:
        with file.open(encoding="utf-8") as stream:
            key = stream.read(MAX_KEY_FILE + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(f"cannot read {file}: {why}", Exit.USAGE) from None
    if "PRIVATE KEY" in key:
        raise Failure(f"{file} is a private key, which stays with you", Exit.USAGE)
    if MAX_KEY_FILE < len(key):
        raise Failure(f"{file} is too long for a public key", Exit.USAGE)
    return key


def _begun(recovery: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(recovery)
        return
    say(f"Recovery {recovery['id']} is under way. To follow it: eva-gateway recovery show "
        f"{recovery['id']}")  # fmt: skip


def _tell(recovery: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(recovery)
        return
    say(f"{recovery['title']} on {recovery['resource_id']}")
    say(f"State: {_state(recovery)}")
    say(f"Asked: {local_time(recovery['requested_at'])} by {recovery['requested_by']}")
    for name, title in (("account", "Account"), ("note", "Note"), ("message", "Message"),
                        ("next_step", "Next")):  # fmt: skip
        if recovery[name]:
            say(f"{title}: {recovery[name]}")
    for step in recovery["steps"]:
        said = f": {step['message']}" if step["message"] else ""
        say(f"  [{step['state']}] {step['title']}{said}")


def _state(row: object) -> str:
    assert isinstance(row, dict)
    return {"requested": "queued", "sent": "running"}.get(row["state"], str(row["state"]))
