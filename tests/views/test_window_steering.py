"""A run steered from its window, on both toolkits: real clicks, real keys."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from async_plot.views.strip import StripState

from ..helpers import AMPLE, Deadline, eventually
from . import pictures, steered
from .conftest import PILLS, WAVE, Calculation, Screen, near

LINK = PILLS["finished"]

Start = Callable[..., Calculation]

# Its loop in a thread, so that it still answers the test while it is paused.
STEERED = (
    WAVE
    + """
told = {"steps": 0}
def work():
    speed = server.parameter("speed", 1.0, min=0.0, max=10.0)
    label = server.parameter("label", "first")
    try:
        while True:
            server.update(x, x)
            server.checkpoint()
            told.update(speed=speed.value, label=label.value, steps=told["steps"] + 1)
            time.sleep(0.01)
    except BaseException as error:
        told["end"] = type(error).__name__
def begin():
    threading.Thread(target=work, daemon=True).start()
"""
)

# What the strip then shows, for where things are.
LIKE = steered.heard(
    steered.steering(),
    steered.parameter("speed", 1.0, 1, minimum=0.0, maximum=10.0),
    steered.parameter("label", "first", 2),
)


class Steered:
    """The window of that calculation, and what is clicked in it."""

    def __init__(self, calculation: Calculation, screen: Screen) -> None:
        self.calculation = calculation
        self.screen = screen
        calculation.do("begin()")
        self.window = screen.window("run")
        # As seen by this toolkit: its pixels, and what stands under the strip.
        self.scale = screen.size(self.window)[0] / 640
        eventually(self._shows_a_slider, what="a strip with its parameters")
        screen.xdotool("windowfocus", "--sync", self.window)

    def _shows_a_slider(self) -> bool:
        """Whether the knob of the slider is where it will be."""
        x, y = map(int, self.at("drag 1", share=0.1))
        row = self.screen.picture(self.window)[y : y + 1, x - 3 : x + 4]
        return bool(near(row, LINK).any())

    def at(self, action: str, share: float = 0.5) -> tuple[str, str]:
        """Where in the window that is."""
        told = StripState(name="run", controls=LIKE)
        picture, regions = pictures.drawn(told, 640, "white", steered.NOW)
        (region,) = [each for each in regions if each.action == action]
        ends = (region.first, region.last) if region.last else (region.x0, region.x1)
        x = ends[0] + share * (ends[1] - ends[0])
        y = len(picture) - (region.y0 + region.y1) / 2
        return str(round(x * self.scale)), str(round(self._top() + y * self.scale))

    def _top(self) -> float:
        """Where the strip begins: six pixels above how the run stands."""
        pills = [PILLS[state] for state in ("running", "paused", "stalled")]

        def rows() -> int:
            return 1 + max(self.screen.extent(self.window, each)[0] for each in pills)

        return eventually(rows, what="how the run stands") - 1 - 6 * self.scale

    def click(self, action: str) -> None:
        at = self.at(action)
        self.screen.xdotool("mousemove", "--window", self.window, *at, "click", "1")

    def type(self, action: str, text: str) -> None:
        """Type something into the box that a click opens."""
        self.click(action)
        x, y = map(int, self.at(action, share=0.0))

        def is_open() -> bool:
            return bool((self.screen.picture(self.window)[y, x + 95] == 255).all())

        eventually(is_open, what="a white box to type into")
        self.screen.xdotool("type", text)
        self.screen.xdotool("key", "Return")

    def told(self, name: str) -> str:
        return self.calculation.ask(f"told.get({name!r})")

    def title(self) -> str:
        return self.screen.xdotool("getwindowname", self.window)

    def wait_running(self) -> None:
        before = int(self.told("steps"))
        eventually(lambda: int(self.told("steps")) > before + 2, what="it goes on")


@pytest.fixture
def steer(calculate: Start, screen: Screen) -> Callable[[str], Steered]:
    return lambda backend: Steered(calculate(backend, STEERED), screen)


@pytest.mark.parametrize("backend", ["QtAgg", "TkAgg"])
def test_a_run_is_steered_by_clicks(
    backend: str, steer: Callable[[str], Steered]
) -> None:
    """Paused, changed, let go, stopped; all of it said in the window."""
    run = steer(backend)
    run.click("pause")
    run.screen.wait_for(run.window, PILLS["paused"])
    eventually(lambda: run.title().endswith(" - paused"), what="the title says so")
    steps = run.told("steps")

    x, y = run.at("drag 1", share=0.1)
    run.screen.xdotool("mousemove", "--window", run.window, x, y, "mousedown", "1")
    for share in (0.3, 0.6, 0.9, 1.1):
        at = run.at("drag 1", share)
        run.screen.xdotool("mousemove", "--window", run.window, *at)
    run.screen.xdotool("mouseup", "1")
    run.type("type 2", "second")
    assert run.told("steps") == steps, "a paused run takes no step"
    assert run.told("speed") == "1.0"

    run.click("pause")  # where *resume* stands now
    eventually(lambda: run.told("label") == "second", what="it goes on with them")
    assert run.told("speed") == "10.0"
    eventually(lambda: run.title() == "run: Wave", what="the title says so")

    run.click("stop")
    run.wait_running()
    assert run.told("end") == "None", "it asks once more"
    deadline = Deadline(AMPLE)
    while run.told("end") == "None":
        deadline.check("the second click")
        run.click("stop")
        time.sleep(0.7)
    assert run.told("end") == "StopRequested"


def test_closing_the_window_ends_its_pause(steer: Callable[[str], Steered]) -> None:
    """Nobody is left who would."""
    run = steer("QtAgg")
    run.screen.xdotool("key", "alt+p")
    run.screen.wait_for(run.window, PILLS["paused"])
    run.screen.close(run.window)
    assert run.calculation.wait_viewer_gone() == 0
    run.wait_running()
    assert run.told("end") == "None"
