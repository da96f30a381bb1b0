"""Real windows, on both toolkits: what somebody before the screen would see."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ..helpers import best_of, eventually, start_script
from .conftest import (
    ALARM,
    BLUE,
    PILLS,
    WARNING,
    WAVE,
    Calculation,
    Screen,
    log_of,
    near,
)

Start = Callable[..., Calculation]
TOOLKITS = ["QtAgg", "TkAgg"]
both = pytest.mark.parametrize("backend", TOOLKITS)


@both
def test_the_strip_stands_under_the_figure_and_follows_a_resize(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """The figure keeps its size; the strip is below it, as wide as the window."""
    source = WAVE + "        print('size', *self.axes.figure.bbox.size, flush=True)\n"
    calculation = calculate(backend, source)
    calculation.do("server.update(x, 0 * x + 0.5)")
    calculation.wait_shown(1)
    window = screen.window("run")

    def width() -> int:
        *_, first, last = screen.extent(window, BLUE)
        return last - first

    eventually(lambda: width() > 600, what="a line of the whole width of the figure")
    screen.wait_for(window, PILLS["running"])
    pill, *_ = screen.extent(window, PILLS["running"])
    assert screen.extent(window, BLUE)[1] < pill
    height = screen.size(window)[1]
    screen.xdotool("windowsize", window, "900", str(height + 100))
    eventually(lambda: screen.size(window)[0] == 900)
    eventually(lambda: width() > 850, what="the figure is as wide as the window")
    eventually(
        lambda: screen.extent(window, PILLS["running"])[0] == pill + 100,
        what="the strip is below it",
    )


@both
def test_a_zoom_survives_frames_and_idleness(
    backend: str, calculate: Start, screen: Screen, home: Path
) -> None:
    """The window is live between frames, and what its user zoomed stays zoomed."""
    source = """
class Zoomed(Plotter):
    def __init__(self, figure):
        self.axes = figure.add_axes([0, 0, 1, 1])
        self.axes.set(xlim=(0, 1), ylim=(0, 1))
        self.line, = self.axes.plot([], [], lw=6)
        self.axes.callbacks.connect(
            "xlim_changed", lambda axes: print("xlim", *axes.get_xlim(), flush=True))
    def draw(self, x, y):
        self.line.set_data(x, y)
"""
    calculation = calculate(backend, source, "Zoomed")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    screen.wait_for(window, BLUE)
    before = screen.count(window, BLUE)
    screen.xdotool("mousemove", "--window", window, "250", "150")
    # The key press is the toolbar's own; it needs the focus, which nobody gives
    # without a window manager.
    screen.xdotool("windowfocus", "--sync", window)
    screen.xdotool("key", "o")
    screen.xdotool("mousedown", "1")
    for at in ("300 200", "350 260", "400 300"):
        screen.xdotool("mousemove", "--window", window, *at.split())
    screen.xdotool("mouseup", "1")
    eventually(lambda: "xlim" in log_of(home), what="the zoom")
    eventually(lambda: screen.count(window, BLUE) != before)
    zoomed = log_of(home).count("xlim")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(2)
    assert log_of(home).count("xlim") == zoomed


@both
def test_frames_take_no_focus(
    backend: str, calculate: Start, screen: Screen, xvfb: str
) -> None:
    """A window that has appeared leaves the keyboard to the others."""
    calculation = calculate(backend)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    other = (
        "import tkinter; root = tkinter.Tk(); root.title('other');"
        "root.geometry('200x100+900+0'); root.mainloop()"
    )
    with start_script(other, name="other.py", env={"DISPLAY": xvfb}):
        window = screen.window("other")
        screen.xdotool("windowfocus", "--sync", window)
        focused = screen.xdotool("getwindowfocus", "-f")
        for number in range(2, 12):
            calculation.do("server.update(x, x)")
            calculation.wait_shown(number)
        calculation.do("server.log(energy=1.0)")  # the strip grows by a row
        screen.wait_for(screen.window("run"), PILLS["running"])
        assert screen.xdotool("getwindowfocus", "-f") == focused


@pytest.mark.parametrize(
    ("backend", "end", "state"),
    [
        ("QtAgg", "", "finished"),
        ("QtAgg", "raise KeyboardInterrupt", "interrupted"),
        ("QtAgg", "os.kill(os.getpid(), signal.SIGKILL)", "lost"),
        ("TkAgg", "os.kill(os.getpid(), signal.SIGKILL)", "lost"),
    ],
)
def test_the_end_is_told_truthfully(
    backend: str, end: str, state: str, calculate: Start, screen: Screen
) -> None:
    """The strip says how the calculation ended, and the last frame stays."""
    calculation = calculate(backend)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    screen.wait_for(window, PILLS["running"])
    if end:
        calculation.do(end, answers=False)
    calculation.end()
    screen.wait_for(window, PILLS[state])
    eventually(lambda: screen.count(window, PILLS["running"]) == 0)
    eventually(lambda: screen.count(window, BLUE) > 100)


@both
def test_the_traceback_is_a_click_away(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """The strip says that it failed; a click there opens a window with all of it."""
    calculation = calculate(backend)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    calculation.do("1 / 0", answers=False)
    calculation.end()
    screen.wait_for(window, PILLS["failed"])
    eventually(lambda: screen.count(window, BLUE) > 100)
    screen.click(window, ALARM)
    assert screen.window("The calculation failed")


def test_a_draw_that_raises_is_told_and_the_next_frame_is_tried(
    calculate: Start, screen: Screen
) -> None:
    """The failure is in the strip and in the calculation's log; the viewer lives."""
    source = WAVE + "        if y[0] < 0: raise ValueError('below zero')\n"
    calculation = calculate("QtAgg", source)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    calculation.do("server.update(x, x - 1)")
    screen.wait_for(window, ALARM)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(3)
    _, logged = calculation.end()
    assert "below zero" in logged and "frame 2" in logged


def test_a_plotter_that_cannot_be_made_says_so_in_its_window(
    calculate: Start, screen: Screen
) -> None:
    """The viewer stays, with the reason; the calculation's log has the traceback."""
    source = """
class Broken(Plotter):
    def __init__(self, figure):
        raise RuntimeError("no such colour map")
    def draw(self, x):
        pass
"""
    calculation = calculate("QtAgg", source, "Broken")
    calculation.do("server.update(x)")
    window = screen.window("run")
    screen.wait_for(window, ALARM)
    eventually(
        lambda: calculation.ask("any('colour map' in r for r in records)") == "True",
        what="the trouble arrives",
    )
    _, logged = calculation.end()
    assert "no such colour map" in logged


def test_after_a_slow_draw_the_newest_frame_is_next(
    calculate: Start, screen: Screen, home: Path
) -> None:
    """Whatever came while a draw was busy is skipped, but for the newest."""
    source = WAVE + (
        "        print('drawing', y[0], time.time(), flush=True)\n"
        "        time.sleep(y[1])\n"
    )
    calculation = calculate("QtAgg", source)

    def age(pause: float) -> float:
        """How old most frames are when they are drawn; 1 is as long as a draw."""
        before = log_of(home).count("drawing")
        while log_of(home).count("drawing") < before + 4:
            calculation.do(
                f"[(server.update(x, [time.time(), {pause}, *x[2:]]),"
                " time.sleep(0.002)) for _ in range(100)]"
            )
        lines = [line for line in log_of(home).splitlines() if "drawing" in line]
        drawn = [line.split() for line in lines[before + 1 : before + 4]]
        return sorted(float(at) - float(made) for _, made, at in drawn)[1] / pause

    # A backlog would make each older by a draw. On a busy machine, the rest of the
    # viewer's work takes long as well.
    best_of((age(pause) for pause in (0.5, 0.5, 1.0, 2.0, 4.0)), 0.8)


@both
def test_a_draw_that_never_returns_is_told(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """The strip goes on counting, and the calculation's log names the line."""
    source = """
class Stuck(Plotter):
    def __init__(self, figure):
        from async_plot.views import overdue, strip
        overdue.HANGING = strip.HANGING = 0.3
        overdue.HUNG = 1.5
    def draw(self, x):
        while True:
            time.sleep(0.01)  # for ever
"""
    calculation = calculate(backend, source, "Stuck")
    window = screen.window("run")
    calculation.do("server.update(x)")
    screen.wait_for(window, WARNING)
    eventually(
        lambda: calculation.ask("any('# for ever' in r for r in records)") == "True",
        what="the trouble arrives",
    )
    _, logged = calculation.end()
    assert "draw has not returned" in logged


def test_windows_of_its_own_have_one_strip(calculate: Start, screen: Screen) -> None:
    """A class that opens pyplot windows gets the strip under the first one."""
    source = """
class Two:
    def __init__(self):
        import matplotlib.pyplot as plt
        self.first = plt.figure("first"); self.one, = plt.plot([], [], lw=6)
        plt.xlim(0, 1); plt.ylim(0, 1)
        self.second = plt.figure("second"); self.two, = plt.plot([], [], lw=6)
        plt.xlim(0, 1); plt.ylim(0, 1)
        plt.show()
    def draw(self, x, y):
        self.one.set_data(x, y)
        self.two.set_data(x, 1 - y)
"""
    calculation = calculate("QtAgg", source, "Two")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    first, second = screen.window("first"), screen.window("second")
    # Without a window manager both lie at one place.
    screen.xdotool("windowmove", second, "800", "0")
    for window in (first, second):
        screen.wait_for(window, BLUE)
    screen.wait_for(first, PILLS["running"])
    assert screen.count(second, PILLS["running"]) == 0
    assert screen.size(first)[1] > screen.size(second)[1]


@both
def test_returned_artists_are_blitted(
    backend: str, calculate: Start, screen: Screen, home: Path
) -> None:
    """The canvas is drawn whole a few times only, and the screen shows the newest."""
    source = """
class Blitted(Plotter):
    def __init__(self, figure):
        self.axes = figure.add_axes([0, 0, 1, 1])
        self.axes.set(xlim=(0, 1), ylim=(0, 1))
        self.line, = self.axes.plot([], [], lw=6)
        figure.canvas.mpl_connect("draw_event", lambda e: print("whole", flush=True))
    def draw(self, x, y):
        self.line.set_data(x, y)
        return [self.line]
"""
    calculation = calculate(backend, source, "Blitted")
    for number in range(1, 31):
        calculation.do(f"server.update(x, 0 * x + {number} / 40)")
        calculation.wait_shown(number)
    assert log_of(home).count("whole") < 10
    window = screen.window("run")
    screen.wait_for(window, BLUE)
    rows = np.argwhere(near(screen.picture(window), BLUE))[:, 0]
    assert 2 < np.ptp(rows) < 12  # one level line, and nothing of those before


@both
def test_closing_the_window_ends_the_viewer(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """It says goodbye and exits with status 0; the calculation goes on."""
    calculation = calculate(backend)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    screen.close(screen.window("run"))
    assert calculation.wait_viewer_gone() == 0
    eventually(lambda: calculation.ask("server.viewers") == "[]")
    calculation.do("server.update(x, x)")


@both
def test_on_exit_close_closes_the_window(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """A launched window that shall not outlive its run does not."""
    calculation = calculate(backend, arguments="Wave, on_exit='close'")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    calculation.end()
    assert calculation.wait_viewer_gone() == 0


def test_a_cut_connection_is_mended(
    calculate: Start, screen: Screen, home: Path
) -> None:
    """The viewer connects again by itself, says what it missed, and frames go on."""
    calculation = calculate("QtAgg")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    before = calculation.ask("[v.address for v in server.viewers]")
    calculation.do(
        "[s.shutdown(2) for s in gc.get_objects() if isinstance(s, socket.socket)"
        " and s.family == socket.AF_INET"
        " and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]"
    )
    eventually(
        lambda: (
            calculation.ask("[v.address for v in server.viewers]") not in (before, "[]")
        ),
        what="another connection",
    )
    calculation.do("server.update(x, x)")
    calculation.wait_shown(2)
    screen.wait_for(screen.window("run"), PILLS["running"])
    eventually(lambda: "s without connection: nothing was missed" in log_of(home))


@pytest.mark.parametrize(
    "option",
    [
        "--pylab",
        # The seed's own use is tested with these two as well.
        pytest.param("--pylab=qt", marks=pytest.mark.slow),
        pytest.param("--matplotlib=qt", marks=pytest.mark.slow),
    ],
)
def test_ipython_shows_the_window(
    option: str, calculate: Start, screen: Screen
) -> None:
    """An interpreter that has chosen its backend already serves as well."""
    client = [sys.executable, "-m", "IPython", "--no-banner", option, "-c"]
    calculation = calculate("", client=client)
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    screen.wait_for(window, PILLS["running"])
    screen.close(window)
    assert calculation.wait_viewer_gone() == 0


@pytest.mark.parametrize("ipython", [False, True])
def test_without_a_display_it_is_drawn_off_screen(
    ipython: bool, calculate: Start
) -> None:
    """Such a viewer says so, draws all the same, and ends with the run."""
    client = [sys.executable, "-m", "IPython", "--pylab", "-c"] if ipython else None
    calculation = calculate("", client=client, display=False)
    assert calculation.ask("server.viewers[0].view") == "off-screen"
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    calculation.end()
    assert calculation.wait_viewer_gone() == 0


@both
def test_a_stall_is_shown_until_it_is_over(
    backend: str, calculate: Start, screen: Screen
) -> None:
    """In the colour of the state, with the place; a click shows the stacks."""
    calculation = calculate(backend, WAVE, "Wave, stalled_after=1")
    calculation.do("server.update(x, x)")
    calculation.wait_shown(1)
    window = screen.window("run")
    screen.wait_for(window, PILLS["stalled"])
    screen.click(window, ALARM)
    screen.window("No sign of life")
    calculation.do(
        "go_on = lambda: [(server.update(x, x), time.sleep(0.1)) for _ in range(600)];"
        "threading.Thread(target=go_on, daemon=True).start()"
    )
    screen.wait_for(window, PILLS["running"])
    screen.wait_for(window, WARNING)
