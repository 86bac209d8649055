"""The picture quality that a person pins, as their browser tells the gateway."""

from __future__ import annotations

import struct

from playwright.async_api import WebSocket, expect

from tests.browser.house import House
from tests.browser.person import Meet, Person
from tests.doubles.console_stage import eventually


class Wishes:
    """The JPEG levels that a browser offered, one after the other."""

    def __init__(self, person: Person) -> None:
        self.levels: list[int] = []
        person.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._sent)

    def _sent(self, message: bytes | str) -> None:
        # RFC 6143 §7.5.2, SetEncodings: type 2, padding, U16 count, an S32 each.
        if isinstance(message, bytes) and message[0] == 2:
            (count,) = struct.unpack_from(">H", message, 2)
            offered = struct.unpack_from(f">{count}i", message, 4)
            self.levels += [each + 32 for each in offered if -32 <= each <= -23]


async def test_a_picture_is_pinned_by_keyboard_and_stays_so(house: House, meet: Meet) -> None:
    consent, operator = await house.consent(), await meet(house.resident("olga"))
    wishes = Wishes(operator)
    await house.seat(operator, consent)
    await operator.until_in_control()
    choice = operator.page.get_by_label("Picture quality")
    await expect(choice).to_have_value("auto")
    await eventually(lambda: wishes.levels == [6])
    await operator.shoot_all("picture-quality")
    await choice.focus()
    for value, level in (("sharp", 9), ("fast", 1)):
        await operator.page.keyboard.press("ArrowDown")
        await expect(choice).to_have_value(value)
        await eventually(lambda level=level: wishes.levels[-1] == level)  # type: ignore[misc]
    wishes.levels.clear()
    await operator.page.reload()
    await operator.until_in_control()
    await expect(choice).to_have_value("fast")
    await eventually(lambda: wishes.levels == [1])
    await operator.until_painted()
    operator.assert_content()
