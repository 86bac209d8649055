"""What a guest said, made fit to be shown: one line, bounded, and no secret in any spelling."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from gateway.recovery.calls import Accepted, Answer, Declined, Done, Secret, Told

WITHHELD: Final = "(not shown: it repeated a secret)"
SHOWN: Final = 300  # characters of a guest's text


def shown(text: str, secrets: Iterable[Secret], *, limit: int = SHOWN) -> str:
    """`text` as one line of at most `limit` characters; all of it withheld if it holds a secret.

    Withheld whole: what stands around a gap would tell its length.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    seen = f"{text}\n{line}".casefold()
    if any(spelling.casefold() in seen for spelling in _spellings(secrets)):
        return WITHHELD
    return line if len(line) <= limit else line[: limit - 1] + "…"


def answer_in_words(answer: Answer, secrets: Iterable[Secret]) -> str:
    """One line about an answer, for logs and for failures that nobody foresaw."""
    match answer:
        case Accepted():
            return "accepted"
        case Declined(error_class=error_class, description=description):
            return shown(f"declined: {error_class}: {description}", secrets)
        case Done(exit_code=code, stdout=stdout, stderr=stderr, truncated=truncated):
            ended = "ended by a signal" if code is None else f"exit code {code}"
            said = shown(stderr if stderr.strip() else stdout, secrets)
            cut = " (cut short)" if truncated else ""
            return f"{ended}: {said}{cut}" if said else ended
        case Told(facts=facts):
            return shown(f"told: {facts.get('pretty-name') or facts.get('id')}", secrets)


def _spellings(secrets: Iterable[Secret]) -> Iterable[str]:
    """A secret as programs repeat it: plain, on one line, in JSON, XML, addresses and base64."""
    for secret in secrets:
        plain = secret.reveal()
        if not plain.strip():
            continue
        yield plain
        yield " ".join(plain.split())
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
        yield escape(plain)
        yield quote(plain, safe="", errors="replace")
        yield base64.b64encode(plain.encode("utf-8", "surrogatepass")).decode("ascii")
        yield base64.b64encode(plain.encode("utf-16-le", "surrogatepass")).decode("ascii")
