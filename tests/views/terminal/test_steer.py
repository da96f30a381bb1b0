"""Steering by keys: what they ask of a calculation, and what is told of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from async_plot.client import Client
from async_plot.commands.top import listed
from async_plot.errors import StopRequested
from async_plot.server import Server
from async_plot.views import controls
from async_plot.views.controls import HELD
from async_plot.views.terminal.app import Top

from ...helpers import AMPLE, Deadline, eventually
from .support import opened, run, shows


class Calculation:
    """Goes through checkpoints in a thread until it is stopped."""

    def __init__(self) -> None:
        self.server = Server(view=None, name="solver").start()
        self.dt = self.server.parameter("dt", 0.1, min=0, max=1, unit="s")
        self.scheme = self.server.parameter("scheme", "up", choices=["up", "down"])
        self.steps = 0
        self.stopped = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self.server:
                while not self._over.wait(0.01):
                    self.server.checkpoint()
                    self.steps += 1
                return
        except StopRequested:
            pass
        finally:
            self.stopped = True

    def close(self) -> None:
        self._over.set()
        self._thread.join(AMPLE)
        assert not self._thread.is_alive()


@contextmanager
def calculation() -> Iterator[Calculation]:
    made = Calculation()
    try:
        yield made
    finally:
        made.close()


def top_of(server: Server, *, control: bool = True) -> Top:
    return Top(client=Client(server, control=control, view="top"))


def top(made: Calculation, *, control: bool = True) -> Top:
    return top_of(made.server, control=control)


def test_pause_step_and_resume_by_keys() -> None:
    """A paused run says so; a step is one checkpoint."""

    async def test() -> None:
        app = top(made)
        async with opened(app) as pilot:
            await shows(app, pilot, " p  pause", "dt 0.1 s")
            await pilot.press("p")
            await shows(app, pilot, "‖ paused", " r  resume", " n  step")
            before = made.steps
            await pilot.press("n")
            while made.steps == before:
                await pilot.pause(0.01)
            await shows(app, pilot, "‖ paused")
            assert made.steps == before + 1
            await pilot.press("space")
            await shows(app, pilot, "▶ running", " p  pause")

    with calculation() as made:
        run(test())


def test_what_ends_a_run_is_asked_for_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One key is not enough; two of them stop it."""
    # The question stands until it has been seen, however slow the machine is.
    monkeypatch.setattr(controls, "ONCE_MORE", AMPLE)

    async def test() -> None:
        app = top(made)
        async with opened(app) as pilot:
            await shows(app, pilot, " s  stop")
            await pilot.press("s")
            await shows(app, pilot, "press s once more")
            assert not made.stopped
            deadline = Deadline(AMPLE)
            while not made.stopped:  # a slow machine makes a new question of it
                deadline.check("a second key")
                await pilot.pause(1.2 * HELD)  # sooner, it would be one that is held
                await pilot.press("s")
                await pilot.pause(0.1)
            await shows(app, pilot, "■ stopped")

    with calculation() as made:
        run(test())
        eventually(lambda: made.stopped)


def test_a_command_is_told_whole_in_a_narrow_terminal() -> None:
    """Who gave it is what is looked for; the list says of a paused run that it is."""

    async def test() -> None:
        app = top(made)
        async with opened(app, width=46, height=12) as pilot:
            await shows(app, pilot, " p  pause")
            await pilot.press("p")
            await shows(app, pilot, "paused by", ", top\n", " n  step")
            await pilot.press("e")
            await shows(app, pilot, "Parameters of solver", "‖ paused")
            await pilot.press("escape", "r")
            await shows(app, pilot, "resumed by", ", top\n")

    with calculation() as made:
        run(test())


def test_the_list_says_that_a_run_is_paused() -> None:
    """In words: the sign is that of a stall, too."""

    async def test() -> None:
        app = Top(listing=listed, connect=lambda run: Client(run, control=True))
        async with opened(app, width=80, height=12) as pilot:
            await shows(app, pilot, "solver")
            await pilot.press("enter")
            await shows(app, pilot, " p  pause")
            await pilot.press("p")
            await shows(app, pilot, "‖ paused")
            await pilot.press("escape")
            await shows(app, pilot, "1 run alive", "paused 0:")
            await pilot.press("enter", "r")
            await shows(app, pilot, "▶ running")

    with calculation() as made:
        made.server.progress(100, desc="steps").update(7)
        run(test())


def test_a_parameter_is_changed_typed_and_taken_back() -> None:
    """By the value beside it, by typing, by undoing; what is wrong is said."""

    async def test() -> None:
        app = top(made)
        async with opened(app) as pilot:
            await shows(app, pilot, " e  parameters")
            await pilot.press("e")
            await shows(app, pilot, "Parameters of solver", "0.1 s", "0 to 1")
            await pilot.press("+")
            await shows(app, pilot, "0.11 s", "1 to undo")
            await pilot.press("enter")
            await shows(app, pilot, "default 0.1")
            await pilot.press(*"7")
            await pilot.press("enter")
            await shows(app, pilot, lambda text: "1" in text and "dt " in text)
            await pilot.press("escape")
            await pilot.press("u")
            await shows(app, pilot, lambda text: "to undo" not in text)
            await pilot.press("down", "enter")
            await shows(app, pilot, "down", "up | down")

    with calculation() as made:
        run(test())
        eventually(lambda: made.scheme.value == "down")
        assert made.dt.value == 0.1


def test_who_may_only_look_is_offered_nothing() -> None:
    """And is told so if a key is pressed."""

    async def test() -> None:
        app = top(made, control=False)
        async with opened(app) as pilot:
            await shows(app, pilot, "▶ running", "dt 0.1 s")
            await pilot.press("p")
            await shows(app, pilot, "pause: this view may only look")

    with calculation() as made:
        run(test())


def test_leaving_ends_the_pause_that_the_view_keeps() -> None:
    """And says which run goes on."""

    async def test() -> None:
        app = top(made)
        async with opened(app) as pilot:
            await shows(app, pilot, " p  pause")
            await pilot.press("p")
            await shows(app, pilot, "‖ paused")
            await pilot.press("q")
        assert app.runs.resumed == ["solver"]

    with calculation() as made:
        run(test())
        before = made.steps
        eventually(lambda: made.steps > before + 3)


def test_a_value_moves_no_cursor_where_it_is_typed() -> None:
    """Another view may have set it to anything."""

    async def test() -> None:
        with Server(view=None, name="solver") as server:
            server.parameter("mode", "a\x1b[31mred\r\nb")
            server.checkpoint()
            app = top_of(server)
            async with opened(app) as pilot:
                await shows(app, pilot, "mode")
                await pilot.press("e", "enter")
                text = await shows(app, pilot, "└")
        assert "red" in text
        assert not set(text) & set("\x1b\r")

    run(test())
