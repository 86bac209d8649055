"""The screen: frames, who is owed what, refinement, bounds."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from gateway.errors import RfbError
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.history import MAX_FRAMES
from gateway.rfb.operations import Copy, Write
from gateway.rfb.screen import Profile, Screen, Update
from gateway.rfb.wire import RGBX, Cursor, PixelFormat, Rect
from tests.doubles.simple_viewer import SimpleViewer

RAW, COPYRECT, TIGHT, DESKTOP_SIZE, EXTENDED = 0, 1, 7, -223, -308
QUALITY_6 = -26
LOSSLESS = Profile.for_viewer([TIGHT, COPYRECT, DESKTOP_SIZE], RGBX)
NOVNC = Profile.for_viewer([TIGHT, COPYRECT, QUALITY_6, DESKTOP_SIZE, EXTENDED], RGBX)
WHOLE = Rect(0, 0, 256, 128)


@pytest.fixture
def framebuffer() -> Framebuffer:
    return Framebuffer(256, 128)


@pytest.fixture
def screen(framebuffer: Framebuffer) -> Screen:
    return Screen(framebuffer)


def paint_photo(framebuffer: Framebuffer, rect: Rect, seed: int = 1) -> None:
    noise = np.random.default_rng(seed).integers(100, 160, (rect.height, rect.width, 3))
    framebuffer.view(rect)[:, :, :3] = noise


def caught_up(screen: Screen, viewer: SimpleViewer, sent: int, profile: Profile) -> int:
    update = screen.update_for(sent, profile)
    if update is None:
        return sent
    viewer.receive(update.payload)
    return update.frame


def shown_photo(screen: Screen, framebuffer: Framebuffer, rect: Rect) -> tuple[SimpleViewer, int]:
    """A viewer who was sent a photo that was just painted, and the frame that it was sent."""
    paint_photo(framebuffer, rect)
    screen.painted([Write(rect)], 0)
    viewer = SimpleViewer(256, 128)
    return viewer, caught_up(screen, viewer, 1, NOVNC)


def refined(screen: Screen, viewer: SimpleViewer, exact: int = 0, most: int = 1 << 20) -> int:
    """Send `viewer`, in step, about `most` pixels without loss."""
    owed = screen.owed_exactly(exact, NOVNC, most)
    if owed is None:
        return exact
    update = owed.encoded()
    viewer.receive(update.payload)
    return update.exact


def truth(framebuffer: Framebuffer) -> bytes:
    return framebuffer.pixels[:, :, :3].tobytes()


def test_a_viewer_in_step_gets_the_frames_own_copy(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    framebuffer.fill(Rect(0, 64, 256, 64), (9, 9, 9))
    screen.painted([Write(Rect(0, 64, 256, 64))], 0)
    viewer = SimpleViewer(256, 128)
    sent = caught_up(screen, viewer, 0, LOSSLESS)
    framebuffer.copy(Rect(0, 0, 256, 64), 0, 64)
    screen.painted([Copy(Rect(0, 0, 256, 64), 0, 64)], 0)
    viewer.encodings.clear()
    caught_up(screen, viewer, sent, LOSSLESS)
    assert viewer.encodings == [COPYRECT]
    assert viewer.pixels() == truth(framebuffer)


def test_a_viewer_without_copyrect_gets_the_copied_pixels(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    framebuffer.fill(Rect(0, 64, 256, 64), (9, 9, 9))
    framebuffer.copy(Rect(0, 0, 256, 64), 0, 64)
    screen.painted([Write(Rect(0, 64, 256, 64)), Copy(Rect(0, 0, 256, 64), 0, 64)], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, Profile.for_viewer([TIGHT], RGBX))
    assert set(viewer.encodings) == {TIGHT}
    assert viewer.pixels() == truth(framebuffer)


def test_a_copy_whose_source_was_painted_over_later_is_sent_as_pixels(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 32, 32), Rect(32, 0, 32, 32)
    framebuffer.fill(left, (1, 2, 3))
    framebuffer.copy(right, 0, 0)
    framebuffer.fill(left, (4, 5, 6))
    screen.painted([Write(left), Copy(right, 0, 0), Write(left)], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert viewer.pixels() == truth(framebuffer)


def test_what_is_half_painted_when_it_is_sent_is_sent_again(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 32, 32), Rect(32, 0, 32, 32)
    viewer, sent = SimpleViewer(256, 128), 0
    framebuffer.fill(left, (1, 1, 1))
    screen.painted([Write(left)], 0)
    framebuffer.whole = False
    framebuffer.copy(right, 0, 0)
    framebuffer.fill(left, (2, 2, 2))
    assert not screen.whole
    sent = caught_up(screen, viewer, sent, LOSSLESS)
    # A viewer that was sent this may not be told to copy from it.
    framebuffer.whole = True
    screen.painted([Copy(right, 0, 0), Write(left)], 0)
    caught_up(screen, viewer, sent, LOSSLESS)
    assert COPYRECT not in viewer.encodings
    assert viewer.pixels() == truth(framebuffer)


def test_after_that_frame_copies_are_copies_again(screen: Screen, framebuffer: Framebuffer) -> None:
    framebuffer.whole = False
    assert screen.update_for(0, LOSSLESS) is not None
    framebuffer.whole = True
    screen.painted([Copy(Rect(0, 0, 64, 64), 64, 64)], 0)
    frame = screen.painted([Copy(Rect(0, 0, 64, 64), 64, 64)], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, frame - 1, LOSSLESS)
    assert viewer.encodings == [COPYRECT]


def test_what_the_upstream_said_is_said_again(screen: Screen, framebuffer: Framebuffer) -> None:
    rect = Rect(100, 50, 8, 16)
    framebuffer.fill(rect, (255, 255, 255))
    screen.painted([Write(rect, content=TightContent(b"\xff\xff\xff", b""))], 0)
    update = screen.update_for(1, LOSSLESS)
    assert update is not None
    assert update.payload == (
        b"\0\0\0\1"  # FramebufferUpdate, one rect
        b"\0\x64\0\x32\0\x08\0\x10\0\0\0\x07"  # 8x16 at 100, 50, Tight
        b"\x80\xff\xff\xff"  # fill, white
    )
    assert update.size == 20
    behind, raw = SimpleViewer(256, 128), SimpleViewer(256, 128)
    caught_up(screen, behind, 0, LOSSLESS)
    caught_up(screen, raw, 1, Profile.for_viewer([RAW], RGBX))
    assert behind.pixels() == raw.pixels() == truth(framebuffer)


def test_contents_are_kept_of_the_newest_frame_only(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    for _ in range(3):
        screen.painted([Write(WHOLE, content=TightContent(b"\0\0\0", b""))], 0)
    kept = [write.content for frame in screen._history._frames for write in frame._operations]
    assert len(kept) == 1


@pytest.mark.parametrize("find_scrolls", [True, False])
def test_a_scroll_that_the_upstream_does_not_say_is_found(
    screen: Screen, framebuffer: Framebuffer, find_scrolls: bool
) -> None:
    text = np.random.default_rng(3).integers(0, 2, (144, 256, 1)) * 255
    framebuffer.pixels[:, :, :3] = text[:128]
    screen.painted([Write(WHOLE)], 0, find_scrolls=find_scrolls)
    viewer = SimpleViewer(256, 128)
    sent = caught_up(screen, viewer, 0, LOSSLESS)
    framebuffer.pixels[:, :, :3] = text[16:]
    viewer.encodings.clear()
    screen.painted([Write(WHOLE)], 0, find_scrolls=find_scrolls)
    caught_up(screen, viewer, sent, LOSSLESS)
    assert (viewer.encodings[0] == COPYRECT) is find_scrolls
    assert viewer.pixels() == truth(framebuffer)


def test_viewers_in_step_share_their_bytes(screen: Screen, framebuffer: Framebuffer) -> None:
    framebuffer.fill(WHOLE, (1, 1, 1))
    screen.painted([Write(WHOLE)], 0)
    first, second = screen.update_for(1, LOSSLESS), screen.update_for(1, LOSSLESS)
    assert first is not None
    assert first is second


def test_frames_that_were_encoded_in_their_time_are_replayed(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    slow, quick = SimpleViewer(256, 128), SimpleViewer(256, 128)
    slow_sent = quick_sent = caught_up(screen, slow, 0, LOSSLESS)
    caught_up(screen, quick, 0, LOSSLESS)
    for _ in range(3):  # the screen scrolls up by 16 rows
        framebuffer.copy(Rect(0, 0, 256, 112), 0, 16)
        screen.painted([Copy(Rect(0, 0, 256, 112), 0, 16)], 0)
        quick_sent = caught_up(screen, quick, quick_sent, LOSSLESS)
    slow.encodings.clear()
    assert caught_up(screen, slow, slow_sent, LOSSLESS) == quick_sent
    assert slow.encodings == [COPYRECT] * 3
    assert slow.pixels() == truth(framebuffer)


def test_who_missed_a_frame_is_told_what_it_did(screen: Screen, framebuffer: Framebuffer) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    viewer = SimpleViewer(256, 128)
    sent = caught_up(screen, viewer, 0, LOSSLESS)
    line = Rect(0, 112, 256, 16)
    for shade in range(3):
        framebuffer.copy(Rect(0, 0, 256, 112), 0, 16)
        framebuffer.fill(line, (shade, 1, 1))
        screen.painted([Copy(Rect(0, 0, 256, 112), 0, 16), Write(line)], 0)
    viewer.encodings.clear()
    caught_up(screen, viewer, sent, LOSSLESS)
    assert viewer.encodings == [COPYRECT, TIGHT] * 3
    assert viewer.pixels() == truth(framebuffer)


def test_frames_are_noted_for_few_profiles_and_not_for_ever(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    formats = [PixelFormat(32, 24, False, True, 255, 255, 255, at, 8, 0) for at in range(16, 24)]
    for each in formats:
        screen.owed(0, Profile.for_viewer([RAW], each))
    screen.painted([Write(WHOLE)], 0)
    assert len(screen._history._frames[-1].paintings) == 4
    for _ in range(4):
        screen.painted([Write(WHOLE)], 0)
    assert not screen._history._frames[-1].paintings


def test_a_frame_that_nobody_was_sent_in_its_time_is_not_replayed(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 32, 32), Rect(32, 0, 32, 32)
    framebuffer.fill(left, (1, 1, 1))
    screen.painted([Write(left)], 0)
    framebuffer.copy(right, 0, 0)
    screen.painted([Copy(right, 0, 0)], 0)
    framebuffer.fill(left, (2, 2, 2))
    screen.painted([Write(left)], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert COPYRECT not in viewer.encodings
    assert viewer.pixels() == truth(framebuffer)


def test_a_viewer_behind_is_sent_each_tile_once(screen: Screen, framebuffer: Framebuffer) -> None:
    in_step, sent = SimpleViewer(256, 128), 1
    for shade in range(10, 20):
        framebuffer.fill(Rect(0, 0, 64, 64), (shade, 0, 0))
        screen.painted([Write(Rect(0, 0, 64, 64))], 0)
        sent = caught_up(screen, in_step, sent, LOSSLESS)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert viewer.encodings == [TIGHT]
    assert viewer.pixels() == truth(framebuffer)


def test_the_frames_kept_are_bounded(screen: Screen, framebuffer: Framebuffer) -> None:
    for shade in range(3 * MAX_FRAMES):
        framebuffer.fill(Rect(0, 0, 8, 8), (shade, 1, 1))
        screen.painted([Write(Rect(0, 0, 8, 8))], 0)
        screen.update_for(screen.frame - 1, LOSSLESS)
    assert screen._history.since(screen.frame - MAX_FRAMES, LOSSLESS.painting) is not None
    assert screen._history.since(screen.frame - MAX_FRAMES - 1, LOSSLESS.painting) is None


def test_the_bytes_kept_are_bounded() -> None:
    framebuffer = Framebuffer(1024, 1024)
    screen, whole = Screen(framebuffer), Rect(0, 0, 1024, 1024)
    raw = Profile.for_viewer([RAW], RGBX)
    for shade in range(5):  # 4 MiB each
        framebuffer.fill(whole, (shade, 1, 1))
        screen.painted([Write(whole)], 0)
        screen.update_for(screen.frame - 1, raw)
    framebuffer.fill(whole, (9, 9, 9))
    screen.painted([Write(whole)], 0)
    kept = [each.size for frame in screen._history._frames for each in frame.paintings.values()]
    assert sum(kept) <= 8 * 1024 * 1024
    assert len(kept) == 1


# Refinement


def test_a_photo_is_sent_again_without_loss_when_it_has_been_still(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 10.0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, NOVNC)
    assert viewer.controls == [0x90]  # JPEG
    assert viewer.pixels() != truth(framebuffer)
    assert screen.next_refinement() == pytest.approx(10.3)
    assert screen.refine(10.29) is None
    assert screen.refine(10.31) == 32  # tiles
    assert screen.next_refinement() is None
    assert refined(screen, viewer) == 32
    assert viewer.pixels() == truth(framebuffer)
    assert screen.owed_exactly(32, NOVNC, 1 << 20) is None


def test_a_refinement_comes_in_pieces_as_large_as_asked_for(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, NOVNC)
    screen.refine(1.0)
    exact, pieces = 0, 0
    while exact < screen.refinement:
        before, exact = exact, refined(screen, viewer, exact, most=5 * 32 * 32 + 7)
        pieces += 1
        assert exact - before == 4
    assert pieces == 8
    assert viewer.pixels() == truth(framebuffer)
    assert refined(screen, SimpleViewer(256, 128), most=0) == 1  # at least a tile
    assert refined(screen, SimpleViewer(256, 128), exact=1, most=5 * 32 * 32) == 4  # as others


def test_what_was_painted_since_is_left_out_of_a_refinement(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    viewer, sent = shown_photo(screen, framebuffer, WHOLE)
    screen.refine(1.0)
    framebuffer.fill(WHOLE, (1, 2, 3))
    screen.painted([Write(WHOLE)], 1.0)
    caught_up(screen, viewer, sent, NOVNC)
    owed = screen.owed_exactly(0, NOVNC, 1 << 20)
    assert owed is not None
    assert owed.encoded() == Update(screen.frame, b"", exact=32)


def test_a_tile_that_was_painted_in_part_is_refined_anew(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    viewer, sent = shown_photo(screen, framebuffer, WHOLE)
    screen.refine(1.0)
    assert screen.next_refinement() is None
    # Before anybody was sent it.
    corner = Rect(8, 8, 40, 8)
    framebuffer.fill(corner, (1, 2, 3))
    screen.painted([Write(corner)], 1.0)
    caught_up(screen, viewer, sent, NOVNC)
    exact = refined(screen, viewer)
    assert viewer.pixels() != truth(framebuffer)
    assert screen.refine(2.0) == 34
    refined(screen, viewer, exact)
    assert viewer.pixels() == truth(framebuffer)


def test_what_was_copied_from_what_is_to_be_refined_is_refined_too(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 128, 128), Rect(128, 0, 128, 128)
    viewer, sent = shown_photo(screen, framebuffer, left)
    screen.refine(1.0)
    framebuffer.copy(right, 0, 0)
    screen.painted([Copy(right, 0, 0)], 1.0)
    caught_up(screen, viewer, sent, NOVNC)
    exact = refined(screen, viewer)
    screen.refine(2.0)
    refined(screen, viewer, exact)
    assert viewer.pixels() == truth(framebuffer)


def test_what_was_copied_from_a_photo_is_refined_too(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 128, 128), Rect(128, 0, 128, 128)
    viewer, sent = shown_photo(screen, framebuffer, left)
    framebuffer.copy(right, 0, 0)
    screen.painted([Copy(right, 0, 0)], 0)
    caught_up(screen, viewer, sent, NOVNC)
    screen.refine(1.0)
    refined(screen, viewer)
    assert viewer.pixels() == truth(framebuffer)


def test_a_viewer_behind_gets_the_refinement_after_what_it_missed(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    photo, text = Rect(0, 0, 128, 128), Rect(192, 0, 64, 64)
    viewer, sent = shown_photo(screen, framebuffer, photo)
    framebuffer.fill(text, (1, 1, 1))
    screen.painted([Write(text)], 0)  # nobody was sent this frame in its time
    screen.refine(1.0)
    caught_up(screen, viewer, sent, NOVNC)
    refined(screen, viewer)
    assert viewer.pixels() == truth(framebuffer)


def test_who_joins_after_a_refinement_is_sent_it_like_everybody(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    screen.update_for(1, NOVNC)
    screen.refine(1.0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 0, NOVNC)
    assert viewer.controls == [0x90]  # JPEG: it is not kept waiting
    assert screen.next_refinement() is None
    refined(screen, viewer)
    assert viewer.pixels() == truth(framebuffer)


def test_a_refinement_says_nothing_to_viewers_without_jpeg(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    screen.update_for(1, NOVNC)
    exact = screen.update_for(1, LOSSLESS)
    assert exact is not None
    screen.refine(1.0)
    assert screen.update_for(exact.frame, LOSSLESS) is None
    assert screen.owed_exactly(0, LOSSLESS, 1 << 20) is None


def test_a_photo_painted_over_needs_no_refinement(screen: Screen, framebuffer: Framebuffer) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    screen.update_for(1, NOVNC)
    framebuffer.fill(WHOLE, (0, 0, 0))
    screen.painted([Write(WHOLE)], 0)
    assert screen.next_refinement() is None


# Size


def test_a_new_size_comes_first_and_alone(screen: Screen, framebuffer: Framebuffer) -> None:
    framebuffer.resize(2, 1)
    screen.resized(0)
    update = screen.update_for(1, LOSSLESS)
    assert update is not None
    assert update.payload == (
        b"\0\0\0\1"  # FramebufferUpdate, one rect
        b"\0\0\0\0\0\x02\0\x01\xff\xff\xff\x21"  # 2x1, DesktopSize
        b"\0\0\0\1"  # FramebufferUpdate, one rect
        b"\0\0\0\0\0\x02\0\x01\0\0\0\x07"  # 2x1 at 0, 0, Tight
        b"\x80\0\0\0"  # fill, black
    )


def test_a_viewer_that_was_told_another_size_is_told_the_right_one(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    framebuffer.resize(300, 200)
    screen.resized(0)
    viewer = SimpleViewer(256, 128)
    update = screen.update_for(0, NOVNC, known_size=(256, 128))
    assert update is not None
    viewer.receive(update.payload)
    assert viewer.encodings[0] == EXTENDED
    assert viewer.pixels() == truth(framebuffer)
    assert screen.size_version == 1


def test_a_viewer_that_cannot_follow_a_new_size_is_refused(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    framebuffer.resize(300, 200)
    screen.resized(0)
    with pytest.raises(RfbError, match="cannot follow"):
        screen.update_for(1, Profile.for_viewer([TIGHT], RGBX))


def test_a_frame_told_in_the_old_size_does_no_harm(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    framebuffer.fill(WHOLE, (7, 7, 7))
    framebuffer.resize(100, 100)
    # Painted before the resize, told after it.
    screen.painted([Write(WHOLE), Copy(Rect(120, 0, 100, 100), 0, 0)], 0)
    screen.resized(0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert viewer.pixels() == truth(framebuffer)


def test_a_replaced_framebuffer_owes_only_what_differs(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    again = Framebuffer(256, 128)
    again.fill(Rect(0, 0, 4, 4), (1, 1, 1))
    screen.framebuffer = again
    screen.resized(0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert viewer.encodings == [TIGHT]
    assert viewer.controls == [0x80]
    assert viewer.pixels() == truth(again)


def test_what_a_lost_upstream_half_painted_is_not_taken_for_sent(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    viewer = SimpleViewer(256, 128)
    sent = caught_up(screen, viewer, 0, LOSSLESS)
    # The upstream dies in the middle of an update; the next one shows the same screen.
    framebuffer.whole = False
    framebuffer.fill(Rect(0, 0, 64, 64), (1, 2, 3))
    screen.interrupted(1.0)
    again = Framebuffer(256, 128)
    again.pixels[:] = framebuffer.pixels
    screen.framebuffer = again
    screen.resized(2.0)
    caught_up(screen, viewer, sent, LOSSLESS)
    assert viewer.pixels() == truth(again)


def test_an_upstream_that_is_lost_between_updates_owes_nothing(screen: Screen) -> None:
    frame = screen.frame
    screen.interrupted(1.0)
    assert screen.frame == frame


def test_a_new_cursor_has_a_new_version(screen: Screen) -> None:
    shape = Cursor(1, 1, 0, 0, b"\xff\xff\xff\xff")
    screen.cursor_changed(shape)
    assert (screen.cursor, screen.cursor_version) == (shape, 1)


# Bounds and threads


@pytest.mark.timeout(20)
def test_a_flood_of_copies_is_answered_with_a_few_writes() -> None:
    framebuffer = Framebuffer(1024, 1024)
    screen, whole = Screen(framebuffer), Rect(0, 0, 1024, 1024)
    framebuffer.fill(whole, (1, 1, 1))
    screen.painted([Write(whole)] + [Copy(whole, 0, 0)] * 60_000, 0)
    viewer = SimpleViewer(1024, 1024)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert len(viewer.encodings) < 10
    assert viewer.pixels() == truth(framebuffer)


def test_many_small_writes_become_a_few_rects(screen: Screen, framebuffer: Framebuffer) -> None:
    paint_photo(framebuffer, WHOLE)
    cells = [Rect(x, y, 16, 16) for y in range(0, 128, 16) for x in range(0, 256, 16)]
    screen.painted([Write(each) for each in cells], 0)
    viewer = SimpleViewer(256, 128)
    caught_up(screen, viewer, 1, LOSSLESS)
    assert len(viewer.encodings) <= 8
    assert viewer.pixels() == truth(framebuffer)


def test_a_photo_that_was_copied_before_it_was_encoded_is_refined_too(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    left, right = Rect(0, 0, 128, 128), Rect(128, 0, 128, 128)
    paint_photo(framebuffer, left)
    screen.painted([Write(left)], 0)
    viewer, owed = SimpleViewer(256, 128), screen.owed(1, NOVNC)
    framebuffer.copy(right, 0, 0)
    framebuffer.fill(Rect(0, 0, 32, 32), (9, 9, 9))
    screen.painted([Copy(right, 0, 0), Write(Rect(0, 0, 32, 32))], 0)
    assert owed is not None
    update = owed.encoded()
    viewer.receive(update.payload)
    assert update.frame == 2
    assert viewer.image.getpixel((0, 0)) != (9, 9, 9)
    caught_up(screen, viewer, 2, NOVNC)
    screen.refine(1.0)
    refined(screen, viewer)
    assert viewer.pixels() == truth(framebuffer)


def test_a_photo_is_refined_once_however_often_it_is_replayed(
    screen: Screen, framebuffer: Framebuffer
) -> None:
    paint_photo(framebuffer, WHOLE)
    screen.painted([Write(WHOLE)], 0)
    screen.update_for(1, NOVNC)
    assert screen.refine(1.0) is not None
    for _ in range(3):
        screen.update_for(1, NOVNC)
        screen.update_for(0, NOVNC)
        assert screen.next_refinement() is None


def test_what_is_handed_out_and_never_encoded_is_not_kept_for_ever() -> None:
    framebuffer = Framebuffer(2048, 1024)
    screen, whole = Screen(framebuffer), Rect(0, 0, 2048, 1024)
    for shade in range(20):  # 8 MiB each
        framebuffer.fill(whole, (shade, 1, 1))
        screen.painted([Write(whole)], 0)
        screen.owed(screen.frame - 1, NOVNC)
    assert sum(each.size for each in screen._handed_out) <= 72 * 1024 * 1024
    assert screen.next_refinement() is not None


@pytest.mark.parametrize("profile", [LOSSLESS, NOVNC])
def test_encoding_in_threads_while_painting_stays_exact(
    screen: Screen, framebuffer: Framebuffer, profile: Profile
) -> None:
    viewers = [SimpleViewer(256, 128) for _ in range(4)]
    sent, updates = [0] * 4, dict[int, Future[Update]]()
    random = np.random.default_rng(5)
    with ThreadPoolExecutor(4) as threads:
        while screen.frame < 200 or updates:
            for index in [each for each, update in updates.items() if update.done()]:
                update = updates.pop(index).result()
                viewers[index].receive(update.payload)
                sent[index] = update.frame
            if 200 <= screen.frame:
                continue
            for index in range(4):
                if index not in updates and (owed := screen.owed(sent[index], profile)):
                    updates[index] = threads.submit(owed.encoded)
            x, y, source_x, source_y = (int(each) for each in random.integers(0, 64, 4))
            painted, copied = Rect(x, y, 100, 60), Rect(source_x + 100, source_y, 64, 64)
            paint_photo(framebuffer, painted, seed=screen.frame)
            framebuffer.copy(copied, source_x, source_y)
            screen.painted([Write(painted), Copy(copied, source_x, source_y)], 0)
    for viewer, number in zip(viewers, sent, strict=True):
        caught_up(screen, viewer, number, profile)
    screen.refine(1.0)
    for viewer in viewers:
        if profile is NOVNC:
            refined(screen, viewer)
        assert viewer.pixels() == truth(framebuffer)
