"""The demo: its physics, its plot, and what it says at the end."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from async_plot import demo
from async_plot.demo import DoubleSlit, Wave, summary
from async_plot.net.statistics import Statistics

from .helpers import (
    AMPLE,
    end_processes,
    eventually,
    processes,
    run_script,
    start_script,
)

# A viewer is nice to all others: on a busy machine its start takes long.
RUN = """
import sys
from async_plot import demo
from async_plot.cli import main
demo.OPENING = 120.0
sys.exit(main())
"""


def statistics(**changes: float) -> Statistics:
    given = {
        "updates": 1000,
        "snapshots": 90,
        "sent": 80,
        "refused": 0,
        "overhead": 0.0042,
        "kernel_time": 0.0,
        "sent_bytes": 0,
        "elapsed": 30.04,
    }
    return Statistics(**{**given, **changes})


# -- physics -----------------------------------------------------------------------


def test_the_wave_moves_at_its_group_velocity() -> None:
    """The packet's centre moves by momentum times time, and nothing is lost."""
    wave = Wave()
    columns = np.arange(wave.psi.shape[1])

    def centre() -> float:
        return float(np.sum(np.abs(wave.psi) ** 2 * columns))

    begun = centre()
    for _ in range(20):
        wave.advance(0.5)
    assert centre() - begun == pytest.approx(10 * wave.momentum, rel=0.02)
    assert np.sum(np.abs(wave.psi) ** 2) == pytest.approx(1, abs=1e-3)


def test_the_step_does_not_matter() -> None:
    """A tenth of the longest step gives the same wave, as far as an eye can tell."""
    coarse, fine = Wave(), Wave()
    for _ in range(15):
        coarse.advance(Wave.LONGEST_STEP)
    for _ in range(150):
        fine.advance(Wave.LONGEST_STEP / 10)
    assert coarse.time == pytest.approx(fine.time)
    overlap = np.vdot(coarse.psi, fine.psi)
    assert abs(overlap) == pytest.approx(np.sum(np.abs(fine.psi) ** 2), rel=0.02)


def test_two_slits_interfere() -> None:
    """Fringes stand on the screen, where the slits' distance puts them.

    The minima of first order are where the paths differ by half a wavelength.
    """
    wave = Wave()
    while wave.time < wave.END:
        wave.advance(Wave.LONGEST_STEP)
    screen = wave.screen
    assert 0.05 < screen.sum() < 0.4
    assert np.allclose(screen, screen[::-1], atol=1e-3 * screen.max())
    middle = (len(screen) - 1) / 2
    slits = [np.mean(slit) - 0.5 - middle for slit in Wave.SLITS]
    away = Wave.SCREEN - Wave.WALL[1]
    rows = np.arange(len(screen)) - middle
    paths = [np.hypot(away, rows - slit) for slit in slits]
    half = np.argmin(np.abs(paths[0] - paths[1] - Wave.WAVELENGTH / 2))
    lower = np.argmin(np.where((rows > 8) & (rows < 48), screen, np.inf))
    assert abs(lower - half) <= 4
    assert screen[lower] < 0.15 * screen.max()


@pytest.mark.parametrize("cost", [0.001, 0.01, 0.1])
def test_a_crossing_takes_the_time_it_is_given(
    cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a step costs; told by a clock of the test's own."""
    now = 0.0

    class Timed(Wave):
        def advance(self, step: float) -> None:
            nonlocal now
            now += cost
            self.time += step

    monkeypatch.setattr(demo, "time", Mock(monotonic=lambda: now))
    wave = Timed()
    steps = sum(1 for _ in wave.crossing(20.0))
    assert 19 < now < 24 + 2 * cost
    assert steps > 100
    assert wave.time >= wave.END or now > 23


# -- plot --------------------------------------------------------------------------


@pytest.fixture
def figure() -> Figure:
    made = Figure(figsize=(6, 4))
    FigureCanvasAgg(made)
    return made


def pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_the_plot_shows_the_wave(figure: Figure) -> None:
    """Where the wave is, the picture is bright and coloured; elsewhere it is dark."""
    plot, wave = DoubleSlit(figure), Wave()
    empty = pixels(figure)
    artists = plot.draw(wave.psi, wave.screen, wave.time)
    full = pixels(figure)
    changed = np.abs(full - empty).sum(axis=2) > 60
    rows, columns = changed.shape
    wave_there, beyond = changed[rows // 8 :, : columns // 2], columns * 2 // 3
    assert 0.1 < wave_there.mean() < 0.5
    assert not changed[rows // 8 :, columns // 2 : beyond].any(), (
        "it starts at the left"
    )
    assert plot.image in artists and plot.curve in artists


def test_the_plot_takes_a_wave_that_is_nowhere(figure: Figure) -> None:
    """A wave of zeros, as none should be, is drawn without a warning."""
    plot = DoubleSlit(figure)
    plot.draw(np.zeros((256, 384), complex), np.zeros(256), 0.0)
    assert np.isfinite(plot.peak)


# -- what it says ------------------------------------------------------------------


def test_the_line_says_what_was_seen_and_what_it_cost() -> None:
    """One line names frames, updates, seconds and the cost in percent."""
    line = summary(statistics(), save=Path("x.png"))
    assert "80 of 1000 updates" in line and "30.0 s" in line
    assert "0.42 %" in line and "x.png" in line and "\n" not in line


def test_the_line_names_trouble_instead_of_a_picture() -> None:
    """A picture that was not drawn is not promised."""
    line = summary(statistics(sent=0), save=Path("x.png"), trouble="no view opened")
    assert "no view opened" in line and "x.png" not in line
    assert summary(statistics(), interrupted=True).startswith("interrupted")


# -- the whole ---------------------------------------------------------------------


def test_without_a_display_the_demo_draws_a_picture(tmp_path: Path) -> None:
    """Headless, the last frame of the run is drawn into a file by another process."""
    done = run_script(RUN, "demo", "--seconds", "1")
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert line.endswith("the last one is in async-plot-demo.png")
    shown = int(line.split()[0])
    assert shown >= 2
    picture = image.imread(tmp_path / "async-plot-demo.png")
    assert picture[..., :3].max() > 0.6 and picture[..., :3].std() > 0.05


def test_with_a_display_the_demo_opens_a_window(xvfb: str) -> None:
    """With a display, frames are shown in a window, which stays open at the end."""
    env = {"DISPLAY": xvfb}
    done = run_script(RUN, "demo", "--seconds", "1", env=env)
    (line,) = done.stdout.splitlines()
    assert int(line.split()[0]) >= 2 and "watching cost" in line
    assert "png" not in line
    assert len(processes()) == 1
    end_processes()


def test_a_window_that_does_not_open_becomes_a_picture(xvfb: str) -> None:
    """Where a toolkit is installed but does not work, the picture is drawn instead."""
    env = {"DISPLAY": xvfb, "QT_QPA_PLATFORM": "nonsense"}
    done = run_script(RUN, "demo", "--seconds", "1", env=env)
    assert "going on without a viewer" in done.stderr
    assert done.stdout.strip().endswith("the last one is in async-plot-demo.png")


def test_ctrl_c_in_the_demo_leaves_cleanly(tmp_path: Path) -> None:
    """Ctrl-C ends the demo with its line, its picture and no traceback."""
    from async_plot.net import runs

    with start_script(RUN, "demo", "--seconds", "60") as demo:

        def running() -> bool:
            return any(
                run.alive and (run.directory / "view.log").exists()
                for run in runs.list_runs()
            )

        eventually(running, what="the run")
        eventually(lambda: len(processes()) >= 2, what="the viewer")
        os.kill(demo.pid, signal.SIGINT)
        out, err = demo.communicate(timeout=AMPLE)
    assert demo.returncode == 130
    assert err == "" and out.startswith("interrupted") and len(out.splitlines()) == 1
    eventually(lambda: not processes(), what="the end of the viewer")


def test_a_viewer_that_fails_is_reported(tmp_path: Path) -> None:
    """If the picture cannot be written, the demo says so and ends with status 1."""
    target = str(tmp_path / "absent" / "x.png")
    arguments = ["demo", "--seconds", "1", "--save", target]
    done = run_script(RUN, *arguments, check=False)
    assert done.returncode == 1
    assert "the viewer ended with 1" in done.stdout and target not in done.stdout
