"""Public keys in every form that the handler takes. OpenSSH's own tools are the judge."""

from __future__ import annotations

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.recovery.ssh_keys import KeyRefused, authorized_key
from tests.recovery.samples import ED25519

RSA_KEY = generate_rsa(65537, 2048)
RSA = RSA_KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
ECDSA = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    .decode()
)


def certificate() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ana")])
    then = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(RSA_KEY.public_key())
        .serial_number(1)
        .not_valid_before(then)
        .not_valid_after(then + datetime.timedelta(days=1))
        .sign(RSA_KEY, SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def ssh2(line: str, *headers: str) -> str:
    """RFC 4716 §3.4: begin marker, headers, the blob in lines of at most 72, end marker."""
    blob = line.split()[1]
    rows = [blob[at : at + 70] for at in range(0, len(blob), 70)]
    return "\n".join(
        ["---- BEGIN SSH2 PUBLIC KEY ----", *headers, *rows, "---- END SSH2 PUBLIC KEY ----"]
    )


@pytest.mark.parametrize("text", [ED25519, f"  {ED25519}\n", RSA, f"{RSA} ana's key", RSA + "\r\n"])
def test_openssh_keys_stay_as_they_are(text: str) -> None:
    assert authorized_key(text) == text.strip()


def test_a_type_may_be_written_in_capitals() -> None:
    assert authorized_key("SSH-RSA " + RSA.split()[1]) == RSA


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ('Comment: "2048-bit RSA"',),
        ("Subject: ana", "x-note: this one is \\", "longer than a line \\", "and ends here"),
    ],
)
def test_ssh2_keys_are_converted(headers: tuple[str, ...]) -> None:
    assert authorized_key(ssh2(RSA, *headers)) == RSA
    assert (
        authorized_key(ssh2(ED25519, *headers).replace("\n", "\r\n")) == ED25519.rsplit(" ", 1)[0]
    )


def test_a_certificates_key_is_taken() -> None:
    pem = certificate()
    assert authorized_key(pem) == RSA
    # The handler puts the armour on where it is missing, and drops what stands around it.
    assert authorized_key(f"subject=ana\n{pem}\nmore") == RSA
    bare = pem.replace("-----BEGIN CERTIFICATE-----", "").replace("-----END CERTIFICATE-----", "")
    assert authorized_key(bare) == RSA


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ssh-rsa", "one line"),
        ("ssh-rsa AAAA\nssh-rsa BBBB", "one line"),
        (f"{ED25519}\ncommand=x {RSA}", "one line"),
        (f"{RSA} a\x00b", "one line"),
        ("ssh-rsa !!!!", "one line"),
        ("ssh-rsa AAAAA", "not base64"),
        ("ssh-rsa AAAA", "must be an ssh-rsa or ssh-ed25519 key"),
        ("ssh-rsa " + ED25519.split()[1], "not of the type"),
        ("ssh-ed25519 " + ECDSA.split()[1], "must be"),
        (ECDSA, "Failed to generate public key file."),
        ("", "Failed to generate public key file."),
        ("hello", "Failed to generate public key file."),
        ("ü" * 10, "Failed to generate public key file."),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "Failed to generate"),
        ("a" * 20_000, "Failed to generate public key file."),
        (ssh2(ECDSA), "Failed to convert SSH2 key to OpenSSH key."),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "Failed to convert SSH2 key to OpenSSH key."),
        (ssh2("x !!"), "Failed to convert SSH2 key to OpenSSH key."),
    ],
)  # fmt: skip
def test_what_is_no_such_key_is_refused_in_the_handlers_words(text: str, message: str) -> None:
    with pytest.raises(KeyRefused, match=message):
        authorized_key(text)


def test_a_private_key_is_not_repeated() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    raw = base64.b64encode(private.private_bytes_raw()).decode()
    with pytest.raises(KeyRefused) as refusal:
        authorized_key(f"-----BEGIN PRIVATE KEY-----\n{raw}\n-----END PRIVATE KEY-----")
    assert raw not in str(refusal.value)


@given(st.text(alphabet="ssh-rsaed25519 AB=+/\n\r-:\\\x00ü") | st.text())
def test_any_text_is_one_printable_line_or_refused(text: str) -> None:
    for candidate in (text, "ssh-rsa " + text, f"---- BEGIN SSH2 PUBLIC KEY ----\n{text}"):
        try:
            line = authorized_key(candidate)
        except KeyRefused:
            continue
        assert line.isprintable()
