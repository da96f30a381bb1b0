"""How often something may be done: so many at once, and so many a second."""

from __future__ import annotations

import math

__all__ = ["Allowance"]


class Allowance:
    """Says whether something may be done once more.

    Parameters
    ----------
    burst : float
        How many at once.
    rate : float
        How many a second, in the long run.
    """

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = self._left = burst
        self._rate = rate
        self._at = -math.inf

    def take(self, now: float) -> bool:
        """Whether it may be done at this instant; it counts as done then."""
        passed, self._at = max(0.0, now - self._at), max(now, self._at)
        self._left = min(self._burst, self._left + self._rate * passed)
        if self._left < 1:
            return False
        self._left -= 1
        return True
