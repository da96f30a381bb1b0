"""When the next picture may be sent to a terminal. Time is an argument.

What a terminal has been sent and not yet shown is a queue, as any other: behind a slow
line it may be seconds long, and keys wait at its end. So the terminal is asked to say
when it has come to the end of a picture; until then there is no other, and afterwards
most of the time is for everything else.
"""

from __future__ import annotations

__all__ = ["Pace"]

SHARE = 0.25  # of the time that the line to the terminal may be busy with pictures
PATIENCE = 10.0  # seconds after which an answer is taken to be lost
LONGEST = 10.0  # seconds between two pictures at most, however slow the line is
SLOW = 1.0  # seconds of one picture from which on a coarser one would be better


class Pace:
    """How fast pictures may follow each other.

    Parameters
    ----------
    rate : float
        Most pictures a second.
    answers : bool
        Whether the terminal says when it has shown one.
    speed : float
        Bytes a second that it is taken to show, if it does not say so.

    Attributes
    ----------
    took : float
        Seconds that the last picture took.
    slow : int
        Pictures in a row that took long.
    """

    def __init__(self, rate: float, *, answers: bool, speed: float = 1e6) -> None:
        self.took = 0.0
        self.slow = 0
        self._interval = 1 / rate
        self._answers = answers
        self._speed = speed
        self._sent: float | None = None  # when, of one that is under way
        self._next = 0.0

    def sent(self, now: float, size: int, cost: float = 0.0) -> None:
        """Note a picture of so many bytes.

        Parameters
        ----------
        now : float
            Seconds, on one clock.
        size : int
            Bytes.
        cost : float
            Seconds that it took to write them down here.
        """
        self._sent = now
        self._next = now + max(self._interval, cost / SHARE)
        if not self._answers:
            self._arrived(now, now + size / self._speed)

    def answered(self, now: float) -> None:
        """Note that the terminal has come to the end of what it was sent."""
        if self._sent is not None and self._answers:
            self._arrived(self._sent, now)

    def due(self, now: float) -> bool:
        """Whether there may be another one now."""
        if self._sent is not None and now - self._sent > PATIENCE:
            self._arrived(self._sent, now)
        return self._sent is None and now >= self._next

    def _arrived(self, begun: float, ended: float) -> None:
        self.took = ended - begun
        self.slow = self.slow + 1 if self.took > SLOW else 0
        self._sent = None
        rest = min(self.took * (1 / SHARE - 1), LONGEST)
        self._next = max(self._next, ended + rest)
