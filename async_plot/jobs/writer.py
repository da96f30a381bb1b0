"""A file whose newest line is shown at a chosen place: the bars of other libraries.

Knows no terminal: what is written becomes the text of a bar.
"""

from __future__ import annotations

import io
import os
import re
from typing import Any

from ..wire.messages import Progress
from . import bars
from .bars import Bar
from .lines import Style

__all__ = ["Writer"]

_BREAKS = re.compile(r"[\r\n]+")
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|.)?")  # colours, ways of the cursor
_MOST = 4096  # characters of a line that are kept


class Writer(io.TextIOBase):
    r"""A file-like object that shows at one place what is written last.

    Parameters
    ----------
    location : (int, int)
        Column and row of the terminal, from 0.

    Raises
    ------
    ValueError
        If `location` is something else.

    Notes
    -----
    In a process that a calculation has started, such as one of a bare
    ``multiprocessing.Pool``, it is shown by the views of that calculation, and on its
    `fullscreen`. Where there is none, it is a line on stderr.

    What is written is a text: what would colour it or move the cursor is taken out.

    Examples
    --------
    >>> from async_plot import Writer
    >>> with Writer((0, 10)) as writer:
    ...     for percent in range(0, 101, 10):
    ...         print(f"{percent} %", end="\r", file=writer)
    >>> writer.text
    '100 %'
    """

    def __init__(self, location: tuple[int, int]) -> None:
        self._location = tuple(bars.location("location", location))
        self._begun = ""  # the line in hand
        self._text = ""
        self._bar: Bar | None = None
        self._begin()

    @property
    def location(self) -> tuple[int, int]:
        """Column and row."""
        column, row = self._location
        return column, row

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    def write(self, text: str) -> int:
        """Show a text in place of the one before.

        Parameters
        ----------
        text : str
            Part of a line, a line, or several: the newest one that is not empty counts.

        Returns
        -------
        int
            Its length.
        """
        if not isinstance(text, str):
            raise TypeError(f"a Writer takes text, not {type(text).__name__}")
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        *whole, self._begun = _BREAKS.split(self._begun + text)
        self._begun = self._begun[:_MOST]
        for line in (self._begun, *reversed(whole)):
            if shown := _ESCAPE.sub("", line).rstrip():
                self._show(shown)
                break
        return len(text)

    def flush(self) -> None:
        """Do nothing: it is shown anyway, ten times a second."""

    def isatty(self) -> bool:
        """Whether lines are renewed in place, as on a terminal.

        Returns
        -------
        bool
            True.
        """
        return True

    def writable(self) -> bool:
        """Whether it can be written to.

        Returns
        -------
        bool
            True.
        """
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property there, too
        """It takes any text."""
        return "utf-8"

    def close(self) -> None:
        """End it; what is shown stays."""
        bar = self._bar
        if bar is not None and self._owner == os.getpid():
            bar.close("finished")
        super().close()

    def __reduce__(self) -> tuple[Any, ...]:
        # As an argument of a task: the worker begins its own one there.
        return type(self), (self.location,)

    def __repr__(self) -> str:
        return f"<Writer at {self.location}>"

    # -- private ---------------------------------------------------------------

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._bar = _Text(place=self._location, leave=True)

    def _show(self, text: str) -> None:
        if self._owner != os.getpid():  # forked: the parent's bar is not ours
            self._begin()
        assert self._bar is not None
        self._bar.postfix = self._text = text


class _Text(Bar):
    """A bar that is nothing but its text."""

    def _style(self) -> Style:
        return _Plain()


class _Plain(Style):
    """Writes the text alone."""

    def line(self, told: Progress, columns: int | None) -> str | None:
        """Make the line; none as long as nothing was written."""
        return told.postfix or None
