"""Whatever a browser's form could not have been is an answer, not a fault of ours."""

from __future__ import annotations

import pytest

from tests.web.conftest import FROM_OUR_PAGE, Site

URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{URLENCODED}; charset=no-such", b"name=tina"),
        (f"{URLENCODED}; charset=base64", b"name=tina"),
        (URLENCODED, b"name=\xff\xfe"),
        (URLENCODED, b"&".join(b"a%d=1" % number for number in range(9000))),
        ("multipart/form-data", b"name=tina"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"'),
        ("text/plain", b"name=tina"),
    ],
)
async def test_what_is_no_form_is_refused(site: Site, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type, **FROM_OUR_PAGE}
    answer = await site.client.post("/sign-in", data=body, headers=headers)
    assert answer.status in {400, 403}
