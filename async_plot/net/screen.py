"""A view on the terminal of the calculation, which goes on to print and to be typed at.

The view draws and never reads: keys and Ctrl-C are the calculation's. However either
ends, the screen is as before, with what was printed meanwhile on it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..wire.framing import printable
from .launch import Launched, let_go
from .prints import Prints, put

__all__ = ["Farewell", "Screen", "terminal"]

Farewell = Callable[[], list[str]]

MAIN = "async_plot.views.terminal.shared"
PLAIN = "async_plot.views.terminal.plain"
# Seconds that the last lines may take, of those of the exit; and that the screen may,
# where a second Ctrl-C ended the wait for it.
LEAVING = 0.3
STANDING = 0.4  # seconds without a piece of it, after which the terminal is stopped
WRITING = 0.05  # seconds that the terminal may take in any case for the last lines
# Colours, cursor, the screen of before, line wrap: in case the view could not.
RESTORE = b"\x1b[0m\x1b[?2026l\x1b[?25h\x1b[?1049l\x1b[?7h"


def terminal() -> int | None:
    """Descriptor of the terminal that this process prints to, if it may draw there."""
    if os.environ.get("TERM", "") in ("", "dumb"):
        return None
    for number in (2, 1):
        with contextlib.suppress(OSError):
            if os.isatty(number):
                return number if _in_foreground(number) else None
    return None


class Screen:
    """The process that draws, and what becomes of prints meanwhile.

    Where there is no terminal, or it must not be drawn on, the view is lines on stderr.

    Parameters
    ----------
    command : list of str
        Command line of an interpreter.
    connection_file, log : Path
        The run to view; the file that takes what the view itself prints.
    kind : {"page", "bars"}
        What is shown.
    farewell : callable
        Gives the lines that stay when the screen is gone, as text.

    Raises
    ------
    OSError, RuntimeError
        If the view cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        connection_file: Path,
        log: Path,
        *,
        kind: str = "page",
        farewell: Farewell = list,
    ) -> None:
        self.log = log
        self._owner = os.getpid()
        self._farewell = farewell
        self._last = ""
        self._restored = False
        self._over = False  # the run is: what stays may be told
        self._leaving = False  # on our own behalf
        self._news = ""  # why the view is gone, if it is not that
        self._given_up = False  # by whoever has waited for the terminal
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._says_end = kind == "page"
        self._prints: Prints | None = None
        number = terminal()
        if number is not None:
            with contextlib.suppress(OSError):
                self._prints = Prints(number)
        if self._prints is None:
            self._view = Launched(
                command, connection_file, log, main=PLAIN, output=2, arguments=[kind]
            )
        else:
            # It waits for the terminal, which may be stopped. Begun now: while the
            # interpreter ends, no thread can be.
            writer = threading.Thread(
                target=self._serve,
                args=(self._prints,),
                name="async_plot screen",
                daemon=True,
            )
            try:
                writer.start()
                self._view = Launched(
                    command,
                    connection_file,
                    log,
                    main=MAIN,
                    output=self._prints.terminal,
                    lent=self._prints.descriptor,
                    arguments=[str(self._prints.descriptor), kind],
                )
            except BaseException:
                self._prints.close()
                self._asked.put(None)
                raise
        self.pid = self._view.pid

    def divert(self) -> None:
        """Keep what is printed from now on."""
        if self._prints is not None:
            self._prints.divert()

    # -- the background thread -------------------------------------------------

    def ended(self) -> str:
        """Why the view is gone; empty while it lives. To be asked now and then."""
        why, prints = self._view.ended(), self._prints
        if prints is not None:
            prints.shorten()
            # Other processes may go on to print there.
            if why and not (self._leaving or self._news):
                self._news = f"async_plot: {why}; look: async-plot top"
            if why and self._asked.empty() and (prints.waits or not self._restored):
                self._asked.put(None)
        return why

    # -- the calculation's thread ----------------------------------------------

    def leave(self) -> None:
        """Have the screen left, while others hear of the end.

        The view has nothing to say that we could not, and holds up nobody if it is
        frozen. Lines are told to their end.
        """
        self._leaving = True
        if self._prints is not None and os.getpid() == self._owner:
            self._view.kill()
            self._asked.put(None)

    def last_word(self, state: str, text: str, deadline: float) -> None:
        """Have the screen left, and what was printed written, before that instant."""
        lines = text.strip().splitlines()
        why = f": {printable(lines[-1][:200])}" if lines else ""
        self._over = self._leaving = True
        self._last = f"async_plot: {state}{why}" if self._says_end else ""
        if self._prints is None:
            self._wait_for_view(deadline)
            let_go(self._view.process)
        else:
            self._restore(max(deadline, time.monotonic() + WRITING))

    def let_go(self) -> None:
        """End what is left of it."""
        if os.getpid() != self._owner:
            return
        if self._prints is None:
            self._view.let_go()
        elif not self._given_up:  # else it was waited for
            self._over = self._leaving = True
            self._restore(time.monotonic() + LEAVING)

    def forked(self) -> None:
        """A child prints to where it did, and leaves the screen alone."""
        self._view.forked()

    def kill(self) -> None:
        """End it at once."""
        self._view.kill()

    # -- private ---------------------------------------------------------------

    def _wait_for_view(self, until: float) -> None:
        until = min(until, time.monotonic() + LEAVING)
        while not self._view.ended() and time.monotonic() < until:
            time.sleep(0.002)

    def _restore(self, deadline: float) -> None:
        """Give the terminal back; one that takes nothing is not waited for.

        A slow one is: what was printed would have waited for it, too.
        """
        prints = self._prints
        if os.getpid() != self._owner or prints is None or not prints.open:
            return
        self._asked.put(None)
        written = 0
        while prints.open and time.monotonic() < deadline:
            time.sleep(0.001)
            if prints.written != written:
                written = prints.written
                deadline = max(deadline, time.monotonic() + STANDING)
        self._given_up = True  # if no second Ctrl-C came
        prints.put_back()

    # -- the thread that writes ------------------------------------------------

    def _serve(self, prints: Prints) -> None:
        while prints.open:
            self._asked.get()
            if prints.open:
                self._give_back(prints)

    def _give_back(self, prints: Prints) -> None:
        over = self._over  # first: what is asked for from now on is asked for again
        try:
            if not self._restored:
                self._leave_screen(prints)
                self._restored = True
                if self._news:
                    with contextlib.suppress(OSError):  # the terminal is gone
                        put(prints.terminal, f"\n{self._news}\n".encode())
            with contextlib.suppress(OSError):  # the terminal is gone
                prints.write()
                for line in [*self._farewell(), self._last] if over else ():
                    if line:
                        put(prints.terminal, f"{line}\n".encode(errors="replace"))
        finally:
            if over:
                prints.close()

    def _leave_screen(self, prints: Prints) -> None:
        """Have the terminal as it was, with what was printed."""
        try:
            status = self._view.process.poll()
            if status is None:
                self._view.kill()
                with contextlib.suppress(Exception):
                    self._view.process.wait(LEAVING)
            with contextlib.suppress(OSError):  # the terminal is gone
                if status != 0:
                    put(prints.terminal, RESTORE)
                prints.write()
        finally:
            prints.put_back()


def _in_foreground(number: int) -> bool:
    """Whether what is typed there comes to this process: it is no background job."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:  # not the terminal of this session: then nobody else's either
        return True
