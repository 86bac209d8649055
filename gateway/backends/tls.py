"""TLS towards a console: who signed its certificate, for which name, and which one it must be."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl

from gateway.backends.targets import Console
from gateway.backends.wire import Wire
from gateway.errors import UpstreamRefused, UpstreamUnreachable


async def secure(wire: Wire, console: Console) -> None:
    """Upgrade `wire` and check the certificate, before any secret is sent.

    Raises: UpstreamRefused for a certificate that is not trusted, UpstreamUnreachable where the
    other end goes away.
    """
    context = await asyncio.to_thread(context_for, console)
    await upgrade(wire, context, console.server_name or console.host, console.pin)


async def upgrade(
    wire: Wire, context: ssl.SSLContext, server_name: str | None, pin: str | None
) -> None:
    """The same with a context that was made before. Raises: as `secure`."""
    try:
        tls = await wire.start_tls(context, server_name)
    except ssl.SSLCertVerificationError as error:
        raise not_trusted(error) from error
    except ssl.SSLError as error:
        raise UpstreamRefused(f"TLS with the console failed: {error.reason}") from error
    except OSError as error:
        raise UpstreamUnreachable("the console went away as TLS began") from error
    if pin is not None:
        _check_pin(tls, pin)


def not_trusted(error: Exception) -> UpstreamRefused:
    """What is said of a certificate that failed verification."""
    why = getattr(error, "verify_message", None) or "it does not verify"
    return UpstreamRefused(f"the console's certificate is not trusted: {why}")


def not_pinned() -> UpstreamRefused:
    """What is said of a certificate that is another than the pinned one."""
    return UpstreamRefused("the console's certificate is not the pinned one")


def context_for(console: Console) -> ssl.SSLContext:
    """TLS 1.2 or newer. With a pin and no authorities, the pin alone decides.

    Raises: UpstreamRefused where the authorities' file cannot be read.
    """
    if console.pin is not None and console.ca_file is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `_check_pin` judges instead
    else:
        context = _verifying(console)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _verifying(console: Console) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=console.ca_file)
    except OSError as error:
        raise UpstreamRefused(
            f"the console's authorities cannot be read: {error.strerror or 'no certificates'}"
        ) from error
    # Python 3.13 made it strict; hypervisors' own authorities lack extensions that it wants.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _check_pin(tls: ssl.SSLObject, pin: str) -> None:
    certificate = tls.getpeercert(binary_form=True) or b""
    if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), pin):
        raise not_pinned()
