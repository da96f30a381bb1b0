"""The alarm for a calculation that says nothing any more. Stops nothing.

It knows signs of life only as a number that changes, and time only as what it is
told: asked once a tick, it answers with what the views should be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from ..wire.messages import Stalled
from .stacks import Stacks

__all__ = ["StallAlarm"]

# After a longer gap between two looks this thread could not look: the process was
# stopped, the computer slept, or C code kept Python from running. It counts as little.
GAP = 2.0  # seconds
UNSEEN = 0.5  # seconds
READING = 1.0  # seconds to wait for the lines of source


class StallAlarm:
    """Notices that there is no sign of life, and that there is one again.

    Parameters
    ----------
    after : float or None
        Seconds without one; None never raises the alarm.
    now : float
        The start, in seconds on the clock used throughout.
    stacks : callable
        ``stacks(callers)`` takes the stacks of all threads.

    Attributes
    ----------
    spent : float
        Processor seconds that reading the lines of source took, in other threads.
    """

    def __init__(
        self,
        after: float | None,
        now: float,
        stacks: Callable[[Collection[int]], Stacks] = Stacks,
    ) -> None:
        self.spent = 0.0
        self._after = after
        self._stacks = stacks
        self._beats = 0
        self._life: tuple[int, int] = (0, 0)
        self._at = now
        self._quiet = 0.0
        self._next = after or 0.0  # seconds of quiet after which stacks are taken
        self._asked = 0.0
        self._taken: Stacks | None = None
        self._told: Stalled | None = None

    def alive(self) -> None:
        """Give a sign of life that is neither an update nor a point of a scalar."""
        self._beats += 1

    @property
    def current(self) -> Stalled | None:
        """What a viewer that comes now is to be told; None while there is life."""
        told = self._told
        return told and Stalled(self._quiet, told.since, told.text)

    def look(self, life: int, callers: Collection[int], now: float) -> Stalled | None:
        """Look for signs of life; return what there is to tell.

        Parameters
        ----------
        life : int
            A number that every sign of life changes.
        callers : collection of int
            Threads that the calculation is known to run in.
        now : float
            The present.
        """
        if self._after is None:
            return None
        signs = (life, self._beats)
        if signs != self._life:
            self._life = signs
            return self._go_on(now)
        self._quiet += self._since_last_look(now)
        if self._quiet >= self._next and self._taken is None:
            self._take(callers)
        taken = self._taken
        if taken is None or not (taken.read or self._quiet >= self._asked + READING):
            return None
        self._taken = None
        self.spent += taken.cost
        # Again after twice the time: whether the stacks have changed tells a loop
        # that never ends from a lock that never opens.
        self._next = 2 * self._quiet
        self._told = Stalled(self._quiet, time.time() - self._quiet, taken.text)
        return self._told

    def _take(self, callers: Collection[int]) -> None:
        self._asked = self._quiet
        self._taken = self._stacks(callers)
        try:
            self._taken.start()
        except RuntimeError:  # no thread to be had: there are the places
            self._taken.read = True

    def _go_on(self, now: float) -> Stalled | None:
        told, quiet = self._told, self._quiet + self._since_last_look(now)
        self._told = self._taken = None
        self._quiet, self._next = 0.0, self._after or 0.0
        return Stalled(quiet, told.since, "") if told is not None else None

    def _since_last_look(self, now: float) -> float:
        gap, self._at = max(0.0, now - self._at), now
        return gap if gap <= GAP else UNSEEN
