"""What is to be recorded, and how much of it. Does nothing about it."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["LIMIT", "RATE", "Recording"]

RATE = 30.0  # frames a second of each plotter
LIMIT = 4 << 30  # bytes


@dataclass(frozen=True)
class Recording:
    """Where and how `Server` records a run.

    Parameters
    ----------
    file : str or path
        Written by this run alone. A recording that is there already is kept as
        ``FILE~``; anything else is not touched. While another run writes it, this
        one is not recorded, and says so.
    rate : float, default: 30
        Frames a second at most, of each plotter; within the budget.
    limit : int, default: 4 GiB
        Bytes that the file may grow to. When it is full, every second frame is
        dropped and the rate halves.

    Examples
    --------
    >>> from async_plot import Recording
    >>> Recording("run.aplot", rate=5, limit=100_000_000).rate
    5
    """

    file: str | os.PathLike[str]
    rate: float = RATE
    limit: int = LIMIT
