"""A development CA and a server certificate, made at set-up and never committed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME: Final = timedelta(days=365)
SERVER_LIFETIME: Final = timedelta(days=90)
_RENEW_BEFORE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DevelopmentCertificates:
    """The files of one development installation."""

    ca: Path
    certificate: Path
    private_key: Path


def make_development_certificates(
    folder: Path, names: tuple[str, ...], now: datetime
) -> DevelopmentCertificates:
    """Make what is missing or about to expire in `folder`; the CA's key is not kept.

    `names` are host names and IP addresses that the server certificate shall bear.
    """
    files = DevelopmentCertificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if not _still_good(files, names, now):
        folder.mkdir(parents=True, exist_ok=True)
        _make(files, names, now)
    return files


def _still_good(files: DevelopmentCertificates, names: tuple[str, ...], now: datetime) -> bool:
    if not all(path.is_file() for path in (files.ca, files.certificate, files.private_key)):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return now + _RENEW_BEFORE < certificate.not_valid_after_utc and set(
        map(_general_name, names)
    ) <= set(alternative.value)


def _make(files: DevelopmentCertificates, names: tuple[str, ...], now: datetime) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _ca(ca_key, now)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server(server_key, ca, ca_key, names, now)
    pem = serialization.Encoding.PEM
    files.ca.write_bytes(ca.public_bytes(pem))
    _write_private(
        files.private_key,
        server_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    files.certificate.write_bytes(server.public_bytes(pem) + ca.public_bytes(pem))


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name("Console gateway development CA")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    now: datetime,
) -> x509.Certificate:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(_name(names[0]), ca.subject, key, now, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def main() -> None:
    """Make the certificates of a development installation in `certs/`."""
    make_development_certificates(
        Path("certs"), ("localhost", "127.0.0.1", "::1"), datetime.now(UTC)
    )


if __name__ == "__main__":
    main()
