"""What is asked of a calculation, and what its checkpoints make of it; no socket."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from async_plot.errors import StopRequested
from async_plot.net import helm as module
from async_plot.net.feed import Feed
from async_plot.net.helm import GAP, LEASE, Asker, Helm
from async_plot.net.parameters import Parameter
from async_plot.wire import messages
from async_plot.wire.messages import Log, Message, Steer, Steering
from async_plot.wire.steering import ACTIONS

from ..faults.test_interrupts import interrupt_at
from ..helpers import AMPLE, eventually
from .test_interrupt import sleep_until


class Steered:
    """A helm, who gives it commands, and what it tells."""

    def __init__(self) -> None:
        self.helm = Helm()
        self.helm.run = "r1"
        self.told: list[str] = []
        self.levels: list[int] = []
        self.woken = 0
        self.now = 100.0
        self.asker = Asker("127.0.0.1:5", may=True)
        self.helm.begin(self._wake, self._say)
        self.helm.tick(self.now)

    def _wake(self) -> None:
        self.woken += 1

    def _say(self, record: Log) -> None:
        assert record.name == "async_plot.steering"
        assert record.text.isprintable()
        self.told.append(record.text)
        self.levels.append(record.level)

    def ask(
        self, action: str, name: str = "", value: str = "", lease: str = ""
    ) -> None:
        self.now += 1
        command = Steer(action, name, value, "anna@box, top", lease)
        self.helm.hear(command, self.asker, self.now)

    def pass_time(self, seconds: float, step: float = 0.5) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            self.helm.tick(self.now)

    @property
    def steering(self) -> Steering:
        [found] = [m for m in self.tail() if isinstance(m, Steering)]
        return found

    def tail(self) -> list[Message]:
        """What is told to who comes, once all news are told."""
        self.helm.news()
        return self.helm.tail()

    @property
    def state(self) -> str:
        return self.steering.state


@pytest.fixture
def steered() -> Iterator[Steered]:
    steered = Steered()
    yield steered
    steered.helm.end()


class Loop:
    """A calculation in a thread, which comes to a checkpoint again and again."""

    def __init__(
        self,
        helm: Helm,
        feeds: tuple[Feed, ...] = (),
        updates: tuple[object, ...] = (),
    ) -> None:
        self._updates = updates  # what each feed is handed first
        self.passed = 0
        self.over = False
        self.error: BaseException | None = None
        self._helm, self._feeds = helm, feeds
        self.thread = threading.Thread(target=self._run, name="calculation")
        self.thread.start()

    def _run(self) -> None:
        try:
            for feed in self._feeds:
                for each in self._updates:
                    feed.update(each)
            while not self.over:
                self._helm.obey(self._feeds)
                self.passed += 1
                time.sleep(0.0005)
        except BaseException as error:
            self.error = error

    def goes_on(self) -> bool:
        """Wait until it has passed some checkpoints more."""
        before = self.passed
        return bool(eventually(lambda: self.passed > before + 3))

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        self._helm.end()
        self.thread.join(AMPLE)
        assert not self.thread.is_alive()


def paused(steered: Steered) -> bool:
    return bool(eventually(lambda: steered.state == "paused"))


# -- pause, step, resume -----------------------------------------------------------


def test_a_pause_waits_at_the_next_checkpoint(steered: Steered) -> None:
    """Until then it is pausing; then it is paused, and nothing is passed."""
    steered.ask("pause")
    assert steered.state == "pausing"
    with Loop(steered.helm) as loop:
        assert paused(steered)
        assert loop.passed == 0
        steered.ask("resume")
        assert steered.state == "running"
        assert loop.goes_on()
    assert steered.told == [
        "paused until somebody resumes it, by anna@box, top",
        "resumed by anna@box, top",
    ]


def test_a_step_goes_to_the_next_checkpoint(steered: Steered) -> None:
    """One for each time that it is asked for."""
    steered.ask("pause", lease="x")
    with Loop(steered.helm) as loop:
        for step in range(4):
            assert paused(steered)
            assert loop.passed == step
            steered.ask("step")
            assert loop.passed in (step, step + 1)
            eventually(lambda step=step: loop.passed == step + 1)
        assert paused(steered)
    assert loop.passed == 5  # the end let it go


def test_a_step_is_told_while_it_lasts(steered: Steered) -> None:
    """From one checkpoint to the next."""
    arrived, go_on = threading.Event(), threading.Event()

    def calculate() -> None:
        steered.helm.obey()
        arrived.set()
        assert go_on.wait(AMPLE)
        steered.helm.obey()

    steered.ask("pause")
    thread = threading.Thread(target=calculate)
    thread.start()
    assert paused(steered)
    steered.ask("step")
    assert arrived.wait(AMPLE)
    assert steered.state == "stepping"
    go_on.set()
    assert paused(steered)
    steered.ask("resume")
    thread.join(AMPLE)


def test_each_thread_waits_and_takes_each_step(steered: Steered) -> None:
    """Several that call the same checkpoint."""
    steered.ask("pause")
    with Loop(steered.helm) as one, Loop(steered.helm) as other:
        eventually(lambda: len(steered.helm._here) == 2)
        steered.ask("step")
        eventually(lambda: (one.passed, other.passed) == (1, 1))
        eventually(lambda: len(steered.helm._here) == 2)
        assert (one.passed, other.passed) == (1, 1)
        steered.ask("resume")
        assert one.goes_on()
        assert other.goes_on()


def test_a_checkpoint_inside_of_a_handler_waits_beside_the_other(
    steered: Steered,
) -> None:
    """A thread can wait twice, and both are let go."""
    outer = module._Waiting(0)
    steered.ask("pause")
    steered.helm._waiting.append(weakref.ref(outer))
    with Loop(steered.helm):
        eventually(lambda: len(steered.helm._here) == 2)
        steered.ask("resume")
        eventually(lambda: steered.helm._here == [outer])
    outer.bell.get_nowait()


@pytest.mark.parametrize("action", ["step", "resume"])
def test_what_runs_cannot_be_stepped_or_resumed(steered: Steered, action: str) -> None:
    """It is refused in one line, which says who asked."""
    steered.ask(action)
    [line] = steered.told
    assert line.startswith(f"{action}, asked by anna@box, top, is refused: it ")
    assert steered.state == "running"


def test_what_is_looked_at_is_where_it_stands(steered: Steered) -> None:
    """The newest arguments are shown where the pause begins, though none were due."""
    feed = Feed("", None)
    steered.ask("pause")
    with Loop(steered.helm, (feed,), updates=(1, 2)):
        assert paused(steered)
        first, shown = feed.drain()
        assert (first.number, shown.number) == (1, 2)
        steered.ask("step")
        assert paused(steered)
        assert not feed.has_news  # it was shown


def test_arguments_that_cannot_be_shown_are_refused_and_no_error(
    steered: Steered,
) -> None:
    """As in any other update."""
    feed = Feed("", None)
    steered.ask("pause")
    with Loop(steered.helm, (feed,), updates=(1, threading.Lock())) as loop:
        assert paused(steered)
        steered.ask("resume")
        assert loop.goes_on()
    assert feed.refused == 1


# -- leases ------------------------------------------------------------------------


def test_a_pause_that_nobody_renews_ends(steered: Steered) -> None:
    """And a line says so."""
    steered.ask("pause", lease="x")
    with Loop(steered.helm) as loop:
        assert paused(steered)
        steered.pass_time(LEASE - 3)
        assert steered.state == "paused"
        steered.pass_time(4)
        assert steered.state == "running"
        assert loop.goes_on()
    assert steered.told[-1] == (
        "resumed: anna@box, top, who had it paused, was not heard of for 30 s"
    )
    assert steered.steering.by == ""


def test_a_pause_lasts_as_long_as_it_is_renewed(steered: Steered) -> None:
    """Renewals are not told: they are no commands."""
    steered.ask("pause", lease="x")
    for _ in range(10):
        steered.pass_time(LEASE / 2)
        steered.ask("renew", lease="x")
    assert steered.state == "pausing"
    assert len(steered.told) == 1


def test_a_pause_that_is_held_needs_no_renewal(steered: Steered) -> None:
    """Whoever had asked for one with a lease before."""
    steered.ask("pause", lease="x")
    steered.ask("pause")
    assert steered.steering.hold
    steered.pass_time(10 * LEASE)
    assert steered.state == "pausing"
    steered.ask("resume")
    steered.ask("pause", lease="x")
    assert not steered.steering.hold


def test_two_views_may_want_the_same_pause(steered: Steered) -> None:
    """It lasts until neither is heard of."""
    steered.ask("pause", lease="x")
    steered.ask("pause", lease="y")
    steered.pass_time(LEASE - 5)
    steered.ask("renew", lease="y")
    steered.pass_time(10)
    assert steered.state == "pausing"
    steered.pass_time(LEASE)
    assert steered.state == "running"


def test_a_renewal_of_another_lease_is_not_heard(steered: Steered) -> None:
    """It neither begins a pause nor keeps one."""
    steered.ask("renew", lease="x")
    assert steered.state == "running"
    steered.ask("pause", lease="x")
    for _ in range(8):
        steered.ask("renew", lease="y")
        steered.ask("renew")
        steered.pass_time(LEASE / 4)
    assert steered.state == "running"


def test_time_in_which_nobody_could_be_heard_counts_little(steered: Steered) -> None:
    """A process that was stopped, or slept, hears its views first."""
    steered.ask("pause", lease="x")
    for _ in range(5):
        steered.now += 10 * LEASE
        steered.helm.tick(steered.now)
    assert steered.state == "pausing"
    assert GAP < LEASE


def test_leases_are_few(steered: Steered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again and again with another one."""
    monkeypatch.setattr(module, "LEASES", 3)
    for number in range(10):
        steered.ask("pause", lease=f"x{number}")
    assert list(steered.helm._leases) == ["x7", "x8", "x9"]


# -- stop --------------------------------------------------------------------------


def test_a_stop_is_raised_at_the_next_checkpoint_and_each_after(
    steered: Steered,
) -> None:
    """Whoever swallows it inside of a loop leaves the next loop, too."""
    steered.ask("stop")
    assert steered.state == "stopping"
    assert not steered.helm.stopped
    for _ in range(3):
        assert steered.helm.steered
        with pytest.raises(StopRequested, match="stopped by anna@box, top") as caught:
            steered.helm.obey()
        assert steered.helm.has_stopped(caught.value)
    assert steered.helm.stopped
    assert not steered.helm.has_stopped(StopRequested("another run"))
    steered.ask("resume")
    steered.ask("pause")
    assert steered.state == "stopping"
    assert len([line for line in steered.told if "refused" in line]) == 2


def test_a_stop_that_was_not_obeyed_can_be_taken_back(steered: Steered) -> None:
    """By resuming."""
    steered.ask("stop")
    steered.ask("resume")
    steered.helm.obey()
    assert steered.state == "running"


def test_a_stop_ends_a_pause(steered: Steered) -> None:
    """Each thread that waits is told."""
    steered.ask("pause")
    with Loop(steered.helm) as one, Loop(steered.helm) as other:
        eventually(lambda: len(steered.helm._here) == 2)
        steered.ask("stop")
        one.thread.join(AMPLE)
        other.thread.join(AMPLE)
        assert isinstance(one.error, StopRequested)
        assert isinstance(other.error, StopRequested)


# -- interrupt ---------------------------------------------------------------------


def test_an_interrupt_is_what_ctrl_c_does(steered: Steered) -> None:
    """In the main thread, which may sleep."""
    sleep_until(lambda: steered.ask("interrupt"))
    eventually(lambda: steered.told == ["interrupted by anna@box, top"])


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (lambda _: signal.SIG_IGN, "the calculation ignores SIGINT"),
        (lambda _: None, "SIGINT is handled by something that is not Python"),
    ],
)
def test_what_cannot_be_interrupted_says_why(
    steered: Steered,
    handler: Callable[[int], Any],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before it is asked, and when it is."""
    monkeypatch.setattr(signal, "getsignal", handler)
    assert steered.steering.interrupt == reason
    steered.ask("interrupt")
    assert steered.told[-1].endswith(reason)


def test_a_main_thread_that_has_ended_cannot_be_interrupted(
    steered: Steered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other threads may go on without it."""
    over = threading.Thread()
    monkeypatch.setattr(threading, "main_thread", lambda: over)
    assert steered.steering.interrupt == "the main thread has ended"


# -- parameters --------------------------------------------------------------------


def test_a_parameter_changes_at_a_checkpoint(steered: Steered) -> None:
    """Not when it was asked for; and each change is told with who made it."""
    dt = steered.helm.parameter(Parameter("dt", 0.1, min=0, max=1, unit="s"))
    steered.ask("set", "dt", "0.5")
    assert dt.value == 0.1
    steered.helm.obey()
    assert dt.value == 0.5
    steered.ask("set", "dt", "0.5")
    steered.ask("undo", "dt")
    steered.helm.obey()
    assert dt.value == 0.1
    assert steered.told == [
        "dt = 0.5 s (was 0.1) set by anna@box, top",
        "dt = 0.5, as it was, set by anna@box, top",
        "dt = 0.1 s (was 0.5) taken back by anna@box, top",
    ]


def test_what_is_set_in_a_pause_is_there_after_it(steered: Steered) -> None:
    """The step that follows uses it."""
    dt = steered.helm.parameter(Parameter("dt", 1))
    seen: list[int] = []

    def calculate() -> None:
        steered.helm.obey()
        seen.append(dt.value)

    steered.ask("pause")
    thread = threading.Thread(target=calculate)
    thread.start()
    assert paused(steered)
    steered.ask("set", "dt", "7")
    steered.ask("step")
    thread.join(AMPLE)
    assert seen == [7]


def test_a_slider_that_is_dragged_is_one_change(steered: Steered) -> None:
    """It is told where it begins and where it was left, and taken back as one."""
    dt = steered.helm.parameter(Parameter("dt", 0))

    def drag(name: str, values: range) -> None:
        for value in values:
            steered.now += 0.1
            command = Steer("set", name, str(value), "anna", "")
            steered.helm.hear(command, steered.asker, steered.now)

    drag("dt", range(1, 9))
    assert steered.told == ["dt = 1 (was 0) set by anna"]
    steered.pass_time(1.0)
    assert steered.told[1:] == ["dt = 8 (was 0) set by anna"]
    assert dt.message(1).undo == 1
    drag("dt", range(20, 24))
    steered.ask("undo", "dt")  # by somebody else, at once
    assert steered.told[2:] == [
        "dt = 20 (was 8) set by anna",
        "dt = 23 (was 8) set by anna",
        "dt = 8 (was 23) taken back by anna@box, top",
    ]
    drag("dt", range(30, 34))
    steered.ask("pause")
    assert [line.split(" by ")[0] for line in steered.told[5:]] == [
        "dt = 30 (was 8) set",
        "dt = 33 (was 8) set",
        "paused until somebody resumes it,",
    ]
    steered.ask("resume")
    steered.helm.obey()
    assert dt.value == 33


@pytest.mark.parametrize(
    ("action", "name", "value", "why"),
    [
        ("set", "dt", "2", "a finite number from 0 to 1, not 2"),
        ("set", "dt", "[", "as a JSON text"),
        ("set", "dx", "1", "there is no such parameter; there are: dt"),
        ("undo", "dt", "", "nothing was changed"),
        ("undo", "", "", "there is no such parameter"),
        ("fly", "", "", "it is none of"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    steered: Steered, action: str, name: str, value: str, why: str
) -> None:
    """With who asked, and what would be accepted."""
    dt = steered.helm.parameter(Parameter("dt", 0.1, min=0, max=1))
    steered.ask(action, name, value)
    [line] = steered.told
    assert "anna@box, top, is refused: " in line
    assert why in line
    assert steered.levels == [30]
    steered.helm.obey()
    assert dt.value == 0.1


def test_the_same_parameter_is_the_same_object(steered: Steered) -> None:
    """Another one of its name is an error that tells both."""
    dt = steered.helm.parameter(Parameter("dt", 0.1, max=1))
    assert steered.helm.parameter(Parameter("dt", 0.1, max=1)) is dt
    with pytest.raises(ValueError) as caught:
        steered.helm.parameter(Parameter("dt", 0.1, max=2))
    assert "max=1.0" in str(caught.value)
    assert "max=2.0" in str(caught.value)
    with pytest.raises(ValueError, match=r"float \(default=0.1.*int \(default=1"):
        steered.helm.parameter(Parameter("dt", 1))


def test_parameters_are_not_too_many(
    steered: Steered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is made in a loop, with another name each time, is a mistake."""
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(3):
        steered.helm.parameter(Parameter(f"p{number}", 1))
    with pytest.raises(ValueError, match="at most 3"):
        steered.helm.parameter(Parameter("p3", 1))
    assert len(steered.helm._parameters) == 3


# -- who may, and how often --------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_a_viewer_that_may_only_look_changes_nothing(
    steered: Steered, action: str
) -> None:
    """Whatever it says that it is; the line tells where it dials from."""
    steered.helm.parameter(Parameter("dt", 1))
    before = steered.tail()
    steered.asker = Asker("10.0.0.7:1234", may=False)
    steered.ask(action, "dt", "2")
    assert steered.tail() == before
    [line] = steered.told
    assert line == (
        f"{action}, asked from 10.0.0.7:1234, is refused: that viewer may only look"
    )


def test_a_flood_of_commands_is_cut_and_counted(steered: Steered) -> None:
    """Ten a second are heard, twenty at once; how many were not is told at last."""
    for _ in range(100):
        steered.helm.hear(Steer("pause", "", "", "x", ""), steered.asker, steered.now)
    assert len(steered.told) == 20
    steered.now += 0.5
    steered.helm.tick(steered.now)
    assert steered.told[20:] == ["80 commands came too fast, and were refused"]


def test_lines_about_refusals_are_few(steered: Steered) -> None:
    """A looker that asks for days does not push everything else out of the log."""
    steered.asker = Asker("10.0.0.7:1234", may=False)
    for _ in range(1000):
        steered.ask("stop")
        steered.helm.tick(steered.now)
    assert len(steered.told) < 150


def test_whatever_a_command_says_its_line_is_short_and_plain(
    steered: Steered,
) -> None:
    """Nothing of it moves a cursor."""
    evil = "\x1b[2J\n" + 5000 * "y"
    steered.helm.parameter(Parameter("note", "x"))
    for action, name, value, by, lease in itertools.product(
        ("set", evil), ("note", evil), ("1", evil, f'"{evil[:10]}"'), (evil, ""), ("",)
    ):
        steered.now += 1
        steered.helm.hear(Steer(action, name, value, by, lease), steered.asker, 1e9)
        steered.tail()
    assert all(len(line) < 400 for line in steered.told)  # printable, see `_say`


# -- what is told ------------------------------------------------------------------


def test_what_has_not_changed_is_not_told_again(steered: Steered) -> None:
    """However many checkpoints are passed; but the first one is told."""
    steered.helm.parameter(Parameter("dt", 1))
    assert [type(m) for m in steered.helm.news()] == [messages.Parameter]
    assert steered.helm.news() == []
    steered.helm.obey()
    assert steered.helm.fresh
    [news] = steered.helm.news()
    assert isinstance(news, Steering)
    assert news.checkpoints == 1
    changes = steered.helm.changes
    for _ in range(5):
        steered.helm.obey()
        steered.helm.tick(steered.now)
        assert steered.helm.news() == []
    assert steered.helm.changes == changes


def test_who_comes_late_takes_no_news_from_the_others(steered: Steered) -> None:
    """What is new is still to be told to them."""
    steered.ask("pause")
    assert [m.state for m in steered.helm.tail()] == ["running"]
    assert [m.state for m in steered.helm.news()] == ["pausing"]
    assert [m.state for m in steered.helm.tail()] == ["pausing"]


def test_parameters_are_numbered_in_their_order(steered: Steered) -> None:
    """Late viewers are told all of them."""
    for name in "cab":
        steered.helm.parameter(Parameter(name, 1))
    told = [m for m in steered.tail() if isinstance(m, messages.Parameter)]
    assert [(m.name, m.order) for m in told] == [("c", 1), ("a", 2), ("b", 3)]


def test_checkpoints_are_a_sign_of_life(steered: Steered) -> None:
    """They are seen now and then, which costs them nothing in between."""
    steered.helm.obey()
    passed = steered.helm.passed
    assert not steered.helm.steered
    steered.helm.tick(steered.now + 0.5)
    assert steered.helm.steered
    steered.helm.obey()
    assert steered.helm.passed == passed + 1


# -- the ends ----------------------------------------------------------------------


def test_the_end_lets_everybody_go(steered: Steered) -> None:
    """And nobody is obeyed after it."""
    steered.ask("pause")
    with Loop(steered.helm) as loop:
        assert paused(steered)
        steered.helm.end()
        assert loop.goes_on()
    steered.ask("stop")
    steered.helm.obey()
    assert not steered.helm.steered


def test_before_the_beginning_nothing_is_obeyed() -> None:
    """Parameters can be made then, and are told later."""
    helm = Helm()
    dt = helm.parameter(Parameter("dt", 1))
    helm.hear(Steer("stop", "", "", "x", ""), Asker("here", may=True), 0.0)
    helm.obey()
    assert not helm.steered
    helm.begin(lambda: None, lambda record: None)
    assert dt.value == 1
    assert len(helm.tail()) == 2


def test_an_interrupt_at_any_bytecode_leaves_nothing_behind() -> None:
    """Ctrl-C comes through, nobody counts as waiting, and the next one is obeyed."""
    step, hit = 0, True
    while hit:
        helm = Helm()

        def resume(helm: Helm = helm) -> None:
            """Stand for the background thread: let it go as soon as it waits."""
            if helm._here:
                helm._go_on("")

        helm.begin(resume, lambda record: None)
        dt = helm.parameter(Parameter("dt", 1))
        asker = Asker("here", may=True)
        helm.hear(Steer("set", "dt", "2", "x", ""), asker, 0.0)
        helm.hear(Steer("pause", "", "", "x", ""), asker, 0.0)
        hit = interrupt_at(step, helm.obey)
        assert helm._here == []
        helm.hear(Steer("pause", "", "", "x", ""), asker, 1.0)
        helm.news()
        assert [m.state for m in helm.tail() if isinstance(m, Steering)] == ["pausing"]
        helm.tick(1.0)
        assert helm.steered
        helm.hear(Steer("stop", "", "", "x", ""), asker, 2.0)
        with pytest.raises(StopRequested):
            helm.obey()
        assert dt.value == 2
        step += 1
    assert step > 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_steered_by_nobody(steered: Steered) -> None:
    """Not even one that was forked while others waited."""
    steered.ask("pause")
    with Loop(steered.helm):
        assert paused(steered)
        child = os.fork()
        if not child:
            steered.helm.forked()
            steered.helm.obey()
            os._exit(0 if not steered.helm.waits else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert steered.state == "paused"
