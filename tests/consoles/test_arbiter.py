"""Who may type, and what is down in the VM afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consoles.arbiter import MAX_HELD, Arbiter, Inputs, KeyInput, PointerInput

CONTROL, LETTER_A = 0xFFE3, 0x61
CONTROL_CODE, A_CODE = 0x1D, 0x1E

pytestmark = pytest.mark.rule(9)


def press(keysym: int, scancode: int | None = None) -> KeyInput:
    return KeyInput(True, keysym, scancode)


def let_go(keysym: int, scancode: int | None = None) -> KeyInput:
    return KeyInput(False, keysym, scancode)


def connected(*viewers: str) -> Arbiter:
    arbiter = Arbiter()
    arbiter.restored()
    for viewer in viewers:
        arbiter.join(viewer)
    return arbiter


def test_the_first_who_may_type_has_control() -> None:
    arbiter = connected("ana", "bo")
    assert arbiter.controller == "ana"
    assert arbiter.key("ana", press(LETTER_A)) == (press(LETTER_A),)
    assert arbiter.key("bo", press(LETTER_A)) == ()
    assert arbiter.pointer("bo", PointerInput(1, 1, 1)) == ()


def test_what_is_held_goes_up_when_its_viewer_leaves() -> None:
    arbiter = connected("ana")
    arbiter.key("ana", press(CONTROL, CONTROL_CODE))
    arbiter.key("ana", press(LETTER_A, A_CODE))
    arbiter.pointer("ana", PointerInput(7, 9, 0b101))
    assert arbiter.leave("ana") == (
        let_go(LETTER_A, A_CODE),  # the newest first, modifiers last
        let_go(CONTROL, CONTROL_CODE),
        PointerInput(7, 9, 0),
    )
    assert arbiter.controller is None


def test_what_is_held_goes_up_when_control_is_given_away() -> None:
    arbiter = connected("ana", "bo")
    arbiter.key("ana", press(CONTROL, CONTROL_CODE))
    assert arbiter.give("bo") == (let_go(CONTROL, CONTROL_CODE),)
    assert arbiter.key("ana", let_go(CONTROL, CONTROL_CODE)) == ()
    assert arbiter.controller == "bo"


def test_a_key_goes_up_as_it_went_down() -> None:
    """Shift let go first: the browser names the same key "a", not "A", when it comes up."""
    arbiter = connected("ana")
    arbiter.key("ana", press(0x41, A_CODE))
    assert arbiter.key("ana", let_go(0x61, A_CODE)) == (let_go(0x41, A_CODE),)


def test_a_held_key_repeats() -> None:
    arbiter = connected("ana")
    assert arbiter.key("ana", press(LETTER_A)) == arbiter.key("ana", press(LETTER_A))
    assert len(arbiter.leave("ana")) == 1


def test_keys_typed_during_an_outage_are_never_replayed() -> None:
    arbiter = connected("ana")
    arbiter.lost()
    assert arbiter.key("ana", press(LETTER_A)) == ()
    assert arbiter.key("ana", let_go(LETTER_A)) == ()
    assert arbiter.restored() == ()
    assert arbiter.key("ana", let_go(LETTER_A)) == ()


def test_what_was_held_when_the_upstream_went_goes_up_when_it_is_back() -> None:
    arbiter = connected("ana")
    arbiter.key("ana", press(CONTROL, CONTROL_CODE))
    arbiter.pointer("ana", PointerInput(3, 4, 1))
    arbiter.lost()
    arbiter.leave("ana")
    assert arbiter.restored() == (let_go(CONTROL, CONTROL_CODE), PointerInput(3, 4, 0))


def test_who_asked_first_gets_control_when_it_is_free() -> None:
    arbiter = connected("ana", "bo", "cy")
    assert arbiter.ask("cy") is False
    assert arbiter.ask("bo") is False
    assert arbiter.asking == ("cy", "bo")
    arbiter.leave("ana")
    assert [arbiter.controller, *arbiter.asking] == ["cy", "bo"]


def test_control_that_nobody_has_is_taken_by_asking() -> None:
    arbiter = connected("ana", "bo")
    arbiter.leave("ana")
    assert arbiter.controller is None
    assert arbiter.ask("bo") is True
    assert arbiter.controller == "bo"


def test_whoever_may_not_type_gets_no_control() -> None:
    arbiter = connected("ana")
    arbiter.key("ana", press(LETTER_A))
    assert arbiter.give("guest") == ()
    assert arbiter.ask("guest") is False
    assert arbiter.controller == "ana"


def test_no_more_is_held_than_a_keyboard_has_keys() -> None:
    arbiter = connected("ana")
    for keysym in range(MAX_HELD):
        arbiter.key("ana", press(keysym))
    assert arbiter.key("ana", press(MAX_HELD)) == (let_go(0), press(MAX_HELD))
    assert len(arbiter.leave("ana")) == MAX_HELD


class Keyboard:
    """What the VM believes: which keys and buttons are down."""

    def __init__(self) -> None:
        self.down: set[tuple[int, int | None]] = set()
        self.buttons = 0

    def hear(self, inputs: Inputs) -> None:
        for each in inputs:
            if isinstance(each, PointerInput):
                self.buttons = each.buttons
            elif each.down:
                self.down.add((each.keysym, each.scancode))
            else:
                self.down.remove((each.keysym, each.scancode))  # never up what was not down

    @property
    def at_rest(self) -> bool:
        return not self.down and not self.buttons


viewers = st.sampled_from(["ana", "bo", "cy"])
keys = st.builds(
    KeyInput, st.booleans(), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 2))
)
pointers = st.builds(PointerInput, st.integers(0, 9), st.integers(0, 9), st.integers(0, 7))
steps = st.one_of(
    st.tuples(st.just("join"), viewers),
    st.tuples(st.just("leave"), viewers),
    st.tuples(st.just("ask"), viewers),
    st.tuples(st.just("give"), st.one_of(st.none(), viewers)),
    st.tuples(st.just("key"), viewers, keys),
    st.tuples(st.just("pointer"), viewers, pointers),
    st.tuples(st.just("lost")),
    st.tuples(st.just("restored")),
)


@given(st.lists(steps, max_size=60))
def test_nothing_stays_down_that_its_viewer_does_not_hold(story: list[tuple[object, ...]]) -> None:
    arbiter, vm = connected(), Keyboard()
    for name, *arguments in story:
        controller, was_connected = arbiter.controller, arbiter.connected
        inputs = getattr(arbiter, str(name))(*arguments)
        told: Inputs = inputs if isinstance(inputs, tuple) else ()
        vm.hear(told)
        if name in ("key", "pointer"):
            assert not told or (arguments[0] == controller and was_connected)
        if arbiter.connected and (controller != arbiter.controller or name == "restored"):
            assert vm.at_rest
        assert arbiter.connected or not told
    vm.hear(arbiter.restored())
    assert vm.at_rest


def test_a_place_is_where_the_one_in_control_moved_to() -> None:
    arbiter = connected("ana", "bo")
    assert arbiter.place is None
    arbiter.pointer("bo", PointerInput(1, 1, 0))
    assert arbiter.place is None
    arbiter.pointer("ana", PointerInput(7, 9, 1))
    assert arbiter.place == (7, 9)


def test_nobody_inherits_a_place() -> None:
    arbiter = connected("ana", "bo")
    for lose in (
        lambda: arbiter.give("bo"),
        lambda: arbiter.give(None),
        lambda: arbiter.leave("ana"),
        arbiter.lost,
    ):
        arbiter.restored()
        arbiter.join("ana")
        arbiter.give("ana")
        arbiter.pointer("ana", PointerInput(7, 9, 1))
        assert arbiter.place == (7, 9)
        lose()
        assert arbiter.place is None
