"""The terminal view: an App whose pages are brought up to date ten times a second.

What others build on:

- ``Top(client=...)`` shows one run, ``Top(listing=...)`` all of them; ``plot=`` makes
  the widget that draws a run's figures: ``plot(watched)``, see `Watched`. It is asked
  to ``tick(now)`` if it has such a method, and hides itself by ``display = False``.
- `run` shows one of them on this terminal and gives the exit status; `driver` is a
  textual driver class for a terminal that is shared with somebody.
- A page (`async_plot.views.terminal.pages`) is a textual screen with ``tick(now)``.
- All lists are `async_plot.views.terminal.lines.Lines`, given `Item`s.

Signals end it as keys do. Knows no run file: whoever starts it lists the runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.geometry import Size
from textual.widget import Widget

from ...client import Client
from ...wire.framing import printable
from ..wording import one_line
from . import help
from .details import TextPage
from .encoding import encodable, has_signs
from .leaving import Leaving
from .pages import RunPage, RunsPage
from .runs import Listed, Runs
from .watched import Watched

__all__ = ["Top", "run"]

EVERY = 0.1  # seconds between two looks at what has arrived
SHARE = 0.25  # of one core that drawing may take before it is done less often


class Top(App[int]):
    """The runs of this user, or one of them.

    Parameters
    ----------
    client : Client, optional
        The run to show first; without `listing`, the only one.
    listing : callable, optional
        Gives the runs, newest first.
    connect : callable
        ``connect(run)`` gives the client of a listed run.
    plot : callable, optional
        ``plot(watched)`` makes the widget that draws a run's figures.
    clock : callable
        Seconds; only differences count.
    driver_class : class, optional
        How the terminal is spoken to.
    """

    TITLE = "async-plot top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    ModalScreen { background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
    ]

    def __init__(
        self,
        *,
        client: Client | None = None,
        listing: Callable[[], list[Listed]] | None = None,
        connect: Callable[[Any], Client] = Client,
        plot: Callable[[Watched], Widget] | None = None,
        clock: Callable[[], float] = time.monotonic,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class, ansi_color=True)
        if driver_class is None:
            self.driver_class = _encoding(self.driver_class)
        self.theme = "ansi-dark"
        self.runs = Runs(listing, connect)
        self.clock = clock
        self.signal = 0  # the one that ended it
        # Called when the terminal tells where its cursor is: it has shown what was
        # sent before it was asked.
        self.on_answer: Callable[[], None] | None = None
        self.leaving: Leaving | None = None  # `run` makes it
        self._plot = plot
        self._first: Listed | None = None
        if client is not None:
            run = client.run
            self._first = Listed(
                run.run, run.name, run.host, run.pid, run.started, alive=True, run=run
            )
            self.runs.watched[run.run] = Watched(client, clock=clock)
        self.lists = listing is not None

    def on_mount(self) -> None:
        """Show the first page and begin to look."""
        if self.signal:  # before there was a loop
            self.exit(128 + self.signal)
        self.runs.start()
        if self.lists:
            self.push_screen(RunsPage())
        if self._first is not None:
            self.push_screen(RunPage(self.runs.watched[self._first.key], self._plot))
        self.call_later(self._tick)

    def _check_size(self) -> None:
        """Take the terminal's size as it is.

        textual reads it in a signal handler, which another one may interrupt: then the
        last size that it hears of is not the newest.
        """
        driver: Any = self._driver
        if driver is None or self.is_headless or not hasattr(driver, "input_tty"):
            return
        size = Size(*driver._get_terminal_size())
        if size != self.size and not driver._in_band_window_resize:
            self.post_message(events.Resize(size, size))

    def _tick(self) -> None:
        begun = time.perf_counter()
        self._check_size()
        page = next((p for p in self.screen_stack if isinstance(p, RunPage)), None)
        kept = page.watched.client.run.run if page is not None else ""
        self.runs.take(kept)
        # Not those behind it: of each change there, textual draws all of this one.
        for screen in self.screen_stack[-1:]:
            tick = getattr(screen, "tick", None)
            if tick is not None and screen.is_mounted:
                tick(self.clock())
        # However much there is to draw, most of a core is left to others.
        took = time.perf_counter() - begun
        self.set_timer(max(EVERY - took, took / SHARE, 0.01), self._tick)

    def _fatal_error(self) -> None:
        # textual's own traceback tells the values of all variables, over many screens.
        error = self._exception
        lines = traceback.format_exception(error) if error is not None else ()
        self._exit_renderables.append(Text(printable("".join(lines), "\n")))
        self._close_messages_no_wait()

    def on_cursor_position(self) -> None:
        """Tell whoever asked that the terminal has come so far."""
        if self.on_answer is not None:
            self.on_answer()

    # -- what keys do ----------------------------------------------------------

    def open_run(self, key: str) -> None:
        """Open the page of a run."""
        listed = next((each for each in self.runs.listed if each.key == key), None)
        watched = self.runs.watch(listed) if listed is not None else None
        if watched is not None:
            self.push_screen(RunPage(watched, self._plot))

    async def action_back(self) -> None:
        """Go back to the page before; there may be none."""
        pages = [each for each in self.screen_stack if hasattr(each, "tick")]
        if len(pages) > 1:
            self.pop_screen()

    def action_leave(self) -> None:
        """End the view."""
        if self.leaving is not None:
            self.leaving.begin(0)
        self.exit(0)

    def action_help(self) -> None:
        """Tell the keys."""
        if not isinstance(self.screen, TextPage):
            self.push_screen(TextPage("The terminal view", help.TEXT))

    def leave(self, number: int) -> None:
        """End by a signal as by a key: with the screen as it was before.

        Called wherever the main thread is just then.
        """
        self.signal = number
        loop = self._loop
        if loop is not None:
            # One that is closed has ended.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.exit, 128 + number)


def _encoding(driver: type[Driver]) -> type[Driver]:
    """Let a driver write what the terminal's encoding has, if that is not all."""
    encoding = getattr(sys.__stderr__, "encoding", None)
    if has_signs(encoding):
        return driver

    class Encoding(driver):  # type: ignore[valid-type, misc]
        def write(self, data: str) -> None:
            super().write(encodable(data, encoding or "ascii"))

    return Encoding


def run(app: Top) -> int:
    """Show it on this terminal until somebody ends it.

    Returns
    -------
    int
        Exit status: 0, or 1 after an error of ours, whose traceback is printed below
        the screen as it was before.
    """
    # Who has a screen asks it: these stay as they are when its size changes.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    app.leaving = leaving = Leaving(app.leave)
    try:
        status = app.run()
    finally:
        app.runs.close()
        leaving.close()
    for name in app.runs.resumed:
        print(f"async-plot: {one_line(name)} goes on: this view had paused it")
    if app.signal and app.signal != signal.SIGINT:
        # Ended as whoever sent it expects.
        signal.signal(app.signal, signal.SIG_DFL)
        sys.stdout.flush()
        os.kill(os.getpid(), app.signal)
    return app.return_code or status or 0
