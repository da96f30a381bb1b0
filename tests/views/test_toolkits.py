"""Which backend a viewer takes, and the toolkits that have no place for a strip."""

from __future__ import annotations

from typing import Any

import pytest

from async_plot.views import toolkits
from async_plot.views.strip import StripState
from async_plot.views.stripcanvas import StripCanvas

from ..helpers import run_script

CHOOSE = """
from async_plot.views.toolkits import choose_backend
import matplotlib
print(choose_backend(), matplotlib.get_backend().lower())
"""
INLINE = "module://matplotlib_inline.backend_inline"


@pytest.mark.parametrize(
    ("backend", "display", "expected"),
    [
        ("", False, "False agg"),
        ("", True, "True qtagg"),
        ("TkAgg", True, "True tkagg"),
        ("agg", True, "False agg"),
        ("QtAgg", False, "False agg"),
        (INLINE, True, "True qtagg"),
        (INLINE, False, "False agg"),
    ],
)
def test_the_backend_is_what_was_chosen_if_it_works_here(
    backend: str, display: bool, expected: str, xvfb: str
) -> None:
    """A notebook's, which it hands down to its children, is none of a viewer's."""
    env = {"MPLBACKEND": backend} if backend else {}
    if display:
        env["DISPLAY"] = xvfb
    done = run_script(CHOOSE, env=env)
    assert done.stdout.splitlines()[-1] == expected
    assert ("no window can be opened" in done.stdout) is (backend == "QtAgg")


class Timer:
    """Matplotlib's timer, fired by hand."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.single_shot = False
        self.running = False
        self.callback: Any = None

    def add_callback(self, callback: Any) -> None:
        self.callback = callback

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


class Canvas:
    required_interactive_framework = "gtk4"

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.figure: Any = self

    def get_facecolor(self) -> str:
        return "white"

    def new_timer(self, interval: int) -> Timer:
        self.timers.append(Timer(interval))
        return self.timers[-1]


class Manager:
    def __init__(self) -> None:
        self.canvas = Canvas()
        self.title = ""

    def set_window_title(self, title: str) -> None:
        self.title = title


def test_another_toolkit_is_served_by_matplotlibs_timers() -> None:
    """It looks again and again; nothing is left running at the end."""
    manager = Manager()
    toolkit = toolkits.of(manager)
    looks: list[int] = []
    toolkit.watch(0, lambda: looks.append(1))
    for count in (1, 2):
        manager.canvas.timers[-1].callback()
        assert len(looks) == count
    toolkit.end()
    assert not manager.canvas.timers[-1].running


def test_another_toolkit_has_the_strip_in_its_title() -> None:
    """In words."""
    manager = Manager()
    strip = StripCanvas(manager, toolkits.of(manager))
    strip.refresh(StripState(name="run", state="failed", frame=7))
    assert manager.title == "run: failed, frame 7"
