"""How often watching may cost something. Knows no clock and no cause of cost."""

from __future__ import annotations

__all__ = ["Budget", "due_at"]

_BURST = 1.0  # seconds of saved-up budget that may be spent at once
HELD = 0.05  # seconds; how old the held snapshot may be while somebody watches
UNWATCHED = 1.0  # seconds; the same while nobody does
BESIDE = 0.5  # of the budget at most, that is not the frames'


class Budget:
    """A share of time that may be spent: what was spent must be earned back.

    Parameters
    ----------
    share : float
        In ``(0, 1]``; at 1 nothing is limited.
    now : float
        Instant of the start, in seconds on the clock used throughout.

    Examples
    --------
    One percent: 2 ms spent are earned back in 0.2 s.

    >>> budget = Budget(0.01, now=0.0)
    >>> budget.spend(0.002, now=10.0)
    >>> budget.spend(0.010, now=10.0)
    >>> round(budget.free_at(now=10.0), 3)
    10.2
    """

    def __init__(self, share: float, now: float) -> None:
        self.share = share
        self.spent = 0.0
        self._balance = 0.0
        self._at = self._beside_at = now

    def spend(self, cost: float, now: float) -> None:
        """Charge `cost` seconds."""
        self._earn(now)
        self._balance -= cost
        self.spent += cost

    def spend_beside(self, cost: float, now: float) -> None:
        """Charge what never waits, as reports of workers: frames keep their half."""
        self._earn(now)
        earned = max(0.0, now - self._beside_at) * self.share
        self._beside_at = now
        self._balance -= min(cost, BESIDE * earned)
        self.spent += cost

    def free_at(self, now: float, saved: float = 0.0) -> float:
        """Instant from which something may be spent again, at least `now`.

        Parameters
        ----------
        now : float
            The present.
        saved : float, default: 0.0
            Seconds that must have been saved up by then, for what is optional: paid
            beforehand, it never delays what is asked for.
        """
        if self.share >= 1:
            return now
        self._earn(now)
        missing = min(saved, _BURST * self.share) - self._balance
        return now + max(0.0, missing) / self.share

    def _earn(self, now: float) -> None:
        elapsed = max(0.0, now - self._at)
        self._at = now
        self._balance = min(self._balance + elapsed * self.share, _BURST * self.share)


def due_at(free_at: float, taken: float, *, waiting: bool, watched: bool) -> float:
    """Instant from which the next snapshot is due.

    Parameters
    ----------
    free_at : float
        From when the budget allows one.
    taken : float
        When the last one was taken, in seconds on the same clock.
    waiting : bool
        A viewer can take a frame now.
    watched : bool
        Viewers are connected. One may become ready while the calculation sits in
        a call of an hour, so a recent snapshot is held for it.
    """
    if waiting:
        return free_at
    return max(free_at, taken + (HELD if watched else UNWATCHED))
