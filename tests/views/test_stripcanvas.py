"""The strip in a window: how high it is, when it is drawn, what a click does."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from async_plot.views import stripcanvas
from async_plot.views.strip import StripState
from async_plot.views.stripcanvas import EVERY, JOBS_EVERY, SHRINK_AFTER, StripCanvas
from async_plot.views.striprows import strip_height

from ..helpers import eventually
from . import steered
from .conftest import ALARM, PILLS, Calculation, Screen
from .said import EIGHT, NOW, WALL, bar, failure, heard, inner, job
from .steered import Sent


class Toolkit:
    """Stands in for a toolkit: a window of a height that a test says."""

    def __init__(self, room: float = 1000.0) -> None:
        self.space = room
        self.heights: list[tuple[int, bool]] = []
        self.texts: list[tuple[str, str]] = []
        self.asked: list[tuple[str, Callable[[str], None]]] = []

    def attach(self, manager: Any, figure: Figure, height: int) -> Any:
        figure.set_size_inches(6.4, height / 100)
        return FigureCanvasAgg(figure)

    def set_height(self, manager: Any, canvas: Any, height: int, *, grow: bool) -> None:
        self.heights.append((height, grow))
        canvas.figure.set_size_inches(6.4, height / 100)

    def room(self, manager: Any, canvas: Any, *, grow: bool) -> float:
        return self.space

    def show_text(self, manager: Any, title: str, text: str) -> None:
        self.texts.append((title, text))

    def ask_text(
        self,
        manager: Any,
        canvas: Any,
        box: Any,
        text: str,
        done: Callable[[str], None],
    ) -> None:
        self.asked.append((text, done))


class Bench:
    """A strip on that toolkit, at a moment that a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(
            stripcanvas,
            "time",
            SimpleNamespace(monotonic=lambda: self.now, thread_time=lambda: 0.0),
        )
        self.toolkit = Toolkit()
        manager = SimpleNamespace(canvas=SimpleNamespace(figure=Figure()))
        kit: Any = self.toolkit
        self.strip = StripCanvas(manager, kit)
        self.state = StripState(name="run")
        self.drawn = 0
        drawn = self.strip._canvas.draw

        def draw() -> None:
            self.drawn += 1
            drawn()

        self.strip._canvas.draw = draw

    def hear(self, *messages: Any) -> None:
        self.state.hear(list(messages), self.now, WALL)
        self.strip.refresh(self.state)

    def click(self, action: str, **event: Any) -> None:
        """Click in the middle of what does that."""
        self.strip._clicked(self.event(action, **event))

    def event(self, action: str, share: float = 0.5, **facts: Any) -> Any:
        """What the mouse does there."""
        (region,) = [r for r in self.strip._regions if r.action == action][:1]
        first, last = (
            (region.first, region.last)
            if region.last > region.first
            else (region.x0, region.x1)
        )
        x, y = first + share * (last - first), (region.y0 + region.y1) / 2
        return SimpleNamespace(**{"x": x, "y": y, "button": 1, **facts})


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_it_grows_with_what_there_is_to_tell(bench: Bench) -> None:
    """And the window with it."""
    bench.hear(job(), bar(), *EIGHT)
    ((height, grow),) = bench.toolkit.heights
    assert grow and height == strip_height(bench.state, 640, now=bench.now)


def test_it_shrinks_only_when_less_is_told_for_a_while(bench: Bench) -> None:
    """A bar inside of a loop is gone and there again many times a second."""
    bench.hear(job(), bar(), *EIGHT[:1], inner("e", 1, 4, 10, "epochs"))
    for _ in range(5):
        bench.now += SHRINK_AFTER / 2
        bench.hear(inner("e", 1, 10, 10, "epochs", state="finished"))
        bench.now += SHRINK_AFTER / 4
        bench.hear(inner("e", 1, 4, 10, "epochs"))
    assert len(bench.toolkit.heights) == 1
    bench.hear(inner("e", 1, 10, 10, "epochs", state="finished"))
    bench.now += SHRINK_AFTER + 1
    bench.hear()
    before, after = (height for height, _ in bench.toolkit.heights)
    assert after < before


def test_a_small_window_cuts_it_and_stays_as_it_is(bench: Bench) -> None:
    """It comes back to its height when there is room again."""
    bench.hear(job(), bar(), *EIGHT)
    bench.toolkit.space = 110
    bench.strip.refresh(bench.state)
    bench.toolkit.space = 1000
    bench.strip.refresh(bench.state)
    (full, _), (cut, grew), (again, regrew) = bench.toolkit.heights
    assert cut <= 110 < full == again
    assert not grew and not regrew


def test_it_is_drawn_when_there_is_something_new(bench: Bench) -> None:
    """Or when time itself is told."""
    bench.hear(job(), bar(), *EIGHT)
    drawn = bench.drawn
    bench.strip.refresh(bench.state)
    assert bench.drawn == drawn
    bench.hear(bar(done=1300))
    assert bench.drawn == drawn + 1
    bench.now += 5
    bench.strip.refresh(bench.state)
    assert bench.drawn == drawn + 2
    bench.state.state = "finished"
    bench.hear(bar(state="finished"))
    drawn, bench.now = bench.drawn, bench.now + 60
    bench.strip.refresh(bench.state)
    bench.now += 60
    bench.strip.refresh(bench.state)
    assert bench.drawn <= drawn + 2  # it shrank


def test_it_takes_a_small_part_of_the_time(bench: Bench) -> None:
    """Oftener while a job goes on, less often where drawing it takes long."""
    assert bench.strip.pause(slider=False) == EVERY
    bench.hear(job(), bar())
    assert bench.strip.pause(slider=False) == JOBS_EVERY
    bench.strip._cost = 0.1
    idle = bench.strip.pause(slider=False)
    assert idle >= 2.0
    bench.state.frame_at = bench.now  # the figure needs its time
    assert bench.strip.pause(slider=False) >= 2 * idle


def test_clicks_fold_up_and_open_texts(bench: Bench) -> None:
    """At once, without waiting for the next tick."""
    bench.hear(job(), bar(failed=1), *EIGHT, failure(9))
    bench.click("fold j")
    bench.click("unfold j")
    heights = [height for height, _ in bench.toolkit.heights]
    assert heights[0] == heights[2] > heights[1]
    bench.click("failures j 0")
    bench.click("worker w3")
    (title, text), (worker, _) = bench.toolkit.texts
    assert title == "samples: 1 task failed" and "Singular matrix" in text
    assert worker == "Worker 3"


def test_a_window_without_a_strip_says_how_far_it_is() -> None:
    """In its title."""
    titles: list[str] = []
    manager = SimpleNamespace(
        canvas=SimpleNamespace(figure=Figure()), set_window_title=titles.append
    )
    kit: Any = SimpleNamespace(attach=lambda *args: None)
    strip = StripCanvas(manager, kit)
    strip.refresh(StripState(name="run", jobs=heard(job(), bar())))
    assert titles == ["run: running, frame 0, samples 12 %"]
    controls = steered.heard(steered.steering("paused", since=WALL), may=False)
    strip.refresh(StripState(name="run", controls=controls))
    assert titles[1].startswith("run: paused by anna@node1 ")


@pytest.fixture
def sent(bench: Bench) -> Sent:
    """What a strip with some parameters commands."""
    commands: Sent = []
    bench.state.controls = steered.heard(*TOLD, sent=commands)
    bench.strip.refresh(bench.state)
    return commands


TOLD = (steered.steering(), steered.DT, steered.STEPS, steered.CLIP, steered.LABEL)


def test_clicks_steer(bench: Bench, sent: Sent) -> None:
    """The left button, and shift for a pause that lasts; others do nothing."""
    bench.click("pause", button=3)
    assert not sent
    bench.click("pause", modifiers=frozenset({"shift"}))
    bench.click("flip 4")
    assert sent == [("pause", "", "", True), ("set", "clip", False, False)]


def test_what_ends_a_run_is_asked_again_in_the_strip(bench: Bench, sent: Sent) -> None:
    """And is forgotten when nobody answers, which is drawn."""
    bench.click("stop")
    drawn = bench.drawn
    bench.now += 4
    bench.strip.refresh(bench.state)
    assert bench.drawn == drawn + 1 and not sent
    bench.click("stop")
    bench.now += 1
    bench.click("stop")
    assert sent == [("stop", "", "", False)]


def test_a_slider_follows_the_mouse_and_lets_go(bench: Bench, sent: Sent) -> None:
    """Also where the mouse leaves it; afterwards the mouse only points."""
    bench.click("drag 2", share=0.2)
    far = bench.event("drag 2", share=0.9, y=-50)
    bench.now += 1
    bench.strip._moved(far)
    bench.now += 0.01
    bench.strip._moved(bench.event("drag 2", share=2.0))
    bench.strip._released(far)
    assert [value for _, _, value, _ in sent] == [21, 90, 100]
    bench.strip._moved(far)
    assert len(sent) == 3


def test_a_value_is_typed_in_a_box(bench: Bench, sent: Sent) -> None:
    """Its text is what stands there."""
    bench.click("type 6")
    ((text, done),) = bench.toolkit.asked
    assert text == "first try"
    done("second")
    assert sent == [("set", "label", "second", False)]


def test_why_not_is_told_where_the_mouse_is(bench: Bench, sent: Sent) -> None:
    """Until it is elsewhere; it is drawn for that."""
    controls = bench.state.controls
    step = next(r for r in bench.strip._regions if "step" in r.hint)
    drawn = bench.drawn
    bench.now += 1
    bench.strip._moved(SimpleNamespace(x=step.x0 + 1, y=step.y0 + 1))
    assert "step" in controls.pointed and bench.drawn == drawn + 1
    bench.strip._left(SimpleNamespace())
    assert not controls.pointed and bench.drawn == drawn + 2


def test_it_unfolds_its_parameters(bench: Bench, sent: Sent) -> None:
    """And folds them up at once."""
    for _ in range(2):
        bench.click("parameters")
    first, low, high = (height for height, _ in bench.toolkit.heights)
    assert first == high > low


SAYS = """
from async_plot.jobs.bars import Bar
from async_plot.jobs.desk import desk
from async_plot.wire.messages import Failure, Job, Progress
class Told(Plotter):
    def __init__(self, figure): pass
    def draw(self, x): pass
class Source:
    def __init__(self, message):
        self.key, self.message, self.ended = desk.new_key(), message, False
        desk.add(self)
    def mark(self): return self.message
    def look(self, now): return self.message
def tell():
    desk.say(Job("j", "", "sums", "f", "a.py", 3, "Adds.", "b.py", 9, "map(f)",
                 "loky", 2, time.time()))
    Source(Progress("j", "", "j", "", "sums", "it", 3.0, 9.0, 1, 1.0, 3.0, 2.0,
                    "running", "", [], True))
    desk.say(Failure("j", "w", 1, 2, "x=2", "ValueError", "no", "Traceback ...",
                     time.time()))
"""


@pytest.mark.parametrize("backend", ["QtAgg", "TkAgg"])
def test_a_real_window_grows_with_a_job_and_opens_its_failures(
    backend: str, calculate: Callable[..., Calculation], screen: Screen
) -> None:
    """On both toolkits."""
    calculation = calculate(backend, SAYS, "Told")
    calculation.do("server.update(1)")
    calculation.wait_shown(1)
    window = screen.window("run")
    screen.wait_for(window, PILLS["running"])
    height = screen.size(window)[1]
    calculation.do("tell()")
    screen.wait_for(window, ALARM)
    eventually(lambda: screen.size(window)[1] > height, what="a higher window")
    seen: list[tuple[int, ...]] = []

    def stays() -> bool:
        """The failure's own row is there, below the bar's, and has come to rest."""
        time.sleep(0.1)
        seen.append(screen.extent(window, ALARM))
        top, low, *_ = seen[-1]
        return low - top > 15 and seen[-1:] == seen[-2:-1]

    eventually(stays, what="two rows in the colour of an alarm")
    _, last, first, _ = seen[-1]
    at = str(first + 3), str(last - 3)
    screen.xdotool("mousemove", "--window", window, *at, "click", "1")
    assert screen.window("sums: 1 task failed")
