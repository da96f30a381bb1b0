"""``async-plot view`` in real windows: several of one run, and another plotter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from async_plot import Plotter, Server, cli

from ..helpers import AMPLE, ROOT, eventually
from ..views.conftest import ALARM, PILLS, Screen

RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

MARKS = """
class Marks:
    def __init__(self, figure):
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_facecolor("{colour}")
    def draw(self, y):
        self.axes.set_title(str(y[0]))
"""


class Wave(Plotter):
    def __init__(self, figure) -> None:
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_facecolor("blue")

    def draw(self, y) -> None:
        self.axes.set_title(str(y[0]))


@pytest.fixture
def screen(xvfb: str, framebuffer: Path) -> Screen:
    return Screen(xvfb, framebuffer)


@contextmanager
def viewing(screen: Screen, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``async-plot view`` with these arguments; it is ended at the exit."""
    with subprocess.Popen(
        [sys.executable, "-m", "async_plot", "view", *arguments],
        env={**screen.env, "PYTHONPATH": str(ROOT), "MPLBACKEND": "QtAgg"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def frames(server: Server) -> list[int]:
    """Frames sent to each viewer, in the order in which they came."""
    viewers = sorted(server.viewers, key=lambda viewer: viewer.since)
    return [viewer.frames for viewer in viewers]


def test_a_second_window_has_its_own_class_rate_and_title(
    screen: Screen, tmp_path: Path
) -> None:
    """Its class can be changed while it draws; the first one goes on as it was."""
    path = tmp_path / "marks.py"
    path.write_text(MARKS.format(colour="red"))
    y = np.zeros(3)
    with (
        Server(Wave, view=None, overhead=1, name="run") as server,
        viewing(screen) as plain,
    ):
        server.update(y)
        first = screen.window("run: Wave")
        screen.wait_for(first, BLUE)
        given = f"{path}:Marks"
        with viewing(screen, "run", "--plotter", given, "--max-rate", "2") as other:
            second = screen.window(r"run: Marks \(2\)")
            screen.wait_for(second, RED)
            assert first not in screen.windows("run: Marks")
            screen.xdotool("windowsize", "--sync", second, "500", "400")
            size = screen.size(second)
            # Written by renaming, as editors do.
            swap = path.with_suffix(".swp")
            swap.write_text(MARKS.format(colour="lime"))
            os.replace(swap, path)
            screen.wait_for(second, LIME)
            assert screen.size(second) == size
            path.write_text(MARKS.format(colour="red") + "        1 / 0")
            screen.wait_for(second, ALARM)
            assert screen.count(second, LIME) and not screen.count(second, RED)
            path.write_text(MARKS.format(colour="red"))
            screen.wait_for(second, RED)
            eventually(lambda: not screen.count(second, ALARM))
            screen.wait_for(second, PILLS["running"])
            # Both follow, and the second one at its own rate.
            begun, before = time.monotonic(), frames(server)

            def gained() -> list[int]:
                server.update(y)
                return [n - m for n, m in zip(frames(server), before, strict=True)]

            eventually(lambda: min(gained()) >= 3)
            assert gained()[1] <= 2 * (time.monotonic() - begun) + 2
            screen.close(second)
            assert other.wait(AMPLE) == 0
            said = other.stdout.read()
            assert "marks.py line 8: ZeroDivisionError" in said
        screen.close(first)
        assert plain.wait(AMPLE) == 0
        server.update(y)


def test_each_of_several_plotters_can_have_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name; a name that the run has not, or one given twice, is misuse."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "a=b.py"  # a file is a file, whatever its name
    path.write_text(MARKS.format(colour="lime"))
    with Server({"a": Wave, "b": Wave}, view=None, name="run") as server:
        server["a"].update(np.zeros(3))
        server["b"].update(np.zeros(3))

    def view(*given: str) -> int:
        options = [word for each in given for word in ("--plotter", each)]
        return cli.main(["view", "run", "--save", str(tmp_path / "x.png"), *options])

    def lime(name: str) -> bool:
        pixels = imread(tmp_path / f"x-{name}.png")[..., :3]
        return bool((pixels == [0, 1, 0]).all(-1).mean() > 0.5)

    assert view(f"b={path}:Marks") == 0
    assert [lime(name) for name in "ab"] == [False, True]
    assert view(f"{path}:Marks") == 0
    assert [lime(name) for name in "ab"] == [True, True]
    assert view(f"c={path}:Marks") == 2
    assert "no plotter 'c' in this run; it has 'a', 'b'" in capsys.readouterr().err
    assert view(f"b={path}:Marks", f"b={path}:Marks") == 2
    assert "given for 'b' twice" in capsys.readouterr().err
    for name in [name for name in sys.modules if name.startswith("_plotter_")]:
        del sys.modules[name]
