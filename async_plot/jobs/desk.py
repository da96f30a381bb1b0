"""The desk of a process: its bars, jobs and workers, for whoever tells of them.

What happens is counted where it happens, without lock, clock or call; a reader, in a
thread of its own, polls the counts. In a calculation the background thread reads, in a
worker the reporter, where neither is there the one that writes lines. Knows no socket.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable, Hashable
from itertools import count
from typing import Protocol

from ..wire.messages import Lane, Message

__all__ = ["Desk", "Reader", "Source", "desk"]

KEPT = 10_000  # messages that wait for a reader


class Source(Protocol):
    """Something that goes on, and is looked at from outside.

    Attributes
    ----------
    key : str
        Its identifier, made by `Desk.new_key`.
    ended : bool
        It will not change any more: once told, it is forgotten.
    """

    key: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""

    def look(self, now: float) -> Message:
        """Tell how it stands, at this instant of the monotonic clock."""


class Reader:
    """What one reader of a desk has been told.

    Parameters
    ----------
    wake : callable
        Called, from any thread, when something began that must be polled.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self._said: deque[Message] = deque()
        self._lost = 0
        self._marks: dict[str, Hashable] = {}
        self._sources: dict[str, Source] = {}

    # -- any thread ------------------------------------------------------------

    def add(self, source: Source) -> None:
        """Poll this from now on."""
        self._sources[source.key] = source
        self.wake()

    def say(self, message: Message) -> None:
        """Take over a message that must arrive."""
        if len(self._said) >= KEPT:
            self._lost += 1
            return
        self._said.append(message)
        self.wake()

    # -- the reader's thread ---------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anything goes on, or waits to be told."""
        return bool(self._said or self._sources)

    def lost(self) -> int:
        """How many messages did not fit since the last time."""
        lost, self._lost = self._lost, 0
        return lost

    def news(self, now: float) -> list[Message]:
        """Everything that is new, each source's state once."""
        messages: list[Message] = []
        sources = list(self._sources.values())
        ended = [source for source in sources if source.ended]  # before it is looked at
        while self._said:
            messages.append(self._said.popleft())
        for source in sources:
            mark = source.mark()
            if self._marks.get(source.key, self) != mark:
                self._marks[source.key] = mark
                messages.append(source.look(now))
        for source in ended:
            self._sources.pop(source.key, None)
            self._marks.pop(source.key, None)
        return messages


class Desk:
    """Everything of this process that is worth telling.

    Attributes
    ----------
    identity : str
        Random, so that identifiers of processes on many machines differ.
    readers : list of Reader
        Who tells of it. Replaced as a whole, so that any thread may go through it.
    """

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        self._begin()

    def _begin(self) -> None:
        self.identity = secrets.token_hex(4)
        self._numbers = count(1)
        self._open: dict[str, Source] = {}

    def new_key(self) -> str:
        """Make an identifier."""
        return f"{self.identity}.{next(self._numbers)}"

    def add(self, source: Source) -> None:
        """Begin to tell of something; it is forgotten after its end."""
        self._open[source.key] = source
        for reader in self.readers:
            reader.add(source)

    def remove(self, source: Source) -> None:
        """Hold something no longer; readers that have not told its end still will."""
        self._open.pop(source.key, None)

    def say(self, message: Message) -> None:
        """Have a message told that must arrive; lost if nobody reads."""
        assert message.lane is Lane.KEPT
        for reader in self.readers:
            reader.say(message)

    def reader(self, wake: Callable[[], None]) -> Reader:
        """Add a reader, who is told of everything that goes on."""
        reader = Reader(wake)
        self.readers = [*self.readers, reader]
        for source in list(self._open.values()):
            reader.add(source)
        return reader

    def leave(self, reader: Reader) -> None:
        """Tell this reader nothing any more."""
        self.readers = [each for each in self.readers if each is not reader]

    def forked(self) -> None:
        """Forget the parent's: this is a forked child."""
        self.readers = []
        self._begin()


desk = Desk()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=desk.forked)
