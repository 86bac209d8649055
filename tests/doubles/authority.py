"""Certificates for tests: an authority and what it signs, as PEM files in a folder."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """`folder` gets the files that QEMU wants: ca-cert.pem, server-cert.pem, server-key.pem."""

    def __init__(
        self, folder: Path, *, names: tuple[str, ...] = ("localhost", "127.0.0.1")
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        own = _certificate(self._name, self._name, self._key.public_key(), ca=True, names=())
        self.ca_file = folder / "ca-cert.pem"
        self.ca_file.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))
        self.certificate_file = folder / "server-cert.pem"
        self.key_file = folder / "server-key.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        issued = _certificate(_name(names[0]), self._name, key.public_key(), ca=False, names=names)
        certificate = issued.sign(self._key, hashes.SHA256())
        self.certificate_file.write_bytes(_pem(certificate))
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.key_file.chmod(0o600)
        der = certificate.public_bytes(serialization.Encoding.DER)
        self.pin = hashlib.sha256(der).hexdigest()


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    ca: bool,
    names: tuple[str, ...],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        # GnuTLS, which QEMU uses, wants both usages spelt out.
        .add_extension(_usage(ca=ca), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=not ca,  # which no elliptic curve does, and libvirt 9 insists on
        data_encipherment=False,
        key_agreement=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
