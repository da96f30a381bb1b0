"""The view in a notebook: draws a run off-screen, and says what it drew on a pipe.

Runs in a process of its own; the kernel, at the pipe's other end, shows the pictures
(`async_plot.net.inline`). Knows nothing of Jupyter.
"""

from __future__ import annotations

import io
import math
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..wire import framing
from ..wire.messages import (
    Frame,
    Message,
    Picture,
    RunState,
    Stalled,
    Welcome,
    Words,
)
from . import hearing, launched
from .figure import Failure, Painter
from .inbox import Inbox
from .offscreen import Drawer
from .strip import StripState, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["main"]

MAGIC = b"\x89APLOTPIC1\r\n"
RATE = 5.0  # pictures a second of each plotter
TELL_EVERY = 1.0  # seconds between words that come without a picture
LOOK_EVERY = 0.25  # seconds between looks whether there is something to tell
PIXELS = 2_000_000  # of one picture
FINE = 2  # times as many along an edge in the last ones, for screens that show them
COMPRESSION = 3  # of 9: more takes long, and saves little
DETAILS = 16_000  # characters of a traceback
LAST = 30.0  # seconds that the last picture may take to be sent


def main(connection_file: str) -> None:
    """Draw the run of that connection file, and say it on standard output.

    Parameters
    ----------
    connection_file : str
        Its path.
    """
    pipe = _Pipe()  # before anything else can print
    os.environ["MPLBACKEND"] = "agg"  # a notebook hands down its own
    inbox = launched.begin(connection_file)
    if not inbox.ready:
        raise SystemExit(str(inbox.error or "the run is gone and left nothing to show"))
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    _Notebook(inbox, pipe).show()


class _Pipe:
    """Says batches of pictures and words, each when the kernel asks for one.

    It takes standard input and output for itself: what a plotter prints goes to the
    log. When the kernel is gone, this process ends at once.

    Attributes
    ----------
    sent : callable
        Called when a batch was sent.
    """

    def __init__(self) -> None:
        self.sent: Callable[[], None] = _nothing
        self._asked, self._said = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._changed = threading.Condition()
        self._credit = False
        self._sending = False
        self._pictures: dict[tuple[str, int], Picture] = {}
        self._words: Words | None = None
        os.write(self._said, MAGIC)
        for task in (self._listen, self._speak):
            threading.Thread(target=task, daemon=True).start()

    @property
    def full(self) -> bool:
        """Whether a picture put now would wait for another one."""
        return bool(self._pictures)

    def put(self, pictures: list[Picture], told: Words | None) -> None:
        """Send these when the kernel asks; newer ones take the place of older."""
        with self._changed:
            self._pictures.update({(p.plotter, p.figure): p for p in pictures})
            self._words = told or self._words
            self._changed.notify_all()

    def wait_until_sent(self, seconds: float) -> None:
        """Wait until nothing is left to send."""
        with self._changed:
            self._changed.wait_for(
                lambda: not (self._pictures or self._words or self._sending), seconds
            )

    def _listen(self) -> None:
        while os.read(self._asked, 1):
            with self._changed:
                self._credit = True
                self._changed.notify_all()
        os._exit(0)  # nobody sees anything any more, whatever a plotter is about

    def _speak(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._credit and (self._pictures or self._words)
                )
                batch: list[Message] = list(self._pictures.values())
                batch.append(self._words or Words([], [], "", False))
                self._pictures, self._words = {}, None
                self._credit, self._sending = False, True
            try:
                for message in batch:
                    for part in framing.encode(message):
                        while part:
                            part = part[os.write(self._said, part) :]
            except OSError:
                os._exit(0)
            with self._changed:
                self._sending = False
                self._changed.notify_all()
            self.sent()


class _Notebook(Drawer):
    """Draws a run for a notebook, and tells its strip."""

    surface = "notebook"

    def __init__(self, inbox: Inbox, pipe: _Pipe) -> None:
        assert inbox.welcome is not None
        self._state = StripState(name=inbox.welcome.name, budget=inbox.welcome.overhead)
        self._pipe = pipe
        self._spoken: tuple[Any, ...] = ()
        self._spoke_at = 0.0
        self._telling = threading.Lock()
        self._figures = _Figures(self, pipe)
        super().__init__(inbox, None, None, RATE, self._figures, None)
        pipe.sent = inbox.wake

    def show(self) -> None:
        """Draw until the end, and once more in full beauty."""
        threading.Thread(target=self._watch, daemon=True).start()
        self.run()
        state = self._state
        if state.state == RunState.RUNNING.value:
            state.state = RunState.LOST.value
        self._tell_words(last=True)
        self._pipe.wait_until_sent(LAST)
        figures = {name: each.figures for name, each in self._painters.items()}
        self._figures.write(figures, FINE)
        self._pipe.wait_until_sent(LAST)

    def frame(self, name: str) -> int:
        """Number of the frame that a plotter's figures show."""
        return self._numbers.get(name, 0)

    # -- words -----------------------------------------------------------------

    def words(self, *, last: bool = False, at_least: float = 0.0) -> Words | None:
        """What the strip says now; None if it said so, or spoke just now."""
        state, inbox = self._state, self._inbox
        with self._telling:
            now = time.monotonic()
            if now < self._spoke_at + at_least and not last:
                return None
            hearing.take(state, inbox, now, time.time())
            pieces, whole = words(state, now)
            told = (pieces, whole)
            if told == self._spoken and not last:
                return None
            self._spoken, self._spoke_at = told, now
            texts, kinds = zip(*pieces)
            return Words(list(texts), list(kinds), whole[-DETAILS:], last)

    def _tell_words(self, *, last: bool = False, at_least: float = 0.0) -> None:
        told = self.words(last=last, at_least=at_least)
        if told is not None:
            self._pipe.put([], told)

    def _watch(self) -> None:
        """Tell what no picture brings along; also while a drawing goes on."""
        while True:
            time.sleep(LOOK_EVERY)
            self._tell_words(at_least=TELL_EVERY)

    # -- the drawer's steps ----------------------------------------------------

    def _hear(self, message: Any) -> None:
        hearing.hear(self._state, message, time.monotonic())
        if isinstance(message, Welcome):
            hearing.connected_again(self._state)
        super()._hear(message)

    def _tell_stall(self, message: Stalled) -> None:
        self._state.take_stall(message, time.monotonic())
        super()._tell_stall(message)

    def _tell_steering(self) -> None:
        pass  # the strip tells it

    def _draw(self, painter: Painter, frame: Frame) -> None:
        state = self._state
        shown, number = painter.shown, self._numbers.get(painter.name, 0)
        state.drawing, state.drawing_since = frame.number, time.monotonic()
        try:
            super()._draw(painter, frame)
        finally:
            state.drawing = 0
        if painter.shown == shown:
            return
        if number:
            state.dropped += max(0, frame.number - number - 1)
        state.frame = frame.number
        state.plotter = painter.name if len(self._painters) > 1 else ""
        state.frame_at, state.mid_step = time.monotonic(), frame.mid_step
        state.shown += 1
        state.lag = max(0.0, time.time() - frame.time)

    def _tell(self, failure: Failure) -> None:
        state = self._state
        at = f"at frame {failure.frame}" if failure.frame else "in __init__"
        state.failure = failure.text
        state.failure_title = f"the plotter failed {at}: {failure.summary}"
        state.failure_at = time.monotonic()
        state.failures += 1
        super()._tell(failure)

    def _ask(self) -> None:
        # What is drawn while another picture waits would never be seen.
        if not (self._figures.changed or self._pipe.full):
            super()._ask()

    def _pause(self) -> float:
        return 1.0 if self._pipe.full else super()._pause()

    def _save(self) -> None:
        # Also where no plotter could be made: the figure says why.
        if self._figures.changed:
            figures = {name: each.figures for name, each in self._painters.items()}
            self._figures.write(figures)


class _Figures:
    """Takes figures as they are on their canvas, and puts them on the pipe."""

    def __init__(self, notebook: _Notebook, pipe: _Pipe) -> None:
        self.changed = True
        self.next_at = -math.inf
        self._notebook = notebook
        self._pipe = pipe

    def due(self) -> bool:
        """Whether there is something new, and room for it."""
        return self.changed and not self._pipe.full

    def write(self, figures: dict[str, list[Figure]], fine: int = 1) -> None:
        """Put all of them on the pipe, `fine` times as many pixels along an edge."""
        self.changed = False
        pictures = []
        for name, group in figures.items():
            for index, figure in enumerate(group):
                try:
                    png = _png(figure, fine)
                except Exception as error:  # of the user's artists
                    print(f"async_plot: no picture: {error!r}", flush=True)
                    continue
                width, height = figure.get_size_inches() * figure.dpi
                text = f"{name or 'figure'} at frame {self._notebook.frame(name)}"
                pictures.append(
                    Picture(name, index, round(width), round(height), text, [png])
                )
        self._pipe.put(pictures, self._notebook.words(at_least=TELL_EVERY / 2))


def _png(figure: Figure, fine: int) -> bytes:
    """Write a figure as a PNG file, of as many pixels as a page can use."""
    from PIL import Image

    width, height = figure.get_size_inches() * figure.dpi
    largest = math.sqrt(PIXELS * fine**2 / max(1.0, width * height))
    scale = min(fine, largest)
    file = io.BytesIO()
    if fine > 1:
        figure.savefig(file, format="png", dpi=figure.dpi * scale)
    else:
        canvas: Any = figure.canvas
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
        if scale < 1:
            picture = picture.resize((round(width * scale), round(height * scale)))
        picture.save(file, format="png", compress_level=COMPRESSION)
    return file.getvalue()


def _nothing() -> None:
    pass
