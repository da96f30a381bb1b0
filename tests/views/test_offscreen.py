"""Drawing without a screen: frames counted, pictures whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from async_plot import Client, Plotter, Server
from async_plot.views import offscreen
from async_plot.views.inbox import Inbox
from async_plot.views.reload import PlotterFile
from async_plot.wire.messages import Steering

from ..helpers import AMPLE, eventually

X = np.linspace(0, 1, 50)


class Line(Plotter):
    def __init__(self, figure: Figure) -> None:
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, 1), ylim=(0, 1))
        (self.line,) = self.axes.plot([], [], lw=6)

    def draw(self, y: Any) -> None:
        if y[0] < 0:
            raise ValueError("below zero")
        self.line.set_data(X, y)


class Drawing(threading.Thread):
    """A viewer in a thread; its result, or what it raised."""

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(daemon=True)
        self.drawn: list[int] = []
        self.result: Any = None
        self._client = Client(server)
        self._options = options
        self.start()

    def run(self) -> None:
        try:
            self.result = offscreen.run(
                self._client,
                on_drawn=lambda name, number: self.drawn.append(number),
                **self._options,
            )
        except Exception as error:
            self.result = error

    def end(self) -> Any:
        self.join(AMPLE)
        return self.result


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    yield
    plt.close("all")


def level(path: Path) -> float:
    """Height of the line in a picture, 0 to 1."""
    pixels = imread(path)[..., :3]
    rows = np.argwhere((abs(pixels - np.array([31, 119, 180]) / 255) < 0.02).all(-1))
    # An empty picture may be written before the first frame is there.
    return float(1 - rows[:, 0].mean() / len(pixels)) if len(rows) else float("nan")


def update_until(server: Server, done: Any, *arguments: Any) -> None:
    """Call update until something is so; frames are taken by calls only."""

    def step() -> Any:
        server.update(*arguments)
        return done()

    eventually(step)


def test_a_run_is_drawn_until_its_end(tmp_path: Path) -> None:
    """The last frame is in the picture, and what was drawn is counted."""
    picture = tmp_path / "run.png"
    with Server(Line, view=None, overhead=1) as server:
        drawing = Drawing(server, save=picture)
        update_until(server, lambda: len(drawing.drawn) >= 3, X * 0 + 0.2)
        assert server.viewers[0].view == "off-screen"
        server.update(X * 0 + 0.7)
    assert drawing.end() == len(drawing.drawn) >= 4
    assert level(picture) == pytest.approx(0.7, abs=0.01)
    assert [path.name for path in tmp_path.glob("*.png")] == ["run.png"]


def test_the_picture_grows_while_the_run_goes_on(tmp_path: Path) -> None:
    """It is written at most once a second, and never seen half written."""
    picture = tmp_path / "run.png"
    with Server(Line, view=None, overhead=1) as server:
        drawing = Drawing(server, save=picture)
        update_until(server, lambda: picture.exists() and drawing.drawn, X * 0 + 0.5)
        first = picture.stat().st_mtime_ns

        def written() -> bool:
            imread(picture)  # whole at every moment
            return picture.stat().st_mtime_ns != first

        update_until(server, written, X * 0 + 0.5)
        assert picture.stat().st_mtime_ns - first > 0.9e9
    drawing.end()


def test_several_figures_have_a_picture_each(tmp_path: Path) -> None:
    """Named after the plotters."""
    with Server({"a": Line, "b": Line}, view=None) as server:
        server["a"].update(X * 0 + 0.2)
        server["b"].update(X * 0 + 0.8)
    assert offscreen.run(Client(server), save=tmp_path / "run.png") == 2
    assert level(tmp_path / "run-a.png") == pytest.approx(0.2, abs=0.01)
    assert level(tmp_path / "run-b.png") == pytest.approx(0.8, abs=0.01)


def test_a_run_that_is_over_is_drawn_from_its_record(tmp_path: Path) -> None:
    """With the plotter that it had, or with another one."""
    with Server(Line, view=None) as server:
        server.update(X * 0 + 0.3)

    class Other(Line):
        def draw(self, y: Any) -> None:
            super().draw(1 - y)

    for plotter, expected in ((None, 0.3), (Other, 0.7)):
        picture = tmp_path / f"{expected}.png"
        assert offscreen.run(Client(server), plotter=plotter, save=picture) == 1
        assert level(picture) == pytest.approx(expected, abs=0.01)


def test_logged_scalars_are_drawn_without_a_frame(tmp_path: Path) -> None:
    """As lines, by the ready-made plotter."""
    with Server(view=None) as server:
        for step in range(5):
            server.log(step, energy=step**2)
    picture = tmp_path / "run.png"
    offscreen.run(Client(server), save=picture)
    blue = abs(imread(picture)[..., :3] - np.array([31, 119, 180]) / 255) < 0.1
    assert blue.all(-1).sum() > 100


def test_histories_that_grow_are_drawn_again(tmp_path: Path) -> None:
    """Each point that is logged while a viewer looks shows in its picture."""
    picture = tmp_path / "run.png"
    with Server(view=None) as server:
        server.log(0, energy=0.0)
        drawing = Drawing(server, save=picture)
        eventually(picture.exists)
        first = picture.read_bytes()
        server.log(1, energy=5.0)
        eventually(lambda: picture.read_bytes() != first)
    assert drawing.end() == 0


def test_a_draw_that_raises_is_told_and_the_next_frame_is_tried(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The calculation's log has the traceback once."""
    with Server(Line, view=None, overhead=1) as server:
        drawing = Drawing(server)
        update_until(server, lambda: len(drawing.drawn) >= 3, X - 1)
        update_until(server, lambda: server.viewers[0].shown, X)
    assert drawing.end() < len(drawing.drawn)
    assert "below zero" in capsys.readouterr().out
    assert caplog.text.count("ValueError: below zero") == 1


def test_a_class_from_a_file_is_replaced_while_it_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with it is said with its line, and the one before draws on."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    path, picture = tmp_path / "levels.py", tmp_path / "x.png"

    def write(low: float) -> None:
        source = f"""
class Level:
    def __init__(self, figure):
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, 1), ylim=({low}, 1))
        self.line, = self.axes.plot([], [], lw=6)
    def draw(self, y):
        self.line.set_data([0, 1], [y[0]] * 2)
"""
        path.write_text(source)

    def shows(height: float) -> bool:
        return picture.exists() and abs(level(picture) - height) < 0.02

    write(0)
    file = PlotterFile(path, "Level")
    file.load()
    with Server(Line, view=None, overhead=1) as server:
        server.update(0 * X + 0.5)
        drawing = Drawing(server, files={"": file}, save=picture)
        eventually(lambda: shows(0.5))
        write(-1)
        eventually(lambda: shows(0.75))  # of the newest frame, though none came
        path.write_text(path.read_text() + "    def more(self:")
        said = ""

        def told() -> bool:
            nonlocal said
            said += capsys.readouterr().out
            return "levels.py line 9: SyntaxError" in said

        eventually(told)
        update_until(server, lambda: shows(0.9), 0 * X + 0.8)
        write(0)
        eventually(lambda: shows(0.8))
        server.close()
        assert drawing.end() > 1
    sys.modules.pop("_plotter_levels")


def test_frames_are_asked_for_at_the_given_rate() -> None:
    """Ten a second are ten a second; what a slow first drawing lost is caught up."""
    import time

    times: list[float] = []
    with Server(Line, view=None, overhead=1) as server:
        drawing = Drawing(server, max_rate=10.0)
        update_until(
            server,
            lambda: (
                (len(drawing.drawn) > len(times) and times.append(time.monotonic()))
                or len(times) >= 12
            ),
            X,
        )
    drawing.end()
    assert times[-1] - times[0] > 0.7


@pytest.mark.parametrize(
    ("name", "error"),
    [("missing/run.png", FileNotFoundError), ("run.docx", ValueError)],
)
def test_a_picture_that_cannot_be_written_is_refused_at_once(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    """Before anything is drawn."""
    with Server(Line, view=None) as server:
        server.update(X)
    with pytest.raises(error):
        offscreen.run(Client(server), save=tmp_path / name)


def test_a_full_disk_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is drawn to its end, and no temporary file stays."""

    def full(self: Figure, path: Path, **options: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with Server(Line, view=None) as server:
        server.update(X)
    assert offscreen.run(Client(server), save=tmp_path / "run.png") == 1
    assert capsys.readouterr().out.count("No space left") == 1
    assert not list(tmp_path.glob("*run.png*"))


def test_a_stall_is_told_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One when it is noticed, and one when it is over."""
    with Server(Line, view=None, stalled_after=0.2) as server:
        server.update(0 * X)
        drawing = Drawing(server)
        told: list[str] = []

        def lines(word: str) -> bool:
            told.extend(capsys.readouterr().out.splitlines())
            return any(word in line for line in told)

        eventually(lambda: lines("no sign of life"))
        server.update(0 * X)
        eventually(lambda: lines("the run goes on"))
    drawing.end()
    words = [word for line in told for word in ("no sign", "goes on") if word in line]
    assert words[:2] == ["no sign", "goes on"]  # soon it may stall once more


def test_a_plotter_that_never_draws_makes_nobody_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no picture of it to write; the view waits for the next frame."""
    waits: list[float] = []

    class Counting(Inbox):
        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            return super().wait(seconds)

    monkeypatch.setattr(offscreen, "Inbox", Counting)
    monkeypatch.setattr(offscreen, "SAVE_EVERY", 0.0)
    with Server(Line, view=None, overhead=1) as server:
        drawing = Drawing(server, save=tmp_path / "run.png")
        update_until(server, lambda: drawing.drawn, X - 1)
        eventually(lambda: waits[-1] > 0.1)
    assert drawing.end() == 0


def test_a_pause_is_told_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    """With who asked for it; and that it goes on."""
    said = ""

    def hears(words: str) -> bool:
        nonlocal said
        said += capfd.readouterr().out
        return words in said

    with Server(Line, view=None) as server:
        server.update(X)
        drawing = Drawing(server)
        pilot = Client(server, control=True, view="program")
        states = (m.state for m in pilot.messages() if isinstance(m, Steering))
        next(states)
        for action, words in (("pause", "paus"), ("resume", "the run is going on")):
            assert pilot.steer(action)
            eventually(partial(hears, words), what=words)
        pilot.close()
    drawing.end()
    assert "async_plot: the run is pausing by " in said
