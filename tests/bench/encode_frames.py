"""What it costs to take over and encode a 1280x800 frame; run by hand.

python -m tests.bench.encode_frames
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import process_time

import numpy as np

from gateway.rfb.encodings.words import WORD, Words, as_words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Write
from gateway.rfb.screen import Profile, Screen
from gateway.rfb.wire import RGBX, Rect

WIDTH, HEIGHT = 1280, 800
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
TIMES = 15
PROFILES = {
    "tight": Profile.for_viewer([7, 1, -223], RGBX),
    "tight + JPEG 6": Profile.for_viewer([7, 1, -26, -223], RGBX),
    "raw": Profile.for_viewer([0, 1, -223], RGBX),
}
random = np.random.default_rng(1)


def text(colours: int) -> Words:
    """8x16 glyphs on black, 60 % of the cells filled."""
    glyphs = random.random((95, 16, 8)) < 0.3
    inks = random.integers(1, 1 << 24, colours, WORD)
    cells = glyphs[random.integers(0, 95, (HEIGHT // 16, WIDTH // 8))]
    filled = random.random((HEIGHT // 16, WIDTH // 8)) < 0.6
    ink = inks[random.integers(0, colours, filled.shape)] * filled
    painted = np.where(cells, ink[:, :, None, None], np.uint32(0))
    return painted.transpose(0, 2, 1, 3).reshape(HEIGHT, WIDTH).astype(WORD)


def photo() -> Words:
    """Soft waves with a camera's noise."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [np.sin(x / 50 + y / 80), np.cos(x / 70), np.sin(y / 40), np.zeros((HEIGHT, WIDTH))]
    noise = random.normal(0, 6, (HEIGHT, WIDTH, 4))
    picture = np.clip(128 + 80 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)
    return picture.view(WORD)[:, :, 0] & np.uint32(0xFFFFFF)


def desktop() -> Words:
    """A gradient, windows of one colour, text in 16 colours, and a photo."""
    rows = np.linspace(0x20, 0xA0, HEIGHT).astype(WORD)[:, None]
    painted = np.broadcast_to(rows << np.uint32(16) | rows << np.uint32(8), (HEIGHT, WIDTH)).copy()
    painted[60:560, 80:720] = 0xF0F0F0
    painted[100:540, 100:700] = text(16)[:440, :600]
    painted[200:700, 760:1240] = photo()[:500, :480]
    return painted


def measured(prepare: Callable[[], object], work: Callable[[], object]) -> float:
    """The best of several times, in milliseconds of a core: others' work matters little."""
    best = 1e9
    for _ in range(TIMES):
        prepare()
        begun = process_time()
        work()
        best = min(best, process_time() - begun)
    return 1000 * best


def rows() -> Iterator[tuple[str, float, str, float, int]]:
    """Of each frame and profile: name, ms to take over, profile, ms to encode, bytes."""
    frames = {
        "text, 1 ink": text(1),
        "text, 16 inks": text(16),
        "photo": photo(),
        "desktop": desktop(),
        "one colour": np.full((HEIGHT, WIDTH), 0x123456, WORD),
    }
    for name, frame in frames.items():
        framebuffer = Framebuffer(WIDTH, HEIGHT)
        screen = Screen(framebuffer)

        def show(words: Words, framebuffer: Framebuffer = framebuffer) -> None:
            as_words(framebuffer.pixels)[:] = words

        def take_over(screen: Screen = screen) -> None:
            screen.painted([Write(WHOLE)], 0)

        def change(frame: Words = frame, show: Callable[[Words], None] = show) -> None:
            show(frame ^ np.uint32(0xFFFFFF))
            take_over()
            show(frame)

        taken = measured(change, take_over)
        for profile_name, profile in PROFILES.items():
            update = None

            def encode(screen: Screen = screen, profile: Profile = profile) -> None:
                nonlocal update
                update = screen.update_for(screen.frame - 1, profile)

            def fresh(change: Callable[[], None] = change) -> None:
                change()
                take_over()

            spent = measured(fresh, encode)
            assert update is not None
            yield name, taken, profile_name, spent, update.size


def scroll(*, told: bool) -> tuple[float, int]:
    """A text scrolls by one line, `told` as a Copy or all painted anew: ms for all, and bytes."""
    framebuffer = Framebuffer(WIDTH, HEIGHT)
    as_words(framebuffer.pixels)[:] = text(1)
    screen = Screen(framebuffer)
    upper, last = Rect(0, 0, WIDTH, HEIGHT - 16), Rect(0, HEIGHT - 16, WIDTH, 16)
    update = None

    def paint() -> None:
        framebuffer.copy(upper, 0, 16)
        as_words(framebuffer.view(last))[:] = text(1)[:16]

    def work() -> None:
        nonlocal update
        said = [Copy(upper, 0, 16), Write(last)] if told else [Write(WHOLE)]
        frame = screen.painted(said, 0)
        update = screen.update_for(frame - 1, PROFILES["tight"])

    spent = measured(paint, work)
    assert update is not None
    return spent, update.size


def main() -> None:
    print(f"{WIDTH}x{HEIGHT}, best of {TIMES}")
    print(f"{'frame':14} {'take over':>10}  {'profile':14} {'encode':>10} {'bytes':>10}")
    for name, taken, profile, spent, size in rows():
        print(f"{name:14} {taken:7.2f} ms  {profile:14} {spent:7.2f} ms {size:10}")
    for name, told in (("told by CopyRect", True), ("found", False)):
        spent, size = scroll(told=told)
        print(f"scroll by a line, {name}: {spent:.2f} ms to take over and encode, {size} bytes")


if __name__ == "__main__":
    main()
