"""Runs that are over before their viewer can be there: it is told all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from async_plot.net import runs

from ..helpers import eventually, processes, run_script

_SCRIPT = """
import sys, time
from async_plot import Plotter, Server

class Short(Plotter):
    def __init__(self, figure):
        self.axes = figure.subplots()

    def draw(self, x, where):
        self.axes.set_title(str(x))
        with open(where, "a") as file:
            file.write(f"{x}\\n")

start = time.monotonic()
with Server(Short, client_cmd=[sys.executable, "-c"], name="short") as server:
    x = 0
    while not x or time.monotonic() < start + LASTS:
        x += 1
        server.update(x, sys.argv[1])
        time.sleep(0.001)
print(x)
"""


@pytest.mark.parametrize("lasts", [0.0, 0.2])
def test_a_run_of_a_moment_still_gets_its_view(lasts: float, tmp_path: Path) -> None:
    """The launched viewer finds run, plotter and last frame in the record."""
    drawn = tmp_path / "drawn"
    result = run_script(
        _SCRIPT.replace("LASTS", str(lasts)), str(drawn), env={"MPLBACKEND": "agg"}
    )
    last = result.stdout.strip()
    assert result.stderr == ""
    eventually(
        lambda: drawn.exists() and drawn.read_text().splitlines()[-1:] == [last],
        what="the last frame is drawn",
    )
    eventually(lambda: not processes(), what="a view without a window ends")
    [run] = runs.list_runs()
    assert "Traceback" not in run.client_log.read_text()
