"""Leaving the terminal within seconds, also one that takes nothing any more.

A view whose terminal is stopped, or behind a network that stands still, waits inside
of a write and hears of nothing. Then the process ends all the same, and what can be
given back without waiting is given back. Knows no app.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Leaving"]

PATIENCE = 2.0  # seconds that the usual way out may take

# What a driver may have asked of the terminal: mouse, pasting, keys, cursor, screen.
_RESTORE = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?2048l\x1b[?1004l"
    "\x1b[<u\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
)


class Leaving:
    """The ways out of a view.

    Parameters
    ----------
    ask : callable
        ``ask(number)``: leave the usual way, because of that signal. Called wherever
        the main thread is just then.
    """

    def __init__(self, ask: Callable[[int], None]) -> None:
        self._ask = ask
        self._before: dict[int, Any] = {}
        self._attributes: Any = None
        self._timer: threading.Timer | None = None
        with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
            import termios

            self._attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            number = getattr(signal, name, None)
            if number is not None:
                with contextlib.suppress(ValueError):  # not in the main thread
                    self._before[number] = signal.signal(number, self._signalled)

    def begin(self, status: int) -> None:
        """Leave by force if the usual way takes too long; it is about to begin.

        Parameters
        ----------
        status : int
            Exit status.
        """
        if self._timer is None:
            self._timer = threading.Timer(PATIENCE, self._force, [status])
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Note that the usual way was gone."""
        if self._timer is not None:
            self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _signalled(self, number: int, stack: Any) -> None:
        self.begin(128 + number)
        self._ask(number)

    def _force(self, status: int) -> None:
        with contextlib.suppress(Exception):
            import termios

            fd = sys.__stdin__.fileno()  # type: ignore[union-attr]
            if self._attributes is not None:
                termios.tcsetattr(fd, termios.TCSANOW, self._attributes)
            out = sys.__stderr__.fileno()  # type: ignore[union-attr]
            os.set_blocking(out, False)
            try:
                os.write(out, _RESTORE.encode())
            finally:  # whoever has it open, too, wants it as it was
                os.set_blocking(out, True)
        os._exit(status)
