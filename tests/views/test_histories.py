"""Logged scalars that grow while a view looks at them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from async_plot import Client, Server
from async_plot.net import runs
from async_plot.views import figure, offscreen

from ..helpers import AMPLE, eventually, run_script

ROUNDS = 5

SCRIPT = """
import sys, time
from async_plot import Server
with Server(client_cmd=[sys.executable, "-c"], wait_for_client=120, on_exit="close",
            name="growing") as server:
    for step in range(75):
        server.log(step, energy=step, residual=-step)
        time.sleep(0.02)
"""


def test_off_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off-screen, every growth of a history is drawn, up to the whole of it."""
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(
        figure.Painter,
        "draw_histories",
        lambda self, histories: drawn.append(dict(histories)),
    )
    with Server(view=None) as server:
        server.log(0, energy=0.0)
        viewer = threading.Thread(target=offscreen.run, args=[Client(server)])
        viewer.start()
        for step in range(1, ROUNDS):
            eventually(lambda n=step: drawn and len(drawn[-1]["energy"][0]) == n)
            server.log(step, energy=float(step))
    viewer.join(AMPLE)
    assert not viewer.is_alive()
    steps, values = drawn[-1]["energy"]
    assert (list(steps), list(values)) == ([*range(ROUNDS)], [*range(ROUNDS)])


def test_window(xvfb: str) -> None:
    """In a window, histories that grow make no trouble in the viewer."""
    run_script(SCRIPT, env={"DISPLAY": xvfb, "MPLBACKEND": "qtagg"})
    run = runs.find("growing")
    assert run.state == "finished"
    assert run.client_log.read_text() == ""
