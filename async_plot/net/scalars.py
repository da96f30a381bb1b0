"""Histories of scalars: bounded, never dropped, only thinned. Knows no viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["History"]

Vector = np.ndarray[Any, np.dtype[np.float64]]


class History:
    """The points of one scalar, at most `capacity` of them.

    When it is full, each run of four points becomes its smallest and its largest,
    in the order in which they came: peaks survive any number of thinnings.

    Parameters
    ----------
    capacity : int, default: 8192
        Points kept; a multiple of 4.

    Attributes
    ----------
    generation : int
        How often it was thinned; points counted in an older generation are void.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self.generation = 0
        self._points = np.empty((2, capacity))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, step: float, value: float) -> None:
        """Add a point at the end."""
        self.extend([step], [value])

    def extend(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Add points at the end; many at once cost little more than one."""
        added = np.array((steps, values), float)
        while added.shape[1]:
            if self._count == self._points.shape[1]:
                self._thin()
            some = added[:, : self._points.shape[1] - self._count]
            self._points[:, self._count : self._count + some.shape[1]] = some
            self._count += some.shape[1]
            added = added[:, some.shape[1] :]

    def since(self, count: int) -> tuple[Vector, Vector]:
        """Steps and values from the point number `count` on, as copies."""
        steps, values = self._points[:, count : self._count].copy()
        return steps, values

    def _thin(self) -> None:
        steps, values = self._points.reshape(2, -1, 4)
        rows = np.arange(len(values))[:, np.newaxis]
        # A nan is the extreme that a reader must see most.
        most = np.finfo(float).max
        ranks = np.where(np.isnan(values), np.inf, np.minimum(values, most))
        pick = np.stack([ranks.argmin(axis=1), ranks.argmax(axis=1)], axis=1)
        pick[pick[:, 0] == pick[:, 1]] = 0, 3  # constant: first and last
        pick.sort(axis=1)
        self._count = pick.size
        self._points[:, : self._count] = (
            steps[rows, pick].ravel(),
            values[rows, pick].ravel(),
        )
        self.generation += 1
