"""How bars and workers stand, thinned so that a week of it fits into a recording.

It is told ten times a second; of each, the newest is written now and then. Knows no
clock and no file.
"""

from __future__ import annotations

import math

from ..wire.messages import Lane, Message

__all__ = ["Thinned"]

STATES = 25  # messages a second that are written
SHORTEST, LONGEST = 1.0, 60.0  # seconds between two of the same bar at most
MOST = 5000  # bars and workers


class Thinned:
    """The newest of what is superseded soon, until it is due."""

    def __init__(self) -> None:
        self._newest: dict[tuple[int, str], Message] = {}
        self._due_at = -math.inf

    def take(self, message: Message) -> bool:
        """Hold a message back; False if it is of a kind that is told whole."""
        name = getattr(message, "key", "")
        if message.lane is not Lane.NEWEST or not name:
            return False
        key = message.code, getattr(message, name)
        self._newest.pop(key, None)
        if len(self._newest) < MOST:
            self._newest[key] = message
        return True

    def due(self, now: float) -> list[Message]:
        """What is to be written at this instant of the monotonic clock, if any."""
        if not self._newest or now < self._due_at:
            return []
        pause = len(self._newest) / STATES
        self._due_at = now + min(max(SHORTEST, pause), LONGEST)
        return self.rest()

    def rest(self) -> list[Message]:
        """All that is held back."""
        found = list(self._newest.values())
        self._newest.clear()
        return found
