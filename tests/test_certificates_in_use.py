"""The certificate in use stays in use, whatever lies in its files."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from gateway import serving
from gateway.app import utc_now
from gateway.certificates import DevelopmentCertificates, make_development_certificates
from gateway.errors import SettingsError
from gateway.serving import _listen, _load_certificate, load_tls
from gateway.settings import Settings


@pytest.fixture
def certificates(tmp_path: Path) -> DevelopmentCertificates:
    return make_development_certificates(tmp_path / "certs", ("localhost",), utc_now())


def settings_of(certificates: DevelopmentCertificates) -> Settings:
    return Settings(
        certificate_file=certificates.certificate, private_key_file=certificates.private_key
    )


async def listen(tls: ssl.SSLContext) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(web.Application(), shutdown_timeout=1)
    await _listen(runner, "127.0.0.1:0", tls, 16)
    return runner, runner.addresses[0][1]


async def test_a_certificate_without_its_key_does_not_take_the_place_of_the_one_in_use(
    certificates: DevelopmentCertificates, tmp_path: Path
) -> None:
    tls = load_tls(settings_of(certificates))
    runner, port = await listen(tls)
    trust = ssl.create_default_context(cafile=certificates.ca)
    # Renewed half-way: the new certificate is there, its key is not yet.
    other = make_development_certificates(tmp_path / "other", ("localhost",), utc_now())
    shutil.copy(other.certificate, certificates.certificate)
    with pytest.raises(SettingsError):
        _load_certificate(tls, settings_of(certificates))
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname="localhost"
    )
    writer.close()
    await runner.cleanup()


async def test_whoever_does_not_begin_tls_is_cut(
    certificates: DevelopmentCertificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HANDSHAKE_SECONDS", 0.2)
    runner, port = await listen(load_tls(settings_of(certificates)))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await runner.cleanup()
