"""The client's handshake: protocol version, security type, password (RFC 6143 §7.1 and §7.2)."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from gateway.errors import RfbError, UpstreamRefused
from gateway.rfb import vnc_auth
from gateway.rfb.reader import Reading
from gateway.rfb.text import printable
from gateway.rfb.wire import MAX_REASON, Security, VeNCrypt

Send: TypeAlias = Callable[[bytes], None]

_VERSION: Final = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_U32: Final = struct.Struct(">I")
_VENCRYPT_0_2: Final = b"\x00\x02"
_DONE = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration asks of this upstream; never less is accepted."""

    password: str | None
    tls: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """How the connection goes on: `minor` is the protocol version 3.`minor`."""

    minor: int
    security: Security
    tls: bool


def agree(wanted: Wanted, send: Send) -> Reading[Agreed]:
    """Agree on a version and a security type.

    Raises: RfbError where the server offers only something weaker than wanted, UpstreamRefused
    where it turns us away.
    """
    minor = yield from _version(send)
    if minor == 3:
        return (yield from _dictated_security(wanted))
    offered = yield from _offered_security()
    if wanted.tls:
        if Security.VENCRYPT not in offered:
            raise RfbError(f"TLS is configured, but the server offers only {_names(offered)}")
        send(bytes([Security.VENCRYPT]))
        return (yield from _vencrypt(minor, wanted, send))
    agreed = _choose(minor, offered, wanted)
    send(bytes([agreed.security]))
    return agreed


def authenticate(agreed: Agreed, password: str | None, send: Send) -> Reading[None]:
    """Prove the password where one is asked for, and read the verdict. Raises: UpstreamRefused."""
    if agreed.security is Security.VNC:
        challenge = yield vnc_auth.CHALLENGE_SIZE
        send(vnc_auth.respond(challenge, password or ""))
    elif agreed.minor < 8:
        # RFC 6143 §7.1.3 and appendix A: before 3.8 nothing follows the security type None.
        return
    (result,) = _U32.unpack((yield 4))
    if result == _DONE:
        return
    if 8 <= agreed.minor:
        yield from _refusal()
    raise UpstreamRefused("the server refused the password")


def _version(send: Send) -> Reading[int]:
    # RFC 6143 §7.1.1: twelve bytes "RFB xxx.yyy\n".
    greeting = yield 12
    match = _VERSION.fullmatch(greeting)
    if match is None:
        raise RfbError("the other end does not speak RFB")
    version = int(match[1]), int(match[2])
    if version < (3, 3):
        raise RfbError(f"RFB {version[0]}.{version[1]} is too old")
    # RFC 6143 appendix A: versions that were never published count as 3.3. Apple's 3.889 and
    # RealVNC's 4 and 5 speak 3.8.
    minor = 8 if (3, 8) <= version else 7 if version == (3, 7) else 3
    send(b"RFB 003.%03d\n" % minor)
    return minor


def _dictated_security(wanted: Wanted) -> Reading[Agreed]:
    # RFC 6143 appendix A.1: in 3.3 the server decides alone, by a U32.
    (security,) = _U32.unpack((yield 4))
    if security == Security.INVALID:
        yield from _refusal()
    return _choose(3, frozenset([security]), wanted)


def _offered_security() -> Reading[frozenset[int]]:
    # RFC 6143 §7.1.2: U8 number of types, then a U8 each; none means a reason and the end.
    (count,) = yield 1
    if count == 0:
        yield from _refusal()
    return frozenset((yield count))


def _choose(minor: int, offered: frozenset[int], wanted: Wanted) -> Agreed:
    """The one type that is as strong as the configuration wants, outside TLS."""
    if wanted.tls:
        raise RfbError(f"TLS is configured, but the server offers only {_names(offered)}")
    if wanted.password is not None:
        if Security.VNC not in offered:
            raise RfbError(
                f"a password is configured, but the server offers only {_names(offered)}"
            )
        return Agreed(minor, Security.VNC, tls=False)
    if Security.NONE in offered:
        return Agreed(minor, Security.NONE, tls=False)
    if Security.VNC in offered:
        raise UpstreamRefused("the server asks for a password and none is configured")
    raise UpstreamRefused(f"the server offers only {_names(offered)}, none of which is configured")


def _vencrypt(minor: int, wanted: Wanted, send: Send) -> Reading[Agreed]:
    # rfbproto, VeNCrypt: U8 major and minor, answered alike; U8 0 when the server takes ours.
    major, revision = yield 2
    if (major, revision) < (0, 2):
        raise RfbError(f"VeNCrypt {major}.{revision} is too old")
    send(_VENCRYPT_0_2)
    (refused,) = yield 1
    if refused:
        raise UpstreamRefused("the server refused VeNCrypt 0.2")
    # Then U8 number of subtypes and a U32 each, answered with the U32 chosen; U8 1 when taken.
    (count,) = yield 1
    subtypes = frozenset(each for (each,) in _U32.iter_unpack((yield 4 * count)))
    subtype = VeNCrypt.X509_NONE if wanted.password is None else VeNCrypt.X509_VNC
    if subtype not in subtypes:
        # Plain passwords and anonymous TLS are weaker: never those.
        raise RfbError(f"{subtype.name} is configured, but the server does not offer it")
    send(_U32.pack(subtype))
    (accepted,) = yield 1
    if accepted != 1:
        raise UpstreamRefused(f"the server refused {subtype.name}")
    return Agreed(minor, Security.NONE if wanted.password is None else Security.VNC, tls=True)


def _refusal() -> Reading[NoReturn]:
    # RFC 6143 §7.1.3: U32 length, then the reason.
    (length,) = _U32.unpack((yield 4))
    if MAX_REASON < length:
        raise RfbError(f"a reason of {length} bytes is too long")
    reason = printable((yield length))
    raise UpstreamRefused(reason or "the server gave no reason")


def _names(types: frozenset[int]) -> str:
    known = {int(each): each.name.lower() for each in Security}
    return ", ".join(known.get(each, f"type {each}") for each in sorted(types))
