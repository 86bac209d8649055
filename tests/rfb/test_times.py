"""Of the newest frames it is known when they were painted; what is forgotten is long still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rfb.times import FrameTimes

STILL = 0.3
NEAR = 0.01  # frames nearer to each other count as the later one


@given(waits=st.lists(st.floats(0, 0.5), min_size=1, max_size=60), late=st.floats(0, 1))
def test_what_is_still_is_known_to_a_hundredth(waits: list[float], late: float) -> None:
    times, painted, now = FrameTimes(STILL), [], 0.0
    for number, wait in enumerate(waits, start=1):
        now += wait
        times.add(number, now)
        painted.append(now)
    now += late
    still = times.still(now)
    assert all(at + STILL <= now for at in painted[:still])
    assert all(now < at + STILL + NEAR for at in painted[still:])
    for number, at in enumerate(painted, start=1):
        if still < number:
            assert at <= times.of(number) <= at + NEAR
        else:
            assert times.of(number) + STILL <= now


def test_however_many_frames_pass_few_are_kept() -> None:
    times = FrameTimes(STILL)
    for number in range(10_000):
        times.add(number, number * 0.0001)
    assert len(times._frames) <= STILL / NEAR + 2
