"""Two lanes of messages that wait for one connection. Knows no bytes sent or unsent.

What may be superseded waits in the newest lane, one message for each key; what
must arrive waits whole in the kept lane, which is bounded and says what it
dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from .messages import Lane, Log, Message, Missed

__all__ = ["Outbox"]

LIMIT = 1000  # log records that wait for one viewer


class Outbox:
    """What still has to be said on a connection.

    Parameters
    ----------
    limit : int, default: 1000
        Log records kept; of more, the oldest is dropped and counted. Other kept
        messages are few by their nature and are never dropped.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: deque[Message] = deque()
        self._logs = 0
        self._missed = 0
        self._newest: dict[Hashable, Message] = {}

    def put(self, message: Message) -> None:
        """Add a message to its lane."""
        if message.lane is Lane.NEWEST:
            name = getattr(message, "key", "plotter")
            key = (message.code, getattr(message, name, None))
            self._newest.pop(key, None)  # the newest of a key waits at the end
            self._newest[key] = message
            return
        self._kept.append(message)
        if isinstance(message, Log):
            self._logs += 1
            if self._logs > self._limit:
                self._drop_oldest_log()

    def get(self) -> Message | None:
        """Take the message to send next: kept ones first; None if all is said."""
        if self._kept:
            message = self._kept.popleft()
            if isinstance(message, Log):
                self._logs -= 1
            return message
        if self._missed:
            missed, self._missed = self._missed, 0
            return Missed(missed)
        if self._newest:
            return self._newest.pop(next(iter(self._newest)))
        return None

    def __bool__(self) -> bool:
        return bool(self._kept or self._missed or self._newest)

    def _drop_oldest_log(self) -> None:
        for index, message in enumerate(self._kept):
            if isinstance(message, Log):
                del self._kept[index]
                self._logs -= 1
                self._missed += 1
                return
