"""A driver that writes and never reads: its terminal is in use by a calculation.

Nobody tells a process of another session that the terminal's size has changed: it is
asked for. Keys, echo and signals stay as the calculation has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any, cast

from textual import events
from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread
from textual.geometry import Size

from .encoding import encodable

__all__ = ["ENCODING", "OutputDriver"]

ENCODING = getattr(sys.__stdout__, "encoding", None) or "ascii"

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"


class OutputDriver(Driver):
    """Draws on standard output."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._output: WriterThread | None = None
        self._told: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal now."""
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(1)
            if size.columns > 0 and size.lines > 0:
                return size.columns, size.lines
        return self._told or (80, 24)

    def look(self) -> None:
        """Tell the app if the size has changed."""
        size = self.size
        if size != self._told:
            self._told = size
            event = events.Resize(Size(*size), Size(*size))
            asyncio.run_coroutine_threadsafe(
                self._app._post_message(event), loop=self._loop
            )

    def write(self, data: str) -> None:
        """Write what draws."""
        if self._output is not None:
            self._output.write(data)

    def start_application_mode(self) -> None:
        """Take the screen."""
        self._output = WriterThread(cast(Any, _Output()))
        self._output.start()
        self.write(ENTER)
        self._told = None
        self.look()

    def disable_input(self) -> None:
        """There is none."""

    def stop_application_mode(self) -> None:
        """Leave the screen as it was before."""
        output, self._output = self._output, None
        if output is not None:
            output.write(LEAVE)
            output.stop()


class _Output:
    """Standard output, whatever has become of it."""

    def write(self, text: str) -> None:
        data = encodable(text, ENCODING).encode(ENCODING, "replace")
        with contextlib.suppress(OSError):  # the terminal is gone
            while data:
                data = data[os.write(1, data) :]

    def flush(self) -> None:
        """Nothing is kept."""

    def fileno(self) -> int:
        return 1
