"""A run's figures in a notebook's cell: drawn by a process, sent on by a thread.

Only a kernel can write into its notebook, and while a cell calculates it hears
nothing from the page. So a renderer draws, as any launched viewer in a session of
its own; its pictures come through a pipe to a thread here, which hands them to the
kernel's own sending thread. The renderer says nothing unless it was given a credit,
nothing of what it says is unpickled, and what this costs is measured and limits how
often it is done.
"""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import time
from pathlib import Path

from ..errors import ProtocolError
from ..wire import framing
from ..wire.framing import printable
from ..wire.messages import FROM_RENDERER, Message, Picture, Words
from . import launch
from .cell import Cell, picture_bundle, words_bundle
from .wakeup import Wakeup

__all__ = ["Inline", "end_all"]

MAIN = "async_plot.views.notebook"
MAGIC = b"\x89APLOTPIC1\r\n"  # begins what the renderer says; before it may be noise
NOISE = 1 << 12  # bytes of that
PERIOD = 0.2  # seconds between two pictures at least
PART = 0.5  # of the budget that showing may use; the rest is the frames'
BYTES = 300_000  # of pictures a second; a Jupyter server cuts off at 1 MB
BATCH = 1 << 25  # bytes of pictures that may come at once
SENDING = 0.4e-3  # seconds that the kernel's own thread then takes to send a batch
FIGURES = 16  # of one plotter
BATCHES = 10  # after the end of the run; two are needed
SHORT = 0.02  # seconds between them
AFTER = 30.0  # seconds that the renderer has for the last frame
ENDING = 2.0  # seconds that its interpreter has to end

logger = logging.getLogger("async_plot")

_alive: list[Inline] = []


class Inline(threading.Thread):
    """A view in the cell that is being run now.

    Parameters
    ----------
    command : list of str
        Command line of the renderer's interpreter.
    connection_file, log : Path
        The run to draw; the file that takes what the renderer prints.
    name : str
        Name of the run.
    plotters : list of str
        Their names, in the order of their figures.
    share : float
        The budget: share of the calculation's time that watching may cost.
    cell : Cell
        Where to show it.

    Attributes
    ----------
    spent : float
        Seconds that the calculation lost by it so far.

    Raises
    ------
    OSError
        If the program cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        connection_file: Path,
        log: Path,
        *,
        name: str,
        plotters: list[str],
        share: float,
        cell: Cell,
    ) -> None:
        super().__init__(name="async_plot inline", daemon=True)
        self.spent = 0.0
        self._title = name
        self._plotters = plotters
        self._share = share
        self._cell = cell
        self._lock = threading.Lock()  # of what the strip says
        self._state = "running"
        self._gone = ""  # why the renderer is, once it is
        self._told_last = False
        self._over = 0.0  # when the run had ended, on the monotonic clock
        self._replaced = False
        self._batches = 0  # after the end
        self._size = 0  # bytes of pictures in this batch
        self._reader = framing.Reader(FROM_RENDERER, framing.FROM_RENDERER_LIMITS)
        for other in list(_alive):
            if other.replaced_by(cell):
                other.stop()
        for plotter in plotters:
            cell.show(f"{plotter}-0", {"text/plain": ""})
        self._say("the view is starting")
        self._bell = Wakeup()
        try:
            self._process = launch.Launched(
                command, connection_file, log, main=MAIN, talks=True
            )
        except BaseException:
            self._bell.close()
            raise
        self.log, self.pid = log, self._process.pid
        _alive.append(self)
        self.start()

    # -- the calculation's thread ----------------------------------------------

    def ended(self) -> str:
        """Why the renderer is gone; empty while it lives, or need not."""
        return "" if self._over or self._replaced else self._process.ended()

    def let_go(self) -> None:
        """Leave it to itself: it ends when the last frame is drawn."""
        if not self._over:
            self._over = time.monotonic()
            self._bell.ring()

    def last_word(self, state: str, text: str, deadline: float) -> None:
        """Wait for the picture of the last frame; say at least how the run ended."""
        self._state = state
        self.let_go()
        while not self._told_last and self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        lines = text.strip().splitlines()
        why = printable(lines[-1]) if lines else ""
        self._say(why or self._gone or "the last frame is being drawn")

    def replaced_by(self, cell: Cell) -> bool:
        """Whether that is our cell, run once more: its page has forgotten us."""
        ours = self._cell
        return bool(ours.key) and (
            ours.key == cell.key and ours.execution != cell.execution
        )

    def stop(self) -> None:
        """End the renderer now: nobody can see what it draws any more."""
        self._replaced = True
        self._process.kill()

    def forked(self) -> None:
        """Drop what a forked child inherited, or the pipes never end."""
        self._process.close_pipes()
        self._bell.close()

    # -- the thread ------------------------------------------------------------

    def run(self) -> None:
        """Show what the renderer draws until it ends; an error ends only this."""
        trouble = ""
        try:
            self._listen()
        except (OSError, ValueError):  # the pipe broke, or was closed
            pass
        except ProtocolError as error:
            trouble = f"the view said what cannot be shown: {error}"
        except Exception as error:  # of the kernel's, when it shuts down
            logger.debug("inline view: %r", error)
            self._replaced = True
        finally:
            if trouble:
                self._process.kill()
            self._process.close_pipes()  # which a renderer that listens takes as an end
            self._process.end(ENDING)
            trouble = trouble or self._process.ended()
            self._gone = f"the last frame could not be drawn: {trouble}"
            self._say(
                self._gone if self._over else f"{trouble}; the calculation goes on"
            )
            self._bell.close()
            with contextlib.suppress(ValueError):
                _alive.remove(self)

    def _listen(self) -> None:
        if not self._skip_noise():
            return
        while True:
            self._process.say(b"+")
            cost, ends = 0.0, False
            while not ends:
                if not self._wait():
                    return
                started = time.thread_time()
                count = self._process.read_into(self._reader.get_buffer())
                if not count:
                    return
                for message in self._reader.received(count):
                    ends = self._show(message) or ends
                cost += time.thread_time() - started
            self._pause(cost + SENDING)

    def _skip_noise(self) -> bool:
        """Read up to where the renderer begins to speak."""
        seen = bytearray()
        one = memoryview(bytearray(1))
        while len(seen) < NOISE:
            if not self._wait() or not self._process.read_into(one):
                return False
            seen += one
            if seen.endswith(MAGIC):
                return True
        raise ProtocolError("no beginning")

    def _wait(self) -> bool:
        """Wait until the renderer says something; end it if it had time enough."""
        if not hasattr(select, "poll"):  # pipes cannot be waited for there
            return True
        poll = select.poll()
        poll.register(self._process.output, select.POLLIN)
        if not self._over:
            poll.register(self._bell, select.POLLIN)
            ready = [number for number, _ in poll.poll()]
            if self._process.output in ready:
                return True
            poll.unregister(self._bell)
        left = self._over + AFTER - time.monotonic()
        if poll.poll(max(0.0, left) * 1000):
            return True
        self._process.kill()
        return False

    def _show(self, message: Message) -> bool:
        """Show one thing that was said; say whether it ends a batch."""
        cell = self._cell
        if isinstance(message, Picture):
            if message.plotter not in self._plotters or message.figure >= FIGURES:
                raise ProtocolError(f"no figure {message.figure} of such a plotter")
            data, metadata = picture_bundle(message)
            self._size += len(data["image/png"])
            if self._size > BATCH:
                raise ProtocolError("more pictures at once than it was asked for")
            if not self._replaced:
                cell.follow()
                cell.show(f"{message.plotter}-{message.figure}", data, metadata)
            return False
        assert isinstance(message, Words)
        if len(message.texts) != len(message.kinds):
            raise ProtocolError("words of unknown kind")
        with self._lock:
            if message.texts and not self._replaced:
                cell.show("strip", words_bundle(message))
            self._told_last = self._told_last or message.last
        return True

    def _pause(self, cost: float) -> None:
        """Let the calculation earn what a batch has cost, before the next credit."""
        size, self._size = self._size, 0
        if self._over:
            # Nothing is there to be spared, but one that does not stop is no friend.
            self._batches += 1
            if self._batches > BATCHES:
                raise ProtocolError("more after the end than there can be")
            time.sleep(SHORT)
            return
        self.spent += cost
        earned = cost / (PART * self._share) if self._share < 1 else 0.0
        self._bell.wait(max(PERIOD, earned, size / BYTES))

    def _say(self, text: str) -> None:
        """Say how it stands, where the renderer has not said the last word."""
        words = Words(
            [self._state, self._title, text], [self._state, "name", "faint"], "", False
        )
        with self._lock, contextlib.suppress(Exception):  # of a kernel that shuts down
            if not self._told_last and not self._replaced:
                self._cell.show("strip", words_bundle(words))


def end_all() -> None:
    """End the renderers of all cells: this interpreter ends."""
    for inline in list(_alive):
        inline.stop()
        inline.join(0.1)
