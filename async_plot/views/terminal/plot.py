"""The figures of a run in the terminal: a widget, its pictures, its keys.

Pictures come from a process (`Easel`), as characters, which are cells like any
others, or as pixels: these are written over the cells once they are on the screen, by
a control sequence at the end of the last line. So nothing but this pane's own lines
can send them, and whatever covers the pane is drawn in their place.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from rich.color import Color
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ...wire.messages import Drawn
from ..wording import count, duration, one_line
from . import ink
from .details import TextPage
from .easel import Easel
from .graphics import Graphics, ask, cell_size, from_environment
from .ink import Piece
from .mosaic import Cells, unpacked
from .pace import Pace
from .watched import Watched

__all__ = ["RATE", "Plot", "maker"]

RATE = 5.0  # pictures a second at most, unless it is said otherwise
# Bytes a second that a terminal is taken to show that does not answer: here, and
# behind ssh.
SPEED, FAR_SPEED = 1e6, 1e5
TELL_AFTER = 2.0  # seconds of one drawing from which on it is told
COARSE = 2  # pictures in a row that took long, after which there are characters
CHUNK = 4096  # characters of a picture that one sequence of kitty's may hold
# A mark for segments that take no room; what it says is nothing.
_CONTROL = [(ControlType.CURSOR_FORWARD, 0)]
_WHERE = "\x1b[6n"  # asks where the cursor is: the terminal has come so far


class Plot(Widget, can_focus=True):
    """Draws a run's figures, in as many cells as there are.

    Parameters
    ----------
    watched : Watched
        The run.
    graphics : Graphics, optional
        What the terminal can show.
    rate : float
        Most pictures a second.
    speed : float
        Bytes a second that a terminal is taken to show that does not say so.
    make_easel : callable
        Starts what draws; takes the arguments of `Easel`.
    """

    DEFAULT_CSS = """
    Plot { height: 2fr; min-height: 4; }
    """
    ALLOW_MAXIMIZE: ClassVar[bool | None] = True

    def __init__(
        self,
        watched: Watched,
        graphics: Graphics | None = None,
        *,
        rate: float = RATE,
        speed: float = SPEED,
        make_easel: Callable[..., Easel] = Easel,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.watched = watched
        self.graphics = graphics or Graphics()
        self._form = self.graphics.form
        self._rate = rate
        self._speed = speed
        self._make_easel = make_easel
        self._easel: Easel | None = None
        self._failed = ""  # why nothing can be drawn
        self._picture = 0  # which figure is looked at
        self._asked = 0  # number of the newest request
        self._asked_for: tuple[Any, ...] = ()
        self._told: Drawn | None = None  # newest of what was said
        self._cells: Cells | None = None
        self._strips: list[Strip] = []
        self._pixels: Drawn | None = None
        self._covered = False  # another page is in front
        self._pace = self._new_pace()
        self._waits = False  # the next picture was asked for
        self._title: list[Piece] = []
        self._trouble: list[Piece] = []
        self._coarse = ""  # why it has no pixels, where the terminal has them
        # Kitty's numbers of the picture and of the one before, which goes when the new
        # one is there. Others may draw in the same terminal.
        self._images = random.sample(range(1, 1 << 24), 2)

    # -- life ------------------------------------------------------------------

    def on_mount(self) -> None:
        """Hear of what the terminal has shown."""
        app: Any = self.app
        app.on_answer = self.answered

    def on_unmount(self) -> None:
        """End what draws."""
        self._erase()
        if self._easel is not None:
            self._easel.close()
            self._easel = None

    def on_hide(self) -> None:
        """Take away what lies over the cells."""
        self._erase()

    def on_resize(self) -> None:
        """Ask for a picture of the new size."""
        self._erase()
        self._strips, self._pixels, self._cells = [], None, None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to draw."""
        inbox = self.watched.inbox
        return self._easel is not None or (
            inbox.ready
            and bool(self.watched.updates or inbox.frames or inbox.histories)
        )

    def cover(self, covered: bool) -> None:
        """Note that another page lies over this one, or does no more."""
        self._covered = covered
        self._erase()
        self.refresh()
        if covered and self._easel is not None:
            self._ask(self._easel, time.monotonic())

    def tick(self, now: float) -> None:
        """Take what was drawn, hand on what arrived, ask for the next."""
        if not self.is_mounted:
            return
        if self._easel is None and not self._failed and self.wanted:
            self._start()
        easel = self._easel
        if easel is not None:
            for drawn in easel.take():
                self._take(drawn, now)
            easel.feed()
            self._ask(easel, now)
        self._tell(now)

    def answered(self) -> None:
        """Note that the terminal has come to the end of a picture."""
        self._pace.answered(time.monotonic())
        if self._pace.slow >= COARSE and self._form != self.graphics.otherwise:
            self._form = self.graphics.otherwise
            self._coarse = "the line is slow: "
            self._pace.slow = 0

    # -- what keys do ----------------------------------------------------------

    def action_next(self) -> None:
        """Look at the next figure."""
        self._picture += 1

    def action_previous(self) -> None:
        """Look at the figure before."""
        if self._told is not None:
            self._picture = (self._picture - 1) % max(1, self._told.count)

    def action_zoom(self) -> None:
        """Give it the whole screen, or its place again."""
        if self.screen.maximized is self:
            self.screen.minimize()
        else:
            self.screen.maximize(self)

    def action_graphics(self) -> None:
        """Change between pixels and characters."""
        best = self.graphics.form
        self._form = best if self._form != best else self.graphics.otherwise
        self._coarse, self._pace.slow = "", 0

    def action_paper(self) -> None:
        """Draw on light paper instead of dark, or the other way round."""
        self.graphics = self.graphics.inverted()
        self._restart()

    def action_again(self) -> None:
        """Start what draws once more."""
        self._restart()

    def action_details(self) -> None:
        """Show the traceback of what the plotter does wrong."""
        told = self._told
        if told is not None and told.failure:
            text = told.details or told.failure
            self.app.push_screen(TextPage(told.failure, text))

    # -- drawing ---------------------------------------------------------------

    def _start(self) -> None:
        look = (self.graphics.paper, self.graphics.ink, self._rate)
        try:
            self._easel = self._make_easel(self.watched.inbox, *look)
        except OSError as error:  # no memory, no descriptors
            self._failed = f"what draws cannot be started: {error}"

    def _restart(self) -> None:
        easel, self._failed, self._told = self._easel, "", None
        self._asked_for, self._waits, self._asked = (), False, 0
        if easel is None:
            return
        look = (self.graphics.paper, self.graphics.ink, self._rate)
        try:
            self._easel = easel.begin_anew(self._make_easel, *look)
        except OSError as error:
            self._easel = None
            self._failed = f"what draws cannot be started: {error}"

    def _new_pace(self) -> Pace:
        return Pace(self._rate, answers=self.graphics.answers, speed=self._speed)

    def _ask(self, easel: Easel, now: float) -> None:
        width, height = self._room()
        if self._covered or not self.display or not self.is_on_screen:
            width = height = 0
        form, (w, h) = self._form, self.graphics.largest
        if form == "sixel" and w and h:
            width = min(width, w // self.graphics.width)
            height = min(height, h // self.graphics.height)
        wanted = (
            *(self._picture, width, height),
            *(self.graphics.width, self.graphics.height, form, self.graphics.colours),
        )
        changed = wanted != self._asked_for
        if not changed and (self._waits or not self._pace.due(now)):
            return
        names = ("picture", "columns", "rows", "width", "height", "form", "colours")
        self._asked = easel.look(**dict(zip(names, wanted)))
        self._asked_for, self._waits = wanted, True

    def _room(self) -> tuple[int, int]:
        """Cells for the picture: a line is for words, and one for trouble."""
        width, height = self.size
        height -= 1 + bool(self._trouble)
        if self._form == "sixel" and self.region.bottom >= self.app.size.height:
            height -= 0 if self._trouble else 1  # in the last row it would scroll
        return width, max(0, height)

    def _take(self, drawn: Drawn, now: float) -> None:
        self._told = drawn
        self._picture = drawn.picture
        if not drawn.buffers or drawn.look != self._asked:
            return
        self._asked_for = (drawn.picture, *self._asked_for[1:])
        self._waits = False
        width, _height = self._room()
        if drawn.columns > width or drawn.rows >= self.size.height:
            return
        begun = time.perf_counter()
        data = drawn.buffers[0]
        if drawn.form in ("sixel", "kitty"):
            first = self._pixels is None
            self._pixels = drawn
            self._images.reverse()
            self._cells, self._strips = None, []
            last = Region(0, drawn.rows, width, 1)
            self.refresh(*([] if first else [last]))
        else:
            self._erase()
            self._pixels = None
            try:
                cells = unpacked(data, drawn.columns, drawn.rows)
            except ValueError:
                return
            self._show(cells)
        cost = time.perf_counter() - begun
        self._pace.sent(now, len(data), cost)

    def _show(self, cells: Cells) -> None:
        """Show characters; only lines that differ are sent."""
        before, self._cells = self._cells, cells
        if before is None or before.shape != cells.shape:
            self._strips = [_strip(row) for row in cells]
            self.refresh()
            return
        changed = (before != cells).any(axis=1).nonzero()[0]
        for row in changed:
            self._strips[row] = _strip(cells[row])
        lines = [Region(0, int(row) + 1, self.size.width, 1) for row in changed]
        # The last one, even if it is the same, asks the terminal to answer.
        if not len(changed) or changed[-1] != len(cells) - 1:
            lines.append(Region(0, len(cells), self.size.width, 1))
        self.refresh(*lines)

    # -- words -----------------------------------------------------------------

    def _tell(self, now: float) -> None:
        easel, told = self._easel, self._told
        pieces: list[Piece] = []
        trouble: list[Piece] = []
        if told is not None and told.count:
            pieces.append((f" {one_line(told.title)}", "name"))
            if told.count > 1:
                pieces.append((f"  {told.picture + 1} of {told.count}", "faint"))
            if told.frame:
                pieces.append((f"  frame {count(told.frame)}", "faint"))
        if self._coarse:
            pieces.append((f"  {self._coarse}characters", "warning"))
        if self._failed or (easel is not None and easel.ended):
            why = self._failed or (easel.ended if easel is not None else "")
            trouble.append((f" ▲ {one_line(why)}; a starts it again", "alarm"))
        elif told is not None and told.failure:
            trouble.append((f" ▲ {one_line(told.failure)}", "alarm"))
        elif told is not None and told.note:
            trouble.append((f" {one_line(told.note)}", "warning"))
        if easel is not None and not easel.ended:
            since = now - easel.waiting if easel.waiting else 0.0
            if told is None:
                pieces.append((" the plotter is starting", "faint"))
            if since > TELL_AFTER:
                text = (
                    f"  frame {count(easel.number)} is being drawn, {duration(since)}"
                )
                pieces.append((text, "warning"))
        if bool(trouble) != bool(self._trouble):
            self._title, self._trouble = pieces, trouble
            self.refresh()
        if pieces != self._title:
            self._title = pieces
            self.refresh(Region(0, 0, self.size.width, 1))
        if trouble != self._trouble:
            self._trouble = trouble
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    # -- the screen ------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of that part; with pixels, if all of it can be seen."""
        width, height = self.size
        strips = [ink.line(self._title, width)]
        strips += self._strips[: height - 1]
        blank = Strip([Segment(" " * width)], width)
        strips += [blank] * (height - len(strips))
        if self._trouble and height > 1:
            strips[height - 1] = ink.line(self._trouble, width)
        whole = crop == Region(0, 0, width, height)
        if whole and not self._covered:
            self._add_controls(strips)
        strips = strips[crop.y : crop.bottom]
        if crop.x or crop.right < width:
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _add_controls(self, strips: list[Strip]) -> None:
        """Put the picture's pixels, and the question, behind its last line."""
        rows = self._pixels.rows if self._pixels is not None else len(self._strips)
        if not 0 < rows < len(strips):
            return
        control = ""
        if self._pixels is not None:
            x, y = self.region.offset
            control = f"\x1b7\x1b[{y + 2};{x + 1}H{self._over(self._pixels)}\x1b8"
        if self.graphics.answers:
            control += _WHERE
        if control:
            last = strips[rows]
            segment = Segment(control, None, _CONTROL)
            strips[rows] = Strip([*last, segment], last.cell_length)

    def _over(self, drawn: Drawn) -> str:
        """The control sequence that shows pixels where the cursor is."""
        data = bytes(drawn.buffers[0])
        if drawn.form == "sixel":
            return data.decode("ascii", "replace")
        # This may be drawn more often than it is sent: nothing is noted here.
        image, before = self._images
        head = f"a=T,f=100,i={image},q=2,C=1,c={drawn.columns},r={drawn.rows},"
        text = base64.b64encode(data).decode()
        parts = [text[k : k + CHUNK] for k in range(0, len(text), CHUNK)]
        sequences = [
            f"\x1b_G{head if not k else ''}m={int(k < len(parts) - 1)};{part}\x1b\\"
            for k, part in enumerate(parts)
        ]
        return "".join([*sequences, _deletion(before)])

    def _erase(self) -> None:
        """Take away what kitty shows over the cells; sixels go with the cells."""
        driver = self.app._driver
        pixels = self._pixels
        if pixels is not None and pixels.form == "kitty" and driver is not None:
            driver.write("".join(map(_deletion, self._images)))


def maker(rate: float = RATE, *, asks: bool = True) -> Callable[[Watched], Plot]:
    """What makes the widget for this terminal.

    Parameters
    ----------
    rate : float
        Most pictures a second.
    asks : bool, default: True
        Whether the terminal is asked what it can show, and then after each picture; so
        nobody else may read what it says. Else the environment tells.
    """
    encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    known = from_environment(os.environ, encoding)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or none
        # Those that textual uses.
        own: Any = sys.__stdin__, sys.__stderr__
        reading, writing = (file.fileno() for file in own)
        if asks:
            known = ask(reading, writing, os.environ, encoding)
        else:
            cell = cell_size(writing)
            known = from_environment(os.environ, encoding, cell)
    far = bool(os.environ.get("SSH_CONNECTION"))
    speed = FAR_SPEED if far else SPEED
    return lambda watched: Plot(watched, known, rate=rate, speed=speed)


# -- helpers -----------------------------------------------------------------------


def _deletion(image: int) -> str:
    return f"\x1b_Ga=d,d=I,i={image},q=2\x1b\\"


def _strip(row: Cells) -> Strip:
    """One line of cells, as few segments."""
    looks = (
        row["ink"].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    ).astype(np.uint64) << np.uint64(24)
    looks |= (
        row["ground"].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    ).astype(np.uint64)
    begins = [0, *((np.diff(looks) != 0).nonzero()[0] + 1).tolist(), len(row)]
    letters = [chr(c) if c else "" for c in row["character"].tolist()]
    segments = [
        Segment("".join(letters[a:b]), _style(int(looks[a])))
        for a, b in itertools.pairwise(begins)
    ]
    return Strip(segments, len(row))


@functools.lru_cache(maxsize=1 << 15)
def _style(look: int) -> Style:
    inked, ground = divmod(look, 1 << 24)
    return Style(color=_colour(inked), bgcolor=_colour(ground))


@functools.lru_cache(maxsize=1 << 14)
def _colour(value: int) -> Color:
    return Color.from_rgb(value >> 16, value >> 8 & 255, value & 255)


def _demo() -> None:
    """Show the newest run."""
    from ...client import Client
    from .app import Top, run

    client = Client(sys.argv[1] if sys.argv[1:] else None)
    sys.exit(run(Top(client=client, plot=maker())))


if __name__ == "__main__":
    _demo()
