"""When each frame of a record or recording was taken, and which it is at a moment.

Knows no clock, and reads no file.
"""

from __future__ import annotations

import bisect

from .records import Entry

__all__ = ["Moments"]


class Moments:
    """The frames of one file, in their order.

    Attributes
    ----------
    entries : list of int
        Index of each frame's entry in the file.
    times : list of float
        Seconds of each since the first one, strictly rising: each has a moment of its
        own.
    of : dict of {str: list of int}
        The same indexes, for each plotter.
    whole_of : dict of {str: list of (float, int)}
        Moment and index of those that are whole, for each plotter.
    whole : int
        How many frames there are up to the last whole one.
    """

    def __init__(self) -> None:
        self.entries: list[int] = []
        self.times: list[float] = []
        self.of: dict[str, list[int]] = {}
        self.whole_of: dict[str, list[tuple[float, int]]] = {}
        self.whole = 0
        self._begun = 0.0

    def add(self, index: int, entry: Entry) -> None:
        """Take note of one more frame."""
        if not self.times:
            self._begun = entry.time
        since = entry.time - self._begun
        since = max(since, self.times[-1] + 1e-6) if self.times else 0.0
        self.entries.append(index)
        self.times.append(since)
        self.of.setdefault(entry.plotter, []).append(index)
        if not entry.mid_step:
            self.whole_of.setdefault(entry.plotter, []).append((since, index))
        if not entry.mid_step or not self.whole:
            self.whole = len(self.entries)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return self.times[-1] if self.times else 0.0

    @property
    def end(self) -> float:
        """Seconds from the first frame to the last whole one."""
        return self.times[self.whole - 1] if self.whole else 0.0

    def at(self, position: float) -> int:
        """Newest frame at a moment; -1 if there is none at all."""
        found = bisect.bisect_right(self.times, position + 1e-9) - 1
        return max(found, 0) if self.times else -1

    def newest(self, plotter: str, frame: int) -> int | None:
        """Entry of a plotter's newest frame, up to one of all frames."""
        own = self.of.get(plotter, [])
        at = bisect.bisect_right(own, self.entries[frame]) if frame >= 0 else 0
        return own[at - 1] if at else None
