"""Where every thread of this process is, as text. Decides nothing.

The lines of source stand in files, and a file may lie on a disk that has stopped to
answer, which may be the very reason for asking. So they are read by a thread of its
own that nobody waits for; without them there are the places alone.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from types import FrameType

from ..wire.framing import printable

__all__ = ["Stacks"]

CALLS = 40  # of one thread, the innermost ones
GROUPS = 32  # threads that are at different places
TEXT = 32_768  # characters of all
_NAMES = 4  # threads named of those at one place
_LINE = 200  # characters of one line of source

# A frozen interpreter may not know where its library is; no file begins with a zero.
_LIBRARY = os.path.join(os.path.dirname(getattr(os, "__file__", "")) or "\0", "")
_THREADING = getattr(threading, "__file__", "\0")

Place = tuple[str, int, str]  # file, line, function


@dataclass(slots=True)
class _Group:
    """Threads that are at the same place, such as the idle workers of a pool."""

    places: tuple[Place, ...]
    more: bool  # there are further calls around these
    names: list[str] = field(default_factory=list)


class Stacks(threading.Thread):
    """The stacks of all threads but this package's own, as they are now.

    `start` reads the lines of source.

    Parameters
    ----------
    callers : collection of int
        Threads that are told first: those that the calculation runs in.

    Attributes
    ----------
    read : bool
        The lines of source are in `text`.
    cost : float
        Processor seconds that reading them took.
    """

    def __init__(self, callers: Collection[int] = ()) -> None:
        super().__init__(name="async_plot stacks", daemon=True)
        self.read = False
        self.cost = 0.0
        self._groups = _groups(callers)
        self.text = self._text(with_source=False)

    def run(self) -> None:
        """Put the lines of source into the text."""
        before = time.thread_time()
        with contextlib.suppress(Exception):  # whatever the files hold
            self.text = self._text(with_source=True)
        self.cost = time.thread_time() - before
        self.read = True

    def _text(self, *, with_source: bool) -> str:
        if not self._groups:
            return "no thread of the calculation runs Python code\n"
        place = _outside(self._groups[0].places)
        source = _source(place, with_source)
        file, line, name = place
        lines = [f"in {name} ({os.path.basename(file)}:{line})"]
        lines[0] += f": {source}\n" if source else "\n"
        for group in self._groups[:GROUPS]:
            names = ", ".join(group.names[:_NAMES])
            if len(group.names) > _NAMES:
                names += f" and {len(group.names) - _NAMES} more"
            lines.append(f"\n{names} (most recent call last):\n")
            if group.more:
                lines.append("  ...\n")
            for place in group.places:
                file, line, name = place
                lines.append(f'  File "{file}", line {line}, in {name}\n')
                source = _source(place, with_source)
                if source:
                    lines.append(f"    {source}\n")
        if len(self._groups) > GROUPS:
            lines.append(f"\nand {len(self._groups) - GROUPS} other threads\n")
        return printable("".join(lines)[:TEXT], keep="\n")


def _groups(callers: Collection[int]) -> list[_Group]:
    """Threads by their places, those of the calculation first."""
    # Not `threading.enumerate`: its lock may be held by the thread that hangs.
    known = dict(getattr(threading, "_active", {}))
    main = threading.main_thread().ident
    found: dict[tuple[Place, ...], _Group] = {}
    frames = sys._current_frames()
    ages = {number: age for age, number in enumerate(known)}
    for number in sorted(
        frames, key=lambda n: (n not in callers, n != main, ages.get(n, len(ages)))
    ):
        thread = known.get(number)
        name = thread.name if thread is not None else f"thread {number}"
        if name.startswith("async_plot"):
            continue
        places, more = _places(frames[number])
        found.setdefault(places, _Group(places, more)).names.append(name[:100])
    # A frame holds the data of its function: none is kept any longer than needed.
    frames.clear()
    return list(found.values())


def _places(frame: FrameType | None) -> tuple[tuple[Place, ...], bool]:
    places: list[Place] = []
    while frame is not None and len(places) < CALLS:
        code = frame.f_code
        places.append((code.co_filename, frame.f_lineno or 0, code.co_name))
        frame = frame.f_back
    places.reverse()
    # How Python starts a thread tells nothing.
    while len(places) > 1 and places[0][0] == _THREADING:
        del places[0]
    return tuple(places), frame is not None


def _outside(places: tuple[Place, ...]) -> Place:
    """Innermost place in somebody's own code, not a library's: where to look first."""
    for place in reversed(places):
        file = place[0]
        if not (
            file.startswith((_LIBRARY, "<frozen"))
            or f"{os.sep}site-packages{os.sep}" in file
            or f"{os.sep}dist-packages{os.sep}" in file
        ):
            return place
    return places[-1]


def _source(place: Place, wanted: bool) -> str:
    return linecache.getline(place[0], place[1]).strip()[:_LINE] if wanted else ""
