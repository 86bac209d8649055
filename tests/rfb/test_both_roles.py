"""Our server's role and our client's role understand each other, from the first byte."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, FrameReceived, Ready, Resized
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.messages import EncodingsChanged, FormatChanged, Key, Message, acknowledgements
from gateway.rfb.operations import Copy, Write
from gateway.rfb.screen import Profile, Screen
from gateway.rfb.server import ServerConnection
from gateway.rfb.wire import RGBX, Rect
from tests.doubles.serverwords import heard

WHOLE = Rect(0, 0, 320, 200)


def talk(client: ClientConnection, server: ServerConnection) -> tuple[list[Event], list[Message]]:
    """Carry bytes both ways until neither has anything to say."""
    events: list[Event] = []
    messages: list[Message] = []
    while True:
        to_client, to_server = server.data_to_send(), client.data_to_send()
        if not (to_client or to_server):
            return events, messages
        events += client.receive_data(to_client)
        messages += server.receive_data(to_server)


@pytest.mark.parametrize("password", [None, "open"])
def test_a_frame_reaches_the_other_end(password: str | None) -> None:
    challenge = bytes(range(16))
    server = ServerConnection(320, 200, "web01", password=password, challenge=challenge)
    client = ClientConnection(password=password)
    events, messages = talk(client, server)
    assert events == [Ready(320, 200, "web01")]
    assert FormatChanged(RGBX) in messages
    offered = next(each for each in messages if isinstance(each, EncodingsChanged))
    client.receive_data(acknowledgements(offered.new, 320, 200))
    assert client.extended_keys

    framebuffer = Framebuffer(320, 200)
    screen = Screen(framebuffer)
    profile = Profile.for_viewer(server.encodings, server.pixel_format)
    random = np.random.default_rng(1)
    framebuffer.pixels[:, :160, :3] = random.integers(0, 256, (200, 160, 3))
    framebuffer.fill(Rect(160, 0, 160, 200), (9, 8, 7))
    screen.painted([Write(WHOLE)], 0)
    update = screen.update_for(0, profile)
    assert update is not None
    (event,) = heard(client, update.payload)
    assert isinstance(event, FrameReceived)
    framebuffer.copy(Rect(0, 0, 320, 184), 0, 16)
    framebuffer.resize(300, 220)
    screen.painted([Copy(Rect(0, 0, 320, 184), 0, 16)], 0)
    screen.resized(0)
    update = screen.update_for(update.frame, profile)
    assert update is not None
    assert Resized(300, 220) in heard(client, update.payload)
    if profile.jpeg_quality is not None:
        screen.refine(1.0)
        refined = screen.update_for(update.frame, profile)
        assert refined is not None
        heard(client, refined.payload)
    assert np.array_equal(client.framebuffer.pixels[:, :, :3], framebuffer.pixels[:, :, :3])


def test_a_key_reaches_the_other_end() -> None:
    server, client = ServerConnection(320, 200, "web01"), ClientConnection()
    talk(client, server)
    client.receive_data(acknowledgements(frozenset({-258}), 320, 200))
    client.send_key(True, 0x61, 0x1E)
    _, messages = talk(client, server)
    assert Key(down=True, keysym=0x61, scancode=0x1E) in messages
