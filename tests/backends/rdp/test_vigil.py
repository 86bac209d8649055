"""When a console's programs and its host are asked whether they live, and what silence means."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.backends.rdp.child.vigil import PICTURE, SHOW, TICK, Seen, Stuck, Vigil


@dataclass
class Console:
    """What a vigil is kept over: each answers for as long as it lives."""

    client: bool = True
    host: bool = True
    heeds: bool = True  # the host paints all of it when somebody looks again
    link: float = 0.0  # seconds that all of it takes
    busy: float = 0.0  # of a core, that each program uses
    stopped: set[str] = field(default_factory=set)
    now: float = 100.0
    cpu: float = 0.0
    pictures: list[float] = field(default_factory=list)  # when the host was asked for one

    def __post_init__(self) -> None:
        self.vigil = Vigil(self.now)
        self._whole_at: float | None = None

    def paint(self, *, whole: bool = False) -> None:
        """The host shows something."""
        self.vigil.painted(self.now, pixel=False, whole=whole)

    def runs(self, seconds: float, *, paints: bool = False) -> Stuck | None:
        """Until so much later, or until something is over."""
        for _ in range(int(seconds / TICK)):
            self.now += TICK
            self.cpu += TICK * self.busy
            if paints:
                self.paint()
            if self._whole_at is not None and self._whole_at <= self.now:
                self._whole_at = None
                self.paint(whole=True)
            seen = {n: Seen(n in self.stopped, self.cpu) for n in ("Xvnc", "xfreerdp")}
            asked = self.vigil.look(self.now, seen)
            if isinstance(asked, Stuck):
                return asked
            if asked is not None and self.client:
                self._answer(asked)
        return None

    def _answer(self, asked: str) -> None:
        shown = self.vigil.painted(self.now, pixel=True, whole=False)
        assert (shown == SHOW) == (asked == PICTURE)
        if shown == SHOW:
            self.pictures.append(self.now)
            if self.host and self.heeds:
                self._whole_at = self.now + self.link


def test_who_answers_stays() -> None:
    console = Console()
    assert console.runs(600) is None
    assert len(console.pictures) <= 3 + 600 / 3.5


def test_a_host_that_fell_silent_is_noticed_within_ten_seconds() -> None:
    console = Console()
    for lived in (20.0, 21.5, 23.0):
        assert console.runs(lived) is None
        console.host = False
        fell = console.now
        assert console.runs(30) == Stuck("xfreerdp", "SILENCE")
        assert console.now - fell <= 10
        console = Console()


def test_a_host_that_was_painting_a_moment_ago_too() -> None:
    console = Console()
    assert console.runs(20) is None
    assert console.runs(20, paints=True) is None
    console.host = False
    fell = console.now
    assert console.runs(30) == Stuck("xfreerdp", "SILENCE")
    assert console.now - fell <= 10


def test_a_host_that_never_answers_such_questions_is_left_alone() -> None:
    console = Console(heeds=False)
    assert console.runs(600) is None
    assert len(console.pictures) == 3


def test_a_host_whose_screen_moves_now_and_then_proves_nothing() -> None:
    """A clock in a corner is no answer."""
    console = Console(heeds=False)
    for _ in range(100):
        assert console.runs(3) is None
        console.paint()
    assert console.runs(60) is None


def test_nor_does_one_that_moves_whenever_it_is_asked() -> None:
    console = Console(heeds=False)
    for _ in range(200):
        asked = len(console.pictures)
        assert console.runs(TICK) is None
        if asked < len(console.pictures):
            console.paint()
    assert console.runs(60) is None


def test_a_thin_link_is_asked_seldom() -> None:
    console = Console(link=2.0)
    assert console.runs(600) is None
    assert len(console.pictures) <= 600 / 20


def test_a_busy_screen_is_asked_nothing() -> None:
    console = Console()
    assert console.runs(60, paints=True) is None
    assert not console.pictures


def test_a_client_that_hangs_is_noticed() -> None:
    console = Console()
    console.runs(5)
    console.client = False
    fell = console.now
    assert console.runs(30) == Stuck("xfreerdp", "HANGING")
    assert console.now - fell <= 6


def test_a_client_that_spins_is_noticed_sooner() -> None:
    console = Console()
    console.runs(5)
    console.client, console.busy = False, 1.0
    fell = console.now
    stuck = console.runs(30)
    assert stuck is not None
    assert stuck.word == "SPINNING"
    assert console.now - fell <= 2


def test_a_slow_machine_makes_nobody_spin() -> None:
    """Whoever gets a tenth of a core has used little of it when the answer comes late."""
    console = Console(busy=0.1)
    console.runs(5)
    console.client = False
    assert console.runs(4) is None
    console.client = True
    console.vigil.painted(console.now, pixel=True, whole=False)
    assert console.runs(60) is None


def test_who_is_stopped_is_noticed_at_the_second_look() -> None:
    for name in ("Xvnc", "xfreerdp"):
        console = Console()
        console.runs(5)
        console.client = False
        console.stopped = {name}
        fell = console.now
        assert console.runs(30) == Stuck(name, "STOPPED")
        assert console.now - fell <= 1
