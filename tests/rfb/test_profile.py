"""What each kind of viewer is sent."""

from __future__ import annotations

from gateway.rfb.profile import Profile
from gateway.rfb.wire import RGBX, Encoding, PixelFormat

BGRX = PixelFormat(32, 24, False, True, 255, 255, 255, 16, 8, 0)
RGB565 = PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0)
NOVNC = [1, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258, -308, -312, -313]


def test_novnc_gets_tight_with_jpeg() -> None:
    assert Profile.for_viewer(NOVNC, RGBX) == Profile(
        encoding=Encoding.TIGHT,
        jpeg_quality=6,
        copyrect=True,
        pixel_format=RGBX,
        resize=Encoding.EXTENDED_DESKTOP_SIZE,
    )


def test_without_a_quality_level_there_is_no_loss() -> None:
    assert Profile.for_viewer([7], RGBX).jpeg_quality is None


def test_viewers_of_one_tight_kind_share_whatever_their_byte_order() -> None:
    assert Profile.for_viewer(NOVNC, BGRX) == Profile.for_viewer(NOVNC, RGBX)


def test_other_depths_are_served_raw_in_their_format() -> None:
    profile = Profile.for_viewer(NOVNC, RGB565)
    assert profile.encoding == Encoding.RAW
    assert profile.jpeg_quality is None
    assert profile.pixel_format == RGB565


def test_a_viewer_that_offers_nothing_gets_raw_and_cannot_be_resized() -> None:
    assert Profile.for_viewer([], RGBX) == Profile(Encoding.RAW, None, False, RGBX, None)
