"""The widget: what it asks for, and what it sends to the terminal."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from async_plot.client import Client
from async_plot.server import Server
from async_plot.views.terminal import pace
from async_plot.views.terminal.app import Top
from async_plot.views.terminal.graphics import Graphics
from async_plot.views.terminal.mosaic import CELL, packed
from async_plot.views.terminal.plot import CHUNK, COARSE, Plot
from async_plot.wire.messages import Drawn

from ...helpers import AMPLE, ROOT, eventually
from .answering import Terminal, sixels
from .support import opened, run, screen, shows

PIXELS = Graphics("kitty", answers=True)


class Painted:
    """Stands for the process that draws, and draws a letter."""

    made: list[Painted]

    def __init__(self, inbox: Any, *how: Any) -> None:
        self.how = how
        self.ended, self.waiting, self.number = "", 0.0, 0
        self.asked: list[dict[str, Any]] = []
        self.closed = False
        self.told: deque[Drawn] = deque()
        self.letter = "x"
        Painted.made.append(self)

    def feed(self) -> None:
        """It needs nothing."""

    def look(self, **how: Any) -> int:
        self.asked.append(how)
        return len(self.asked)

    def take(self) -> list[Drawn]:
        taken = list(self.told)
        self.told.clear()
        return taken

    @property
    def columns(self) -> int:
        """Of the newest request."""
        return int(self.asked[-1]["columns"]) if self.asked else 0

    def close(self) -> None:
        self.closed = True

    def begin_anew(self, make: Any, *how: Any) -> Any:
        self.close()
        return make(None, *how)

    def answer(self, data: bytes = b"", **fields: Any) -> None:
        """Say a picture, as it was asked for last."""
        how = self.asked[-1]
        shape = (how["rows"], how["columns"])
        cells = np.zeros(shape, CELL)
        cells["character"] = ord(self.letter)
        cells["ink"] = 255
        known: dict[str, Any] = {
            **{"look": len(self.asked), "form": how["form"], "title": "Wave"},
            **{"columns": how["columns"], "rows": how["rows"], "count": 3},
            **{"picture": how["picture"] % 3, "frame": 41, "time": time.time()},
            **{"drawing": 0, "note": "", "failure": "", "details": ""},
            "buffers": [data or packed(cells)],
        }
        self.told.append(Drawn(**{**known, **fields}))


@pytest.fixture(autouse=True)
def _none_made() -> Iterator[None]:
    Painted.made = []
    yield
    assert all(each.closed for each in Painted.made)


@asynccontextmanager
async def shown(
    graphics: Graphics | None = None, **options: Any
) -> AsyncIterator[tuple[Top, Pilot[int], Plot, Painted]]:
    """A page with the widget, and what draws for it."""
    made: list[Plot] = []

    def make(watched: Any) -> Plot:
        fake: Any = Painted
        made.append(Plot(watched, graphics, make_easel=fake, **options))
        return made[-1]

    with Server(view=None, name="wave") as server:
        server.update(1.0)
        app = Top(client=Client(server), plot=make)
        async with opened(app, 80, 24) as pilot:
            await shows(app, pilot, "the plotter is starting")
            await until(pilot, lambda: bool(Painted.made and Painted.made[0].columns))
            yield app, pilot, made[0], Painted.made[0]


async def until(pilot: Pilot[int], predicate: Any) -> None:
    """Wait while the view goes on."""
    end = time.monotonic() + 60
    while not predicate():
        assert time.monotonic() < end
        await pilot.pause(0.01)


def controls(plot: Plot) -> str:
    """What goes to the terminal beside the cells, when all is drawn."""
    strips = plot.render_lines(Region(0, 0, *plot.size))
    assert all(strip.cell_length == plot.size.width for strip in strips)
    return "".join(
        segment.text for strip in strips for segment in strip if segment.control
    )


def test_characters_are_cells_like_others() -> None:
    """Each picture is asked for when the one before is on the screen."""

    async def test() -> None:
        async with shown(Graphics(answers=True)) as (app, pilot, plot, easel):
            how = easel.asked[-1]
            before = len(easel.asked)
            assert (how["columns"], how["rows"]) == (80, plot.size.height - 1)
            assert how["form"] == "quarters"
            easel.answer()
            await shows(app, pilot, "Wave  1 of 3  frame 41", "x" * 80)
            assert controls(plot) == "\x1b[6n"
            await pilot.pause(0.3)
            assert (
                len(easel.asked) == before
            )  # the terminal has not said that it is there
            app.on_cursor_position()
            await until(pilot, lambda: len(easel.asked) > before)
            easel.letter = "y"
            easel.answer()
            await shows(app, pilot, "y" * 80)

    run(test())


def test_only_lines_that_differ_are_sent() -> None:
    """And the last one, whose end asks for the answer."""

    async def test() -> None:
        async with shown() as (app, pilot, plot, easel):
            easel.answer()
            await shows(app, pilot, "x" * 80)
            before = list(plot._strips)
            cells = plot._cells
            assert cells is not None
            changed = cells.copy()
            changed["character"][2] = ord("z")
            sent: list[Region] = []
            plot.refresh = lambda *regions, **_: sent.extend(regions)  # type: ignore
            plot._show(changed)
            same = [a is b for a, b in zip(before, plot._strips)]
            assert same.count(False) == 1 and not same[2]
            assert [region.y for region in sent] == [3, len(cells)]

    run(test())


def test_keys_step_through_figures_zoom_and_change_paper() -> None:
    """What is asked for follows; a process with other paper is another one."""

    async def test() -> None:
        async with shown(PIXELS) as (app, pilot, _plot, easel):
            assert easel.asked[-1]["form"] == "kitty"
            easel.answer(b"png")
            await shows(app, pilot, "1 of 3")
            await pilot.press("f")
            await until(pilot, lambda: easel.asked[-1]["picture"] == 1)
            easel.answer(b"png")
            await shows(app, pilot, "2 of 3")
            await pilot.press("F")
            await until(pilot, lambda: easel.asked[-1]["picture"] == 0)
            await pilot.press("x")
            await until(pilot, lambda: easel.asked[-1]["form"] == "quarters")
            rows = easel.asked[-1]["rows"]
            await pilot.press("z")
            await until(pilot, lambda: easel.asked[-1]["rows"] > rows)
            await pilot.press("z")
            await until(pilot, lambda: easel.asked[-1]["rows"] == rows)
            await pilot.press("d")
            await until(pilot, lambda: len(Painted.made) == 2)
            assert easel.closed
            assert easel.how[:2] == ("#000000", "#d0d0d0")
            assert Painted.made[1].how[:2] == ("#ffffff", "#202020")
            await until(pilot, lambda: bool(Painted.made[1].asked))

    run(test())


def test_pixels_are_written_over_the_cells() -> None:
    """Where the pane is, whole, and the one before is deleted afterwards."""
    png = bytes(range(256)) * 20

    async def test() -> None:
        async with shown(PIXELS) as (app, pilot, plot, easel):
            easel.answer(png)
            await shows(app, pilot, "Wave  1 of 3")
            said = controls(plot)
            x, y = plot.region.offset
            assert said.startswith(f"\x1b7\x1b[{y + 2};{x + 1}H\x1b_Ga=T,f=100,i=")
            assert said.endswith("\x1b8\x1b[6n")
            parts = re.findall(r"\x1b_G(.*?)m=(\d);(.*?)\x1b\\", said)
            assert base64.b64decode("".join(part[2] for part in parts)) == png
            assert [part[1] for part in parts] == ["1"] * (len(parts) - 1) + ["0"]
            assert all(len(part[2]) <= CHUNK for part in parts)
            assert f"c=80,r={plot.size.height - 1},".encode().decode() in parts[0][0]
            first = re.search(r"i=(\d+)", parts[0][0])
            again = controls(plot)
            assert first is not None
            # Drawn once more, for whatever reason, it is the same one.
            assert again == said
            deleted = re.findall(r"a=d,d=I,i=(\d+)", again)
            assert len(deleted) == 1 and deleted != [first[1]]
            app.on_cursor_position()
            asked = len(easel.asked)
            await until(pilot, lambda: len(easel.asked) > asked)
            easel.answer(png)
            await until(pilot, lambda: not easel.told)
            assert re.findall(r"a=T,f=100,i=(\d+)", controls(plot)) == deleted
            assert re.findall(r"a=d,d=I,i=(\d+)", controls(plot)) == [first[1]]
            # A part of the pane could not show it.
            part = plot.render_lines(Region(0, 0, 40, plot.size.height))
            assert not any(segment.control for strip in part for segment in strip)

    run(test())


def test_what_covers_the_pane_is_seen() -> None:
    """Behind another page nothing is drawn, and no pixels are left."""

    async def test() -> None:
        async with shown(PIXELS) as (app, pilot, plot, easel):
            easel.answer(b"png")
            await shows(app, pilot, "Wave  1 of 3")
            assert "a=T" in controls(plot)
            sent: list[str] = []
            driver: Any = app._driver
            driver.write = sent.append
            await pilot.press("question_mark")
            await until(pilot, lambda: app.screen is not plot.screen)
            await until(pilot, lambda: easel.asked[-1]["columns"] == 0)
            assert controls(plot) == ""
            deleted = set(re.findall(r"a=d,d=I,i=(\d+)", "".join(sent)))
            assert deleted == set(map(str, plot._images))
            await pilot.press("escape")
            await until(pilot, lambda: easel.asked[-1]["columns"] == 80)

    run(test())


def test_sixels_are_no_larger_than_the_terminal_takes() -> None:
    """It would cut them off."""

    async def test() -> None:
        known = Graphics("sixel", largest=(300, 100), width=10, height=20)
        async with shown(known) as (_, _, plot, easel):
            assert (easel.columns, easel.asked[-1]["rows"]) == (30, 5)
            easel.answer(b'\x1bP0;0;0q"1;1;6;6#0;2;0;0;0!6~\x1b\\')
            await until(_, lambda: plot._pixels is not None)
            assert "\x1bP0;0;0q" in controls(plot)

    run(test())


def test_sixels_stay_out_of_the_last_row() -> None:
    """There, a terminal scrolls when they end."""

    async def test() -> None:
        async with shown(Graphics("sixel")) as (_, pilot, plot, easel):
            rows = easel.asked[-1]["rows"]
            assert rows == plot.size.height - 1
            await pilot.press("z")
            await until(pilot, lambda: easel.asked[-1]["rows"] > rows)
            assert easel.asked[-1]["rows"] == 22  # of 24, without that of the title

    run(test())


def test_trouble_is_told_in_a_line() -> None:
    """What a plotter does wrong, with its traceback behind a key; a note; an end."""

    async def test() -> None:
        async with shown() as (app, pilot, _plot, easel):
            easel.answer(failure="draw failed", details="Traceback\nValueError: no")
            await shows(app, pilot, "▲ draw failed")
            await pilot.press("t")
            await shows(app, pilot, "ValueError: no")
            await pilot.press("escape")
            easel.answer(note="drawn by shape: other Python")
            await shows(app, pilot, "drawn by shape: other Python")
            easel.waiting, easel.number = time.monotonic() - 60, 42
            await shows(app, pilot, "frame 42 is being drawn, 60 s")
            easel.ended = "what draws it ended with signal 11"
            await shows(app, pilot, "ended with signal 11; a starts it again")
            await pilot.press("a")
            await until(pilot, lambda: len(Painted.made) == 2)
            await shows(app, pilot, lambda text: "signal 11" not in text)

    run(test())


def test_nonsense_of_the_process_changes_nothing() -> None:
    """Too few bytes, too many cells, an answer to what was asked before."""

    async def test() -> None:
        async with shown() as (app, pilot, _plot, easel):
            easel.answer()
            await shows(app, pilot, "x" * 80)
            await until(pilot, lambda: len(easel.asked) >= 2)
            easel.answer(b"123")
            await until(pilot, lambda: not easel.told)
            easel.letter = "y"
            await until(pilot, lambda: len(easel.asked) >= 3)
            easel.answer(columns=5000)
            await until(pilot, lambda: not easel.told)
            easel.answer(look=1)
            await until(pilot, lambda: not easel.told)
            assert "y" * 80 not in screen(app)

    run(test())


def test_a_slow_line_gets_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two pictures that took long; a key brings pixels back."""
    monkeypatch.setattr(pace, "SLOW", -1.0)

    async def test() -> None:
        async with shown(PIXELS) as (app, pilot, plot, easel):
            for _ in range(COARSE):
                asked = len(easel.asked)
                easel.answer(b"png")
                await until(pilot, lambda: plot._pace._sent is not None)
                app.on_cursor_position()
                await until(pilot, lambda n=asked: len(easel.asked) > n)
            await until(pilot, lambda: easel.asked[-1]["form"] == "quarters")
            await shows(app, pilot, "the line is slow: characters")
            await pilot.press("x")
            await until(pilot, lambda: easel.asked[-1]["form"] == "kitty")
            await shows(app, pilot, lambda text: "slow" not in text)

    run(test())


def test_a_run_without_frames_has_no_pane() -> None:
    """Nor a process that would draw it."""

    async def test() -> None:
        fake: Any = Painted
        with Server(view=None, name="bars") as server:
            server.progress(10, desc="steps").update(3)
            app = Top(client=Client(server), plot=lambda w: Plot(w, make_easel=fake))
            async with opened(app, 80, 24) as pilot:
                await shows(app, pilot, "steps")
                await pilot.pause(0.3)
                assert not Painted.made
                assert not app.screen.query_one(Plot).display

    run(test())
    assert threading.active_count() < 50


@pytest.mark.parametrize("kind", ["xterm", "plain"])
def test_a_terminal_is_sent_what_it_understands(kind: str) -> None:
    """From its first question to the last picture; q gives it back."""
    with Server(view=None, name="wave", overhead=1) as server, Terminal(kind) as screen:
        server.update([0.0, 1.0], [0.0, 1.0])
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        command = [sys.executable, "-m", "async_plot", "top", "wave"]
        with subprocess.Popen(
            command,
            stdin=screen.tty,
            stdout=screen.tty,
            stderr=screen.tty,
            env={**environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        ) as process:
            try:
                if kind == "xterm":
                    whole = re.compile(rb"\x1bP0.*?\x1b\\", re.S)

                    def drawn() -> Any:
                        """The first picture that has a frame in it."""
                        for found in whole.findall(bytes(screen.said)):
                            pixels = sixels(found)
                            if len(np.unique(pixels.reshape(-1, 3), axis=0)) > 4:
                                return [pixels]
                        return []

                    [pixels] = eventually(drawn, what="a picture")
                    assert pixels.shape[1] == 300  # what it takes at most
                    assert max(abs(pixels[0, 0].astype(int) - (16, 32, 48))) <= 3
                else:
                    blocks = "\u2580 \u259e \u258c \u2599".split()
                    eventually(
                        lambda: any(b.encode() in screen.said for b in blocks),
                        what="a line of blocks",
                    )
                    assert b"\x1bP" not in screen.said
                assert b"\x1b_" not in screen.said
                os.write(screen.own, b"q")
                assert process.wait(AMPLE) == 0
            finally:
                process.kill()
        assert b"\x1b[?1049l" in screen.said
