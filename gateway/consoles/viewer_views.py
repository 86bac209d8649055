"""A viewer, as the others see them."""

from __future__ import annotations

from collections.abc import Collection

from gateway.consoles.participants import Participant
from gateway.consoles.states import ParticipantView
from gateway.consoles.viewer import Viewer


def view_of(
    viewer: Viewer, holder: Viewer | None, asking: Collection[str], now: float
) -> ParticipantView:
    """`holder` is who has control, `asking` the ids of those who want it."""
    who, rtt = viewer.participant, viewer.feed.rtt
    return ParticipantView(
        id=who.id,
        name=who.name,
        role=who.role,
        since=who.since,
        may_type=viewer.may_type,
        controls=viewer is holder,
        asks=who.id in asking,
        elsewhere=viewer.may_type
        and holder is not None
        and holder is not viewer
        and same_person(holder.participant, who),
        rtt_ms=None if rtt is None else round(rtt * 1000, 1),
        fps=round(viewer.feed.fps(now), 1),
    )


def same_person(one: Participant, other: Participant) -> bool:
    """Whether both are viewers of one account; guests have none."""
    return one.account_id is not None and one.account_id == other.account_id
