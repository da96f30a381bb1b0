"""The process that draws a run's figures for a terminal, and what it says on its pipes.

A plotter is somebody's code: it may take a minute, crash, or need the modules of its
run. So the view, whose keys are to stay live, does not run it. What the run says comes
on standard input, passed on by the view; what this end asks of the run goes the same
way back, between the pictures. Knows no terminal.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import PlotterError
from ...plotter import ByShape
from ...wire import framing
from ...wire.framing import printable
from ...wire.messages import (
    FROM_CALCULATION,
    OF_SKETCHES,
    Drawn,
    Frame,
    Look,
    Message,
    Opened,
    Ready,
)
from ..figure import Failure, Painter, load
from ..inbox import Inbox
from ..launched import NICE, take_over
from ..offscreen import Drawer
from .mosaic import HEIGHT, WIDTH, packed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["main"]

SHARE = 0.25  # of one core that drawing may take
RESTS = 2.0  # seconds from which on it takes half the time
PIXELS = 2_000_000  # of one picture
LARGEST = framing.FROM_RENDERER_LIMITS.memory  # bytes of one
COMPRESSION = 3  # of 9: more takes long, and saves little
ELSE_EVERY = 2.0  # seconds between frames of a plotter that is not looked at
TELL_AFTER = 1.0  # seconds of one drawing after which it is told
DETAILS = 16_000  # characters of a traceback
# Dots per inch for each pixel of a cell's height: texts are about as big as the
# terminal's own.
FINENESS = 4.8
DPI = (60.0, 300.0)
# Okabe and Ito's, as `async_plot.views.pen` has them; also told apart in 16 colours.
ON_DARK = ["#56b4e9", "#ff9f40", "#1fb58a", "#f0e442", "#d79bc0", "#ff6f5f", "#b3b9c4"]


def main(paper: str, ink: str, rate: str) -> None:
    """Draw what comes on standard input, until it ends.

    Parameters
    ----------
    paper, ink : str
        Colours of the ground and of what is written on it, ``"#rrggbb"``; empty for
        matplotlib's own.
    rate : str
        Most frames a second.
    """
    link = _Link()  # before anything else can print
    os.environ["MPLBACKEND"] = "agg"  # nothing opens a window
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(max(0, NICE - os.nice(0)))  # the view may have gone there before
    passed: Any = link  # it has what an inbox and a drawer need of a client
    inbox = Inbox(passed)
    try:
        while not inbox.wait_for_plotters(1.0) and not inbox.ended:
            pass
        if inbox.welcome is None:
            return
        take_over(inbox.welcome)
        # Of layouts without room and letters without a shape nobody needs to hear.
        warnings.simplefilter("ignore")
        _dress(paper, ink)
        _Terminal(inbox, link, float(rate)).run()
    except Exception:  # ours: the view is the only one to tell
        said = traceback.format_exc()
        why = printable(said.splitlines()[-1])
        told = Drawn(0, "", 0, 0, "", 0, 0, 0, 0.0, 0, "", why, said[-DETAILS:])
        link.say(told)


def _dress(paper: str, ink: str) -> None:
    """Let figures look as the terminal does, where the plotter says nothing else."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.colors import to_rgb

    plt.switch_backend("module://async_plot.views.terminal.canvas")
    settings: Any = mpl.rcParams
    if paper:
        if sum(to_rgb(paper)) < sum(to_rgb(ink)):
            plt.style.use("dark_background")
            settings["axes.prop_cycle"] = cycler(color=ON_DARK)
        for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor"):
            settings[name] = paper
        for name in ("text.color", "axes.labelcolor", "axes.edgecolor"):
            settings[name] = ink
        settings["xtick.color"] = settings["ytick.color"] = ink
    settings["axes.titlepad"], settings["axes.labelpad"] = 3.0, 2.0
    settings["figure.max_open_warning"] = 0


class _Link:
    """The pipes, in place of a client.

    It takes standard input and output for itself: what a plotter prints goes nowhere.
    When the view is gone, this process ends at once.

    Attributes
    ----------
    look : Look or None
        The newest request.
    """

    heard_at = math.inf
    is_far = False

    def __init__(self) -> None:
        self.look: Look | None = None
        self._lock = threading.Lock()
        self._heard, self._said = io.FileIO(os.dup(0)), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.close(nothing)

    def messages(self) -> Iterator[Message]:
        """Whatever comes; of requests the newest is kept here, too."""
        reader = framing.Reader(
            (*FROM_CALCULATION, *OF_SKETCHES), framing.FROM_CALCULATION_LIMITS
        )
        while True:
            count = self._heard.readinto(reader.get_buffer())
            if not count:
                os._exit(0)  # nobody sees anything any more, whatever is being drawn
            for message in reader.received(count):
                if isinstance(message, Look):
                    self.look = message
                yield message

    def ready(self, plotter: str = "", shown: int = 0) -> None:
        """Ask for one more frame; the view's client counts the credits."""
        self.say(Ready(plotter, shown))

    def say(self, message: Message) -> None:
        """Say something to the view."""
        if isinstance(message, Opened):  # the view has said so itself
            return
        with self._lock:
            try:
                for part in framing.encode(message):
                    while part:
                        part = part[os.write(self._said, part) :]
            except OSError:
                os._exit(0)

    def close(self, reason: str = "") -> None:
        """Nothing is left to be done; the view's end ends this one."""


class _Terminal(Drawer):
    """Draws the figure that is looked at."""

    surface = "terminal"

    def __init__(self, inbox: Inbox, link: _Link, rate: float) -> None:
        self._link = link
        self._figures = _Figures(self)
        self._held: dict[str, Frame] = {}  # of plotters that are not looked at
        self._times: dict[str, float] = {}
        self._notes: dict[str, str] = {}
        self._failures: dict[str, Failure] = {}
        self._cost = 0.0
        self._drawing = 0
        self._since = 0.0
        super().__init__(inbox, None, None, rate, self._figures, None)

    def run(self) -> int:
        """Draw until the view goes away."""
        threading.Thread(target=self._watch, daemon=True).start()
        return super().run()

    # -- what is looked at -----------------------------------------------------

    def looked_at(self) -> tuple[str, int, int, int]:
        """Plotter, which of its figures, which of all figures, how many there are."""
        all_of_them = [
            (name, index)
            for name, painter in self._painters.items()
            for index in range(max(1, len(painter.figures)))
        ]
        look = self._link.look
        chosen = look.picture % len(all_of_them) if look is not None else 0
        return *all_of_them[chosen], chosen, len(all_of_them)

    def told(
        self,
        look: int = 0,
        form: str = "",
        columns: int = 0,
        rows: int = 0,
        data: bytes = b"",
    ) -> Drawn:
        """How the figure that is looked at stands."""
        name, index, chosen, count = self.looked_at()
        several = len(self._painters[name].figures) > 1
        title = name or self._inbox.codes[name].title
        failure = self._failures.get(name)
        return Drawn(
            look,
            form,
            columns,
            rows,
            printable(title) + (f" ({index + 1})" if several else ""),
            chosen,
            count,
            self._numbers.get(name, 0),
            self._times.get(name, 0.0),
            self._drawing,
            printable(self._notes.get(name, "")),
            printable(_said(failure)) if failure else "",
            failure.text[-DETAILS:] if failure else "",
            [data] if data else [],
        )

    def fail(self, failure: Failure) -> None:
        """Show what went wrong, and tell the calculation's log."""
        self._tell(failure)
        self._link.say(self.told())

    # -- the drawer's steps ----------------------------------------------------

    def _make(self, name: str) -> Painter:
        import matplotlib.pyplot as plt

        code = self._inbox.codes[name]
        try:
            kind = load(code)
        except PlotterError as error:
            self._notes[name] = f"drawn by shape: {error}"
            kind = ByShape
        painter = Painter(name, plt.figure, on_screen=False)
        failure = painter.make(kind)
        if failure is not None:
            self._tell(failure)
        return painter

    def _draw(self, painter: Painter, frame: Frame) -> None:
        name = painter.name
        if name != self.looked_at()[0]:
            self._held[name] = frame
            self._next_at[name] = time.monotonic() + ELSE_EVERY
            self._wanting.add(name)
            return
        self._failures.pop(name, None)
        begun = time.monotonic()
        with self.drawing(frame.number):
            super()._draw(painter, frame)
        if self._numbers.get(name) == frame.number:
            self._times[name] = frame.time
        self.spent(time.monotonic() - begun)

    def spent(self, seconds: float) -> None:
        """Note what drawing took: most of the time is to be others'."""
        self._cost += seconds

    @contextlib.contextmanager
    def drawing(self, number: int) -> Iterator[None]:
        """Run a plotter's code, which may take long or never return."""
        self._drawing, self._since = max(1, number), time.monotonic()
        try:
            yield
        finally:
            self._drawing = 0

    def _tell(self, failure: Failure) -> None:
        self._failures[failure.plotter] = failure
        super()._tell(failure)

    def _ask(self) -> None:
        # What is drawn before the terminal has shown the last would never be seen.
        if not self._figures.wanted or not self._painters:
            return
        name, now = self.looked_at()[0], time.monotonic()
        held = self._held.pop(name, None)
        if held is not None:
            self._draw(self._painters[name], held)
        for each in list(self._wanting):
            if self._next_at.get(each, 0.0) <= now:
                self._wanting.remove(each)
                self._client.ready(each, self._numbers.get(each, 0))

    def _pause(self) -> float:
        if not self._figures.wanted:
            return 1.0  # a request wakes it
        at = [self._next_at.get(name, 0.0) for name in self._wanting]
        if self._figures.changed:
            at.append(self._figures.next_at)
        return min([1.0, *(each - time.monotonic() for each in at)])

    def _save(self) -> None:
        if self._figures.due():
            self._figures.write({n: p.figures for n, p in self._painters.items()})
            # Drawing gets its share of the time, and more where that would be long.
            rest = min(self._cost * (1 / SHARE - 1), max(self._cost, RESTS))
            resting = time.monotonic() + rest
            self._figures.next_at = resting
            for name in self._painters:
                self._next_at[name] = max(self._next_at.get(name, 0.0), resting)
            self._cost = 0.0

    def _watch(self) -> None:
        """Tell of drawings that take long, while they do."""
        while True:
            time.sleep(TELL_AFTER)
            if self._drawing and time.monotonic() - self._since >= TELL_AFTER:
                with contextlib.suppress(Exception):  # of dicts that change meanwhile
                    self._link.say(self.told())


class _Figures:
    """Draws figures onto their canvases as the view asks for it."""

    def __init__(self, terminal: _Terminal) -> None:
        self._terminal = terminal
        self._link = terminal._link
        self._answered: Look | None = None
        self.changed = True
        self.next_at = -math.inf

    @property
    def wanted(self) -> bool:
        """Whether the view waits for a picture."""
        look = self._link.look
        return look is not None and look is not self._answered and look.columns > 0

    def due(self) -> bool:
        """Whether it waits for one, and would get another one than it has."""
        if not self.wanted:
            return False
        if self._other():
            return True
        return self.changed and time.monotonic() >= self.next_at

    def _other(self) -> bool:
        """Whether it asks for another kind of picture than the last one."""
        look, last = self._link.look, self._answered
        return last is None or look != replace(last, number=getattr(look, "number", 0))

    def write(self, figures: dict[str, list[Figure]]) -> None:
        """Draw the figure that is looked at, and say it."""
        terminal, look = self._terminal, self._link.look
        assert look is not None
        name, index, _, _ = terminal.looked_at()
        group = figures[name]
        if not group:
            return
        begun = time.monotonic()
        number = terminal._numbers.get(name, 0)
        try:
            with terminal.drawing(number):
                form, columns, rows, data = _drawn(group[index % len(group)], look)
        except Exception as error:  # of the user's artists
            self._answered, self.changed = look, False
            terminal.fail(Failure(name, number, _traceback(error)))
            return
        self._answered, self.changed = look, False
        terminal.spent(time.monotonic() - begun)
        self._link.say(terminal.told(look.number, form, columns, rows, data))


def _drawn(figure: Figure, look: Look) -> tuple[str, int, int, bytes]:
    """Draw a figure as it is asked for: form, cells, bytes."""
    canvas: Any = figure.canvas
    if look.form in ("sixel", "kitty"):
        data = _of_pixels(figure, look)
        if len(data) <= LARGEST:
            return look.form, look.columns, look.rows, data
        look = replace(look, form="quarters")
    from .canvas import DPI as TEXT_DPI

    canvas.for_cells = True
    _fit(figure, look.columns * WIDTH, look.rows * HEIGHT, TEXT_DPI)
    return look.form, look.columns, look.rows, packed(canvas.cells(look.form))


def _of_pixels(figure: Figure, look: Look) -> bytes:
    import numpy as np
    from PIL import Image

    canvas: Any = figure.canvas
    canvas.for_cells = False
    width, height = look.columns * look.width, look.rows * look.height
    dpi = min(max(FINENESS * look.height, DPI[0]), DPI[1])
    scale = min(1.0, math.sqrt(PIXELS / (width * height)))
    _fit(figure, round(width * scale), round(height * scale), dpi * scale)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    if look.form == "kitty":  # the terminal makes it as big as its cells
        file = io.BytesIO()
        image.save(file, format="png", compress_level=COMPRESSION)
        return file.getvalue()
    if scale < 1:
        image = image.resize((width, height))
    # A line of sixels that begins in the last row of a terminal would scroll it.
    return _sixel(image.crop((0, 0, width, max(6, height - height % 6))), look.colours)


def _sixel(image: Any, colours: int) -> bytes:
    """Write a picture as a control sequence."""
    # In its own words: a cell is one pixel, so that it scales nothing.
    os.environ["TEXTUAL_CELL_WIDTH"] = os.environ["TEXTUAL_CELL_HEIGHT"] = "1"
    from rich.console import Console
    from textual_image.renderable.sixel import Image as Sixel
    from textual_image.renderable.sixel import SixelOptions

    options = SixelOptions(colors=max(2, min(256, colours)))
    console = Console(file=io.StringIO(), width=image.width, height=image.height)
    for segment in console.render(Sixel(image, None, None, options)):
        if segment.text.startswith("\x1bP"):
            # To xterm a colour that is defined is not yet chosen.
            text = re.sub(r"(#\d+)(;2;\d+;\d+;\d+)", r"\1\2\1", segment.text)
            return text.encode("ascii")
    raise RuntimeError("textual-image wrote no sixels")


def _fit(figure: Figure, width: int, height: int, dpi: float) -> None:
    """Give a figure a size in pixels; without a layout of its own it gets one."""
    import matplotlib as mpl

    if figure.dpi != dpi:
        figure.set_dpi(dpi)
    inches = (width / dpi, height / dpi)
    if tuple(figure.get_size_inches()) != inches:
        figure.set_size_inches(*inches, forward=False)
    margins: Any = figure.subplotpars
    settings: Any = mpl.rcParams
    names = ("left", "right", "bottom", "top", "wspace", "hspace")
    if figure.get_layout_engine() is None and all(
        getattr(margins, name) == settings[f"figure.subplot.{name}"] for name in names
    ):
        for engine in ("constrained", "tight"):
            # There may be a colour bar that the engine cannot move.
            with contextlib.suppress(RuntimeError):
                figure.set_layout_engine(engine)
                return


def _said(failure: Failure) -> str:
    at = f"at frame {failure.frame}" if failure.frame else "in __init__"
    return f"the plotter failed {at}: {failure.summary}"


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))
