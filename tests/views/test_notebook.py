"""The renderer of a notebook: what it says, when, and when it ends."""

from __future__ import annotations

import io
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from matplotlib.figure import Figure
from PIL import Image

from async_plot import Plotter, Server
from async_plot.net import inline, launch
from async_plot.views import notebook
from async_plot.wire import framing
from async_plot.wire.messages import FROM_RENDERER, Picture, Words

from ..helpers import AMPLE, Deadline, eventually


class Loud(Plotter):
    """Prints, asks for input, and has a figure of many pixels."""

    def __init__(self, figure: Figure) -> None:
        print("out of the plotter", flush=True)
        print(repr(sys.stdin.read()), flush=True)
        figure.set_size_inches(30, 20)
        (self.line,) = figure.subplots().plot([], [])

    def draw(self, x: Any) -> None:
        if x[0] < 0:
            raise ValueError("below zero")
        self.line.set_data(x, x)


class Renderer:
    """The kernel's end of the pipes."""

    def __init__(self, server: Server, log: Path) -> None:
        assert server.connection_file is not None
        self.process = launch.Launched(
            [sys.executable, "-c"],
            server.connection_file,
            log,
            main=inline.MAIN,
            talks=True,
        )
        self._reader = framing.Reader(FROM_RENDERER, framing.FROM_RENDERER_LIMITS)
        self._begun = False

    def ask(self) -> None:
        self.process.say(b"+")

    def says_something(self, seconds: float) -> bool:
        return bool(select.select([self.process.output], [], [], seconds)[0])

    def batch(self) -> tuple[list[Picture], Words]:
        """Ask for one, and wait for it."""
        self.ask()
        pictures: list[Picture] = []
        deadline = Deadline(AMPLE)
        while True:
            deadline.check("a batch")
            assert self.says_something(deadline.left)
            if not self._begun:
                self._begun = True
                begin = memoryview(bytearray(len(notebook.MAGIC)))
                assert self.process.read_into(begin) == len(begin)
                assert bytes(begin) == notebook.MAGIC
                continue
            buffer = self._reader.get_buffer()
            count = self.process.read_into(buffer)
            assert count, self.process.ended()
            for message in self._reader.received(count):
                if isinstance(message, Words):
                    return pictures, message
                assert isinstance(message, Picture)
                pictures.append(message)

    def gone(self) -> bool:
        return bool(self.process.ended()) or not psutil.pid_exists(self.process.pid)


@pytest.fixture
def renderers() -> Iterator[list[Renderer]]:
    made: list[Renderer] = []
    yield made
    for renderer in made:
        renderer.process.kill()
        renderer.process.end(AMPLE)
        renderer.process.close_pipes()


def test_what_it_says_is_asked_for_and_its_pipes_are_its_own(
    renderers: list[Renderer], tmp_path: Path
) -> None:
    """The plotter's prints go to the log; a picture has as many pixels as it needs."""
    assert notebook.MAGIC == inline.MAGIC
    with Server(Loud, view=None, overhead=1) as server:
        server.update(np.arange(3.0))
        renderer = Renderer(server, tmp_path / "log")
        renderers.append(renderer)
        pictures, _ = renderer.batch()
        while not pictures:
            pictures, words = renderer.batch()
        assert (pictures[0].width, pictures[0].height) == (3000, 2000)
        with Image.open(io.BytesIO(pictures[0].buffers[0])) as image:
            assert image.width * image.height <= notebook.PIXELS * 1.01
            assert image.width / image.height == pytest.approx(1.5, rel=0.01)
        assert server.viewers[0].view == "notebook"
        server.update(-np.ones(3))
        assert "out of the plotter\n''\n" in (tmp_path / "log").read_text()
    while not words.last:
        _, words = renderer.batch()
    assert words.texts[0] == words.kinds[0] == "finished"
    assert words.texts[-1].endswith("ValueError: below zero")
    assert "Traceback" in words.details
    pictures, _ = renderer.batch()
    with Image.open(io.BytesIO(pictures[0].buffers[0])) as image:
        assert image.width * image.height > notebook.PIXELS * 3
    eventually(renderer.gone)
    assert "exit status 0" in renderer.process.ended()


def test_the_end_of_the_kernel_is_its_end(
    renderers: list[Renderer], tmp_path: Path
) -> None:
    """At once, whatever it is about: here it waits for a frame that never comes."""
    with Server(view=None) as server:
        renderer = Renderer(server, tmp_path / "log")
        renderers.append(renderer)
        assert renderer.batch()[1].texts[0] == "running"
        renderer.process.close_pipes()
        eventually(renderer.gone)


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    """Is said in the log, and no picture of it comes."""
    process = launch.Launched(
        [sys.executable, "-c"],
        tmp_path / "connection.json",
        tmp_path / "log",
        main=inline.MAIN,
        talks=True,
    )
    assert "connection.json" in eventually(process.ended)
    process.close_pipes()
