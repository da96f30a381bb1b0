"""The histories of a run's scalars at any place of its record or recording.

A file tells each history in pieces, and now and then the whole of it; whoever goes to a
place in it wants one whole. Reads forwards once. Draws nothing.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import AsyncPlotError
from ..wire.messages import Scalars
from .records import Records

__all__ = ["Histories"]


class Histories:
    """The histories of one file.

    Parameters
    ----------
    records : Records
        The file; others may read it, too.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[str, list[_Points]] = {}
        self._through = 0  # entries read

    def at(self, end: int) -> Iterator[Scalars]:
        """Tell every history as it was before an entry, each in one message.

        Parameters
        ----------
        end : int
            That entry.
        """
        self._read(end)
        for name, parts in self._known.items():
            upto = bisect.bisect_left(parts, end, key=lambda part: part.index)
            begin = upto
            while begin and not parts[begin - 1].whole:
                begin -= 1
            shown = parts[max(0, begin - 1) : upto]
            if shown:
                steps = np.concatenate([part.steps for part in shown])
                values = np.concatenate([part.values for part in shown])
                yield Scalars(name, True, [steps.data, values.data])

    def _read(self, end: int) -> None:
        entries = self._records.entries
        for index in range(self._through, end):
            if entries[index].kind is not Scalars:
                continue
            try:
                message = self._records.read(entries[index])
            except (AsyncPlotError, OSError):  # of one that is damaged
                continue
            assert isinstance(message, Scalars)
            steps, values = (np.frombuffer(b, np.float64) for b in message.buffers)
            points = _Points(index, message.whole, steps, values)
            self._known.setdefault(message.name, []).append(points)
        self._through = max(self._through, end)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of a history that one entry holds."""

    index: int
    whole: bool
    steps: Any
    values: Any
