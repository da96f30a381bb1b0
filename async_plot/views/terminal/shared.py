"""The view that a calculation has launched on its own terminal.

It draws, and leaves keys, Ctrl-C and input to the calculation. When that is gone
without a word, the screen is left here, and what it had printed is written.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any, ClassVar

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from ...client import Client
from ...errors import AsyncPlotError
from .. import strip
from ..jobparts import Shown
from ..wording import count, one_line
from . import bars, ink, places
from .driver import ENCODING, OutputDriver
from .graphics import Graphics, from_environment
from .ink import Piece
from .lines import Lines
from .oneline import OneLine
from .plot import Plot
from .watched import Watched

__all__ = ["Bars", "Printed", "Shared", "main"]

EVERY = 0.1  # seconds between two looks
AGAIN = 2.0  # seconds after which all is drawn anew: somebody may have drawn over it
KEPT = 64 << 10  # bytes of the prints that are looked at
MOST = 8  # lines of them on the page


def main(connection_file: str, descriptor: str, kind: str) -> None:
    """Show a run on standard output until it ends.

    Parameters
    ----------
    connection_file : str
        The run's.
    descriptor : str
        Number of the descriptor that holds what the calculation prints.
    kind : {"page", "bars"}
        What is shown.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)
    prints, parent = int(descriptor), os.getppid()
    for name in ("SIGINT", "SIGTSTP", "SIGTTOU"):  # none of them is for us
        with contextlib.suppress(AttributeError):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    watched = None
    try:
        watched = Watched(Client(connection_file))
        app = Shared(watched, prints, kind, parent)
        app.run()
    except (AsyncPlotError, OSError) as error:
        print(f"the view ended: {error}", file=sys.stderr)
    if os.getppid() != parent:  # nobody else can
        _write_rest(prints, watched)
    if watched is not None:
        watched.close("the view ended")


class Shared(App[int]):
    """One run, on a terminal that is somebody else's.

    Parameters
    ----------
    watched : Watched
        The run.
    prints : int
        Descriptor of what it prints.
    kind : {"page", "bars"}
        What is shown.
    parent : int
        The calculation's process.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; color: ansi_default; }"

    def __init__(self, watched: Watched, prints: int, kind: str, parent: int) -> None:
        super().__init__(driver_class=OutputDriver, ansi_color=True)
        self.theme = "ansi-dark"
        self._watched = watched
        self._prints = prints
        self._kind = kind
        self._calculation = parent
        self._drawn_at = 0.0
        self._aside = False  # the terminal is somebody else's just now

    def on_mount(self) -> None:
        """Begin to look."""
        self.push_screen(Page(self._watched, self._prints, self._kind))
        self.set_interval(EVERY, self._tick)

    def _tick(self) -> None:
        watched = self._watched
        watched.take()
        if watched.over or os.getppid() != self._calculation:
            self.exit(0)
            return
        self._step_aside(not _in_foreground(self._calculation))
        driver = self._driver
        if self._aside or not isinstance(driver, OutputDriver):
            return
        driver.look()
        now = watched.clock()
        if isinstance(self.screen, Page):
            self.screen.tick(now)
        if now - self._drawn_at > AGAIN:
            self._drawn_at = now
            self.screen.refresh(layout=True)

    def _step_aside(self, aside: bool) -> None:
        """Leave the screen while the calculation is suspended, or in the background."""
        driver = self._driver
        if aside == self._aside or driver is None:
            return
        self._aside = aside
        if aside:
            driver.stop_application_mode()
        else:
            driver.start_application_mode()
            self.screen.refresh(layout=True)


class Page(Screen[None]):
    """How the run stands, its bars, and what it prints."""

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = "Printed { dock: bottom; }"

    def __init__(self, watched: Watched, prints: int, kind: str) -> None:
        super().__init__()
        self._watched = watched
        self._prints = prints
        self._kind = kind

    def compose(self) -> ComposeResult:
        """The parts from top to bottom."""
        if self._kind == "bars":
            yield Bars(self._watched)
            yield OneLine(id="message")
        else:
            yield OneLine(id="heading")
            yield OneLine(id="message")
            yield _plot(self._watched)
            yield Lines(id="bars", selectable=False)
        yield Printed(self._prints)

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        state = self._watched.state
        if self._kind == "bars":
            self.query_one(Bars).tick(now)
            said = held_or_told(state, now)
            message = self.query_one("#message", OneLine)
            message.show(said)
            message.display = bool(said) and self.size.height >= 6
        else:
            (word, key), (name, _), *facts = strip.heading(state, now)
            pieces: list[Piece | Segment] = [ink.pill(word, key), (f" {name}", "name")]
            if not state.frame and self._watched.updates:
                # None is drawn here; how many there were is known all the same.
                facts[0] = f"{count(self._watched.updates)} updates", "ink"
            pieces += [(f"  {text}", kind) for text, kind in facts]
            self.query_one("#heading", OneLine).show(pieces)
            kind, short, _, _ = strip.message(state, now)
            mark = "▲ " if kind == "alarm" else ""
            message = self.query_one("#message", OneLine)
            message.show([(f"{mark}{short}", kind)])
            lines = self.query_one("#bars", Lines)
            lines.show(bars.items(state.jobs, now))
            plot = self.query_one(Plot)
            plot.tick(now)
            # What has no room is left out.
            message.display = self.size.height >= 6
            plot.display = plot.wanted and self.size.height >= 12
            lines.display = bool(lines.items) or not plot.display
        self.query_one(Printed).tick(self.size.height)


class Bars(Widget):
    """The bars of a run at their places."""

    DEFAULT_CSS = "Bars { height: 1fr; }"

    def __init__(self, watched: Watched, **options: Any) -> None:
        super().__init__(**options)
        self._watched = watched
        self._rows: list[list[Piece | Segment]] = []

    def tick(self, now: float) -> None:
        """Bring it up to date."""
        width, height = self.size
        rows = draw(self._watched.state.jobs.standing(now), width, height, now)
        if rows != self._rows:
            self._rows = rows
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        pieces = self._rows[y] if y < len(self._rows) else []
        return ink.line(pieces, self.size.width)


def held_or_told(state: strip.StripState, now: float) -> list[Piece | Segment]:
    """What is to be read beside bars: that the run is held, the newest record."""
    key, word = strip.standing(state, now)
    pieces: list[Piece | Segment] = []
    if key in ("paused", "stalled"):
        pieces = [ink.pill(word, key), (" ", "ink")]
    kind, short, _, _ = strip.message(state, now)
    if short and short != one_line(state.where):
        mark = "▲ " if kind == "alarm" else ""
        pieces.append((f"{mark}{short}", kind))
    return pieces


def draw(
    standing: list[Shown], width: int, height: int, now: float
) -> list[list[Piece | Segment]]:
    """Rows of a screen with bars at their places."""
    rows: list[list[Piece | Segment]] = [[] for _ in range(height)]
    taken = [0] * height
    wishes = [
        places.Wish(each.bar.told.place if each.bar else (), each.running)
        for each in standing
    ]
    placed, left = places.arrange(wishes, width, height)
    for place in placed:
        shown = standing[place.index]
        if shown.bar is None or _is_empty(shown):
            continue
        row = rows[place.row]
        row.append((" " * (place.column - taken[place.row]), "ink"))
        drawn = bars.bar_pieces(
            shown.title, shown.bar, shown.state, shown.failed, place.width, now
        )
        used = 0
        for text, kind in drawn:
            text = ink.cut(text, place.width - used)
            used += ink.measure(text)
            row.append((text, kind))
        taken[place.row] = place.column + used
    if left and height:
        rows[-1] = [(f"... and {left} more", "faint")]
    return rows


class Printed(Widget):
    """The newest lines of what the calculation has printed."""

    DEFAULT_CSS = "Printed { height: 0; }"

    def __init__(self, descriptor: int, **options: Any) -> None:
        super().__init__(**options)
        self._descriptor = descriptor
        self._size_seen = -1
        self._lines: list[str] = []

    def tick(self, height: int) -> None:
        """Bring it up to date, on a screen of so many rows."""
        size = os.fstat(self._descriptor).st_size
        if size != self._size_seen:
            self._size_seen = size
            self._lines = tail(self._descriptor, size)[-MOST:]
            self.refresh()
        room = min(len(self._lines), MOST, height // 3)
        if self.styles.height is None or self.styles.height.value != room:
            self.styles.height = room
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of them."""
        lines = self._lines[-self.size.height :] if self.size.height else []
        text = lines[y] if y < len(lines) else ""
        return ink.line([(text, "faint")], self.size.width)


def tail(descriptor: int, size: int) -> list[str]:
    """The last lines of what was printed, without what moves the cursor."""
    begin = max(0, size - KEPT)
    text = os.pread(descriptor, size - begin, begin).decode(errors="replace")
    lines = text.lstrip("\0").rstrip("\n").split("\n")[-4 * MOST :]
    # Of a line that was written over again and again the newest counts.
    newest = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    return [one_line(each) for each in newest] if text.strip("\0") else []


# -- private -----------------------------------------------------------------------


def _plot(watched: Watched) -> Plot:
    """The widget of the run's figures, of characters: what else it shows is not asked.

    The answer would be typed into the calculation.
    """
    known = from_environment(os.environ, ENCODING)
    form = known.otherwise
    return Plot(watched, Graphics(form, form, paper=known.paper, ink=known.ink))


def _is_empty(shown: Shown) -> bool:
    """Whether it is somebody else's bar, who has written nothing yet."""
    told = shown.bar.told if shown.bar is not None else None
    return told is not None and not (
        shown.title or told.postfix or told.done or told.total >= 0
    )


def _in_foreground(pid: int) -> bool:
    """Whether a process has its terminal: it is neither suspended nor a background job.

    Where the system does not tell, it has.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return True
    group, foreground = int(fields[2]), int(fields[5])
    return fields[0] not in (b"T", b"t") and foreground in (-1, 0, group)


def _write_rest(prints: int, watched: Watched | None) -> None:
    """Write what a calculation has printed that was killed, and what became of it."""
    try:
        begin = os.lseek(prints, 0, os.SEEK_DATA) if hasattr(os, "SEEK_DATA") else 0
    except OSError:  # it has printed nothing
        begin = os.fstat(prints).st_size
    with contextlib.suppress(OSError):
        while data := os.pread(prints, KEPT, begin):
            begin += len(data)
            while data:
                data = data[os.write(1, data) :]
        if watched is None:
            return
        deadline = time.monotonic() + 2.0
        while not watched.over and time.monotonic() < deadline:
            watched.inbox.wait(0.1)
            watched.take()
        state = watched.state
        why = f": {one_line(state.state_text)}" if state.state_text else ""
        os.write(1, f"async_plot: {state.state}{why}\n".encode(errors="replace"))
