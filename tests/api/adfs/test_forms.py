"""What a program may say to the authority, byte by byte."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.adfs.forms import FIELDS, parse_form
from gateway.errors import InvalidInput


def test_the_forms_of_the_recorded_clients() -> None:
    # As az sends it: known fields, among some that only Microsoft's own authority knows.
    body = (
        b"grant_type=client_credentials&client_id=1b9e8d2c&client_secret=eva_s%2Bcret%26"
        b"&scope=https%3A%2F%2Flocalhost%3A8443%2F.default&client_info=1"
        b"&claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22CP1%22%5D%7D%7D%7D"
    )
    assert parse_form(body) == {
        "grant_type": "client_credentials",
        "client_id": "1b9e8d2c",
        "client_secret": "eva_s+cret&",
        "scope": "https://localhost:8443/.default",
    }


def test_a_plus_is_a_blank_and_percent_signs_are_utf8() -> None:
    assert parse_form(b"password=a+b%20%C3%A9") == {"password": "a b é"}


def test_a_field_without_a_value_is_as_good_as_absent() -> None:
    # RFC 6749 §3.2.
    assert parse_form(b"scope=&client_id=x&code") == {"client_id": "x"}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_known_field_is_given_once(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        parse_form(f"{name}=a&{name}=b".encode())


@pytest.mark.parametrize(
    "body",
    [
        b"password=\xff",
        b"password=%FF",
        b"password=%C3",
        b"&".join(b"a%d=1" % n for n in range(65)),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a form"):
        parse_form(body)


VALUES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES))
def test_whatever_a_client_encodes_arrives(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields).encode()) == fields


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    try:
        fields = parse_form(body)
    except InvalidInput:
        return
    assert set(fields) <= FIELDS
    assert all(fields.values())
