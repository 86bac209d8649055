"""What is encoded, as noVNC's own decoder reads it, update after update."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gateway.assets import STATIC
from gateway.rfb.encodings.tight_encoder import TightRect, tight_rects
from gateway.rfb.encodings.words import WORD, Words

NOVNC = STATIC / "vendor/novnc"
DECODER = Path(__file__).with_name("novnc_tight.mjs")
WIDTH, HEIGHT = 600, 400


def text(random: np.random.Generator, colours: int) -> Words:
    """Lines of letters, most of them short, many alike."""
    palette = random.choice(1 << 24, colours, replace=False).astype(WORD)
    letters = random.integers(0, colours, (20, 16, 8))
    screen = np.zeros((HEIGHT, WIDTH), int)
    for top in range(0, HEIGHT, 16):
        for left in range(0, 8 * random.integers(0, WIDTH // 8), 8):
            screen[top : top + 16, left : left + 8] = letters[random.integers(20)]
    return palette[screen]


def noise(random: np.random.Generator) -> Words:
    """The same lines again and again: every rect looks like the one before it."""
    lines = random.integers(0, 1 << 24, (20, WIDTH), WORD)
    return np.tile(lines, (HEIGHT // 20, 1))


def as_json(each: TightRect) -> dict[str, object]:
    body = each.payload[12:].hex()
    x, y, width, height = each.rect
    return {"x": x, "y": y, "width": width, "height": height, "body": body}


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs noVNC's decoder")
def test_novnc_reads_every_update_whatever_came_before() -> None:
    random = np.random.default_rng(1)
    screens = [
        each for _ in range(8) for each in (text(random, 2), noise(random), text(random, 16))
    ]
    updates = [list(tight_rects(each, 0, 0, None)) for each in screens]
    assert any(2 <= len(each) for each in updates)
    told = json.dumps(
        {
            "novnc": str(NOVNC),
            "width": WIDTH,
            "height": HEIGHT,
            "updates": [list(map(as_json, each)) for each in updates],
        }
    )
    done = subprocess.run(
        ["node", str(DECODER)], input=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = [bytes.fromhex(line) for line in done.stdout.split()]
    for screen, pixels in zip(screens, shown, strict=True):
        assert pixels == screen.view(np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, :3].tobytes()
