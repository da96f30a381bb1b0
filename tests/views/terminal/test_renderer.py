"""The process that draws for a terminal, as the view has it."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from matplotlib.figure import Figure
from PIL import Image

from async_plot import Client, Plotter, Server
from async_plot.plotter import ByShape
from async_plot.views.inbox import Inbox
from async_plot.views.terminal.easel import Easel
from async_plot.views.terminal.mosaic import unpacked
from async_plot.wire.messages import Drawn, PlotterCode, Welcome

from ...helpers import AMPLE, Deadline, eventually
from ...wire.samples import SAMPLES
from .answering import sixels

GREEN = (0, 255, 0)


class Ground(Plotter):
    """Fills its figure, and does what it is told."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        figure.text(0.5, 0.5, "hello", ha="center")
        print("out of the plotter", flush=True)

    def draw(self, what: str) -> None:
        if what == "fail":
            raise ValueError("told to")
        if what == "hang":
            time.sleep(AMPLE)
        if what == "crash":
            os._exit(7)
        self.figure.set_facecolor("#00ff00")


class View:
    """A view's end of an easel, without a terminal."""

    def __init__(self, server: Server, *how: Any) -> None:
        self.inbox = Inbox(Client(server))
        assert self.inbox.wait_for_plotters(AMPLE)
        self.easel = Easel(self.inbox, *how)
        self.drawn: list[Drawn] = []

    def look(self, form: str = "quarters", picture: int = 0) -> int:
        size: dict[str, Any] = {"columns": 40, "rows": 10, "width": 10, "height": 20}
        return self.easel.look(form=form, picture=picture, colours=256, **size)

    def wait(self, wanted: Callable[[Drawn], bool], what: str) -> Drawn:
        """Wait until something like this was drawn or said."""
        deadline = Deadline(AMPLE)
        while True:
            self.inbox.clear()
            self.easel.feed()
            for drawn in self.easel.take():
                self.drawn.append(drawn)
                if drawn.buffers and not wanted(drawn):
                    self.easel.look(**self.again(drawn))
                if wanted(drawn):
                    return drawn
            deadline.check(f"{what}; {self.easel.ended} {self.drawn[-1:]}")
            self.inbox.wait(0.02)

    @staticmethod
    def again(drawn: Drawn) -> dict[str, Any]:
        return {
            **{"picture": drawn.picture, "columns": drawn.columns, "rows": drawn.rows},
            **{"width": 10, "height": 20, "form": drawn.form, "colours": 256},
        }

    def close(self) -> None:
        self.easel.close()
        self.inbox.close("test")


@pytest.fixture
def views() -> Iterator[list[View]]:
    made: list[View] = []
    yield made
    for view in made:
        view.close()


def test_a_figure_in_every_form(views: list[View]) -> None:
    """The newest frame of the run's own plotter, as characters and as pixels."""
    with Server(Ground, view=None, overhead=1) as server:
        server.update("fill")
        views.append(view := View(server, "#102030", "#eeeeee"))
        view.look()
        drawn = view.wait(lambda d: bool(d.buffers) and d.frame == 1, "a picture")
        assert (drawn.title, drawn.picture, drawn.count) == ("Ground", 0, 1)
        cells = unpacked(drawn.buffers[0], drawn.columns, drawn.rows)
        assert tuple(cells[0, 0]["ground"].tolist()) == GREEN
        assert "hello" in "".join(map(chr, cells["character"].ravel()))
        number = view.look("kitty")
        drawn = view.wait(lambda d: d.look == number, "a file")
        with Image.open(io.BytesIO(drawn.buffers[0])) as image:
            assert image.size == (400, 200)
            assert image.getpixel((0, 0)) == GREEN
            assert (238, 238, 238) in [pixel for _, pixel in image.getcolors(1 << 20)]
        number = view.look("sixel")
        drawn = view.wait(lambda d: d.look == number, "sixels")
        pixels = sixels(bytes(drawn.buffers[0]))
        assert pixels.shape == (198, 400, 3)  # whole lines of sixels
        assert tuple(pixels[0, 0].tolist()) == GREEN
        assert (abs(pixels.astype(int) - GREEN).sum(axis=2) > 300).sum() > 50
        assert psutil.Process(view.easel.pid).nice() >= 10
        view.look("sixel")  # it has room for another one
        eventually(lambda: server.viewers[0].shown == 1, what="the run is told")


def test_a_plotter_that_fails_and_one_that_goes_on(views: list[View]) -> None:
    """It is told with its frame, also to the run; the next frame is drawn."""
    with Server(Ground, view=None, overhead=1) as server:
        server.update("fail")
        views.append(view := View(server))
        view.look()
        told = view.wait(lambda d: bool(d.failure), "the failure")
        assert told.failure == "the plotter failed at frame 1: ValueError: told to"
        assert "told to" in told.details and "in draw" in told.details
        server.update("fill")
        view.look()
        told = view.wait(lambda d: d.frame == 2 and bool(d.buffers), "the next frame")
        assert not told.failure


def test_one_that_hangs_and_one_that_crashes(views: list[View]) -> None:
    """It is told while it hangs, ended at once, and begun anew with what was known."""
    with Server(Ground, view=None, overhead=1) as server:
        server.update("hang")
        views.append(view := View(server))
        view.look()
        told = view.wait(lambda d: d.drawing == 1, "that it is being drawn")
        assert not told.buffers
        assert view.easel.waiting
        pid = view.easel.pid
        view.easel = view.easel.begin_anew(Easel)
        assert not psutil.pid_exists(pid)
        view.look()
        view.wait(lambda d: d.drawing == 1, "the same frame by another process")
        view.easel.close()
        view.easel = Easel(view.inbox)
        server.update("crash")
        view.inbox.client.ready("", 1)
        view.look()

        def gone() -> str:
            view.easel.feed()
            return view.easel.ended

        ended = eventually(gone, what="the end of the process")
        assert ended == "what draws it ended with exit status 7"


def test_what_cannot_be_loaded_is_drawn_by_shape(views: list[View]) -> None:
    """A plotter of another Python is told in words, and the data are seen."""
    with Server(Ground, view=None, overhead=1) as server:
        server.update([1.0, 2.0, 3.0])
        view = View.__new__(View)
        view.inbox, view.drawn = Inbox(Client(server)), []
        assert view.inbox.wait_for_plotters(AMPLE)
        code = view.inbox.codes[""]
        view.inbox.codes[""] = PlotterCode("", code.title, [3, 3], code.buffers)
        view.easel = Easel(view.inbox)
        views.append(view)
        view.look()
        drawn = view.wait(lambda d: d.frame == 1 and bool(d.buffers), "the vector")
        assert drawn.note.startswith(
            "drawn by shape: plotter Ground was sent by Python 3.3"
        )
        cells = unpacked(drawn.buffers[0], drawn.columns, drawn.rows)
        assert "2" in "".join(map(chr, cells["character"].ravel()))
        assert not drawn.failure


def test_several_plotters_are_stepped_through(views: list[View]) -> None:
    """Only the one that is looked at is drawn; the others are when it is their turn."""
    with Server({"a": Ground, "b": ByShape}, view=None, overhead=1) as server:
        server["a"].update("fill")
        server["b"].update(np.arange(4.0))
        views.append(view := View(server))
        view.look(picture=1)
        drawn = view.wait(lambda d: bool(d.buffers) and d.frame == 1, "the second")
        assert (drawn.title, drawn.picture, drawn.count) == ("b", 1, 2)
        view.look(picture=2)
        drawn = view.wait(lambda d: d.picture == 0 and bool(d.buffers), "the first")
        assert drawn.title == "a"


def test_the_end_of_the_view_is_its_end(views: list[View]) -> None:
    """Whatever it is about: nobody sees what it draws."""
    with Server(Ground, view=None, overhead=1) as server:
        server.update("hang")
        views.append(view := View(server))
        view.look()
        view.wait(lambda d: d.drawing == 1, "that it hangs")
        process: Any = view.easel._process
        # As when the view is killed: nobody ends this process.
        view.easel._closed = True
        process.stdin.close()
        assert process.wait(AMPLE) == 0


def test_one_that_was_stopped_is_not_told_ever_more() -> None:
    """What it is told waits in the view, which would grow with every second."""
    welcome = replace(SAMPLES[Welcome], plotters=[""])
    long = np.zeros(1 << 20)  # more than a pipe holds
    inbox: Any = SimpleNamespace(
        **{"welcome": welcome, "ready": True, "codes": {"": PlotterCode("", "", [])}},
        **{"histories": {"loss": (long, long)}, "extended": 0, "client": None},
        **{"frames": {}, "mid_step": {}},
    )
    now = 0.0
    easel = Easel(inbox, clock=lambda: now)
    try:
        psutil.Process(easel.pid).suspend()
        for _ in range(20):
            now += 2.0
            inbox.extended += 1
            easel.feed()
        assert len(easel._to_say) <= 3
    finally:
        easel.close()
