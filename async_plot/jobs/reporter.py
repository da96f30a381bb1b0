"""A worker's reader: tells a calculation what goes on in this process.

It travels with tasks, to wherever an executor performs them, and needs nothing there
but this package. The thread that performs tasks never touches its socket.
"""

from __future__ import annotations

from ..net.annex import Way

__all__ = ["PACE", "Reporter"]

PACE = 0.08  # seconds between two reports


class Reporter:
    """How a worker reaches a run, and what reports there once it has begun.

    Parameters
    ----------
    way : Way
        To the run.
    """

    def __init__(self, way: Way) -> None:
        self._way = way

    def begin(self) -> None:
        """Report what goes on in this process, from now on; returns at once."""
