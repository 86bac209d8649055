"""One person may look from a few tabs; a share link for one is not a link for a crowd."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.viewing.stream import MAX_TABS
from tests.doubles.console_stage import eventually, staged
from tests.doubles.rfbserver import FakeRfbServer


async def test_a_visit_has_room_for_a_few_tabs_and_no_more() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage, AsyncExitStack() as stack:
        await stack.enter_async_context(stage.viewer("operator"))
        await eventually(lambda: stage.registry.get(stage.consent.id))
        tabs = [
            await stack.enter_async_context(stage.viewer("guest", f"tab.number-{number}"))
            for number in range(MAX_TABS)
        ]
        await eventually(lambda: len(stage.session.participants()) == 1 + MAX_TABS)
        async with stage.viewer("guest") as one_too_many:
            with pytest.raises(ConnectionClosed):
                await one_too_many.start()
            assert one_too_many.ws.close_code == 4403
        # Another guest has room of their own, and a tab that connects again keeps its place.
        await stack.enter_async_context(stage.viewer("guest2"))
        await tabs[0].ws.close()
        await stack.enter_async_context(stage.viewer("guest", "tab.number-0"))
        await eventually(lambda: len(stage.session.participants()) == 2 + MAX_TABS)
