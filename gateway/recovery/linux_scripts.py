"""The shell that runs in a Linux guest: one constant for each script, and its exit codes.

POSIX sh, run as `/bin/sh -c SCRIPT NAME ARGUMENT…`. Arguments are names that were checked
before, never secrets; keys and configurations come on standard input. Every script can be run
twice without harm. Tested in dash, bash and busybox sh.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """How a script ended. Anything else is a failure that nobody foresaw."""

    DONE = 0
    NO_SUCH_ACCOUNT = 20
    SYSTEM_ACCOUNT = 21
    NOT_HERE = 22  # what would be changed does not exist in this guest
    SYMLINK = 23
    INVALID = 24


# The names that logs show, and that a stand-in for a Linux guest answers by: $0 of each script.
INSPECT_ACCOUNT: Final = "inspect-account"
ALLOW_SUDO: Final = "allow-sudo"
FORGET_SUDO: Final = "forget-sudo"
SET_SSH_KEY: Final = "set-ssh-key"
ALLOW_PASSWORDS: Final = "allow-passwords"
OPEN_SSH_PORT: Final = "open-ssh-port"
RESET_SSH: Final = "reset-ssh"
RESTART_SSH: Final = "restart-ssh"

# $1 user. A system account has a number below UID_MIN; the handler leaves those alone.
_INSPECT_ACCOUNT: Final = r"""
number=$(id -u "$1" 2>/dev/null) || exit 20
least=$(sed -n 's/^UID_MIN[[:space:]]\{1,\}\([0-9]\{1,\}\).*/\1/p' /etc/login.defs 2>/dev/null)
[ "$number" -ge "${least:-100}" ] || exit 21
"""

# $1 user, $2 what sudo allows. The file holds a line for each user that was made an administrator
# here; it is replaced whole, by a name with a dot, which sudo skips until then.
_ALLOW_SUDO: Final = r"""
set -eu
umask 077
[ -e /etc/sudoers ] || exit 22
if [ ! -d /etc/sudoers.d ]; then
    mkdir -m 750 /etc/sudoers.d
    printf '\n#includedir /etc/sudoers.d\n' >> /etc/sudoers
fi
file=/etc/sudoers.d/waagent
new=/etc/sudoers.d/.waagent.new
rm -f "$new"
[ ! -e "$file" ] || awk -v user="$1" '$1 != user' "$file" > "$new"
printf '%s ALL = (ALL) %s\n' "$1" "$2" >> "$new"
chmod 440 "$new"
if command -v visudo >/dev/null 2>&1 && ! visudo -cqf "$new"; then
    rm -f "$new"
    exit 24
fi
mv -f "$new" "$file"
"""

# $1 user.
_FORGET_SUDO: Final = r"""
set -eu
umask 077
file=/etc/sudoers.d/waagent
new=/etc/sudoers.d/.waagent.new
[ -e "$file" ] || exit 22
awk -v user="$1" '$1 != user' "$file" > "$new"
chmod 440 "$new"
mv -f "$new" "$file"
"""

# $1 user, $2 `replace` or `append`; the key on standard input. Written as the handler writes it:
# never through a symbolic link.
_SET_SSH_KEY: Final = r"""
set -eu
umask 077
home=$(awk -F: -v user="$1" '$1 == user { print $6 }' /etc/passwd)
if [ -z "$home" ] && command -v getent >/dev/null 2>&1; then
    home=$(getent passwd "$1" | cut -d: -f6)
fi
[ -n "$home" ] && [ -d "$home" ] || exit 20
owner=$(id -u "$1"):$(id -g "$1")
folder=$home/.ssh
file=$folder/authorized_keys
[ ! -L "$folder" ] && [ ! -L "$file" ] || exit 23
[ -d "$folder" ] || mkdir -m 700 "$folder"
new=$folder/.authorized_keys.new
key=$folder/.authorized_keys.key
rm -f "$new" "$key"
{ cat; echo; } > "$key"
if [ "$2" = append ] && [ -e "$file" ]; then
    awk 'FNR == NR { known[$0]; next } !($0 in known)' "$key" "$file" > "$new"
fi
cat "$key" >> "$new"
rm -f "$key"
chown -h "$owner" "$folder" "$new"
mv -f "$new" "$file"
if command -v restorecon >/dev/null 2>&1; then restorecon -R "$folder" || true; fi
"""

_KEEP_BACKUP: Final = r"""
if [ ! -e /var/cache/vmaccess/backup ]; then
    mkdir -p /var/cache/vmaccess
    cp -p /etc/ssh/sshd_config /var/cache/vmaccess/backup
fi
"""

# Sets the line before the first Match block, where it holds for everybody.
_ALLOW_PASSWORDS: Final = (
    r"""
set -eu
[ -e /etc/ssh/sshd_config ] || exit 22
"""
    + _KEEP_BACKUP
    + r"""
allow() {
    awk '
        /^[[:space:]]*Match[[:space:]]/ && !said { print "PasswordAuthentication yes"; said = 1 }
        /^[[:space:]]*Match[[:space:]]/ { inside = 1 }
        !inside && /^[[:space:]]*PasswordAuthentication[[:space:]]/ {
            if (!said) print "PasswordAuthentication yes"
            said = 1
            next
        }
        { print }
        END { if (!said) print "PasswordAuthentication yes" }
    ' "$1" > "$1.vmaccess"
    cat "$1.vmaccess" > "$1"
    rm -f "$1.vmaccess"
}
allow /etc/ssh/sshd_config
cloud=/etc/ssh/sshd_config.d/50-cloud-init.conf
[ ! -e "$cloud" ] || allow "$cloud"
"""
)

# Rules that close port 22 go, one that opens it comes first. Where there is no iptables there is
# no rule of its either.
_OPEN_SSH_PORT: Final = r"""
command -v iptables >/dev/null 2>&1 || exit 22
for target in DROP REJECT; do
    rounds=0
    while [ "$rounds" -lt 20 ] &&
        iptables -D INPUT -p tcp -m tcp --dport 22 -j "$target" 2>/dev/null
    do rounds=$((rounds + 1)); done
done
iptables -C INPUT -p tcp -m tcp --dport 22 -j ACCEPT 2>/dev/null ||
    iptables -I INPUT -p tcp -m tcp --dport 22 -j ACCEPT
"""

# $1 `default` or `backup`; our own default on standard input, for distributions that ship none.
# A configuration that sshd does not take is not put in place.
_RESET_SSH: Final = (
    r"""
set -eu
umask 022
[ -e /etc/ssh/sshd_config ] || exit 22
new=/etc/ssh/.sshd_config.vmaccess
if [ "$1" = backup ] && [ -e /var/cache/vmaccess/backup ]; then
    cat > /dev/null
    cp -p /var/cache/vmaccess/backup "$new"
elif [ -e /usr/share/openssh/sshd_config ]; then
    cat > /dev/null
    cp /usr/share/openssh/sshd_config "$new"
else
    cat > "$new"
fi
chmod 600 "$new"
sshd=$(command -v sshd || echo /usr/sbin/sshd)
if [ -x "$sshd" ] && ! "$sshd" -t -f "$new"; then
    rm -f "$new"
    exit 24
fi
"""
    + _KEEP_BACKUP
    + r"""
mv -f "$new" /etc/ssh/sshd_config
[ "$1" != backup ] || rm -f /var/cache/vmaccess/backup
"""
)

_RESTART_SSH: Final = r"""
[ -e /etc/ssh/sshd_config ] || exit 22
if command -v systemctl >/dev/null 2>&1; then
    systemctl restart sshd 2>/dev/null || systemctl restart ssh
elif command -v service >/dev/null 2>&1; then
    service sshd restart 2>/dev/null || service ssh restart
else
    exit 22
fi
"""

# What a distribution without a default of its own gets: keys and passwords, port 22.
SSHD_DEFAULT: Final = b"""\
# Put here by the VMAccess extension.
Port 22
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication yes
PermitEmptyPasswords no
X11Forwarding no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""

SCRIPTS: Final[dict[str, str]] = {
    INSPECT_ACCOUNT: _INSPECT_ACCOUNT,
    ALLOW_SUDO: _ALLOW_SUDO,
    FORGET_SUDO: _FORGET_SUDO,
    SET_SSH_KEY: _SET_SSH_KEY,
    ALLOW_PASSWORDS: _ALLOW_PASSWORDS,
    OPEN_SSH_PORT: _OPEN_SSH_PORT,
    RESET_SSH: _RESET_SSH,
    RESTART_SSH: _RESTART_SSH,
}
