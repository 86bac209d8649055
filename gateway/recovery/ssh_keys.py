"""Public keys as tenants paste them, read and written again as one line of authorized_keys.

OpenSSH's own form (ssh-rsa, ssh-ed25519), SSH2's (RFC 4716), and a certificate in PEM, whose public
key it is. The key is converted here, so that nothing of it is parsed in the guest.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

TYPES: Final = ("ssh-rsa", "ssh-ed25519")
MAX_KEY: Final = 16 * 1024

_OPENSSH: Final = re.compile(r"(ssh-[a-z0-9]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?", re.I)
_SSH2: Final = re.compile(
    r"---- BEGIN SSH2 PUBLIC KEY ----\r?\n(.*?)\r?\n---- END SSH2 PUBLIC KEY ----", re.S
)
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class KeyRefused(ValueError):
    """The key cannot be read; the text is the handler's own."""


def authorized_key(text: str) -> str:
    """The line for authorized_keys, without a newline. Raises KeyRefused."""
    text = text.strip()
    if MAX_KEY < len(text):
        raise KeyRefused("Failed to generate public key file.")
    if text.startswith("---- BEGIN SSH2"):
        return _from_ssh2(text)
    if text.casefold().startswith(TYPES):
        return _from_openssh(text)
    return _from_certificate(text)


def _from_openssh(text: str) -> str:
    found = _OPENSSH.fullmatch(text)
    comment = (found[3] or "").strip() if found else ""
    if found is None or not comment.isprintable():
        raise KeyRefused("Failed to reset ssh key: it must be one line of type, key and comment.")
    line = _line(found[2])
    if not line.startswith(found[1].casefold() + " "):
        raise KeyRefused("Failed to reset ssh key: the key is not of the type that it names.")
    return f"{line} {comment}".strip()


def _from_ssh2(text: str) -> str:
    found = _SSH2.fullmatch(text)
    if found is None:
        raise KeyRefused("Failed to convert SSH2 key to OpenSSH key.")
    # RFC 4716 §3.3: headers first, "Tag: value"; one that ends in a backslash goes on.
    rows = found[1].splitlines()
    while rows and (":" in rows[0] or rows[0].endswith("\\")):
        row = rows.pop(0)
        while row.endswith("\\") and rows:
            row = rows.pop(0)
    try:
        return _line("".join(row.strip() for row in rows))
    except KeyRefused:
        raise KeyRefused("Failed to convert SSH2 key to OpenSSH key.") from None


def _line(encoded: str) -> str:
    """Type and key, from a key in base64. RFC 4253 §6.6: the blob begins with its type."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise KeyRefused("Failed to reset ssh key: the key is not base64.") from None
    for name in TYPES:
        # RFC 4251 §5: a string is its length in four bytes, then itself.
        start = len(name).to_bytes(4, "big") + name.encode("ascii")
        if blob.startswith(start) and len(start) < len(blob):
            return f"{name} {base64.b64encode(blob).decode('ascii')}"
    raise KeyRefused("Failed to reset ssh key: it must be an ssh-rsa or ssh-ed25519 key.")


def _from_certificate(text: str) -> str:
    """The public key of a certificate; the armour may be missing, as the handler allows."""
    body = text.partition(_BEGIN)[2] or text
    body = body.partition(_END)[0].strip()
    try:
        certificate = load_pem_x509_certificate(f"{_BEGIN}\n{body}\n{_END}\n".encode("ascii"))
        line = certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("Failed to generate public key file.") from None
    return line.decode("ascii")
