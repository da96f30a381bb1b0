"""What a calculation shows beside its frames, as the background thread sees it.

Its jobs, for one. Whoever brings them implements `Annex`; knows no socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..wire.messages import Message, RunState

__all__ = ["Annex"]


class Annex(Protocol):
    """Something with news of its own, and with workers that report to it.

    Only the background thread calls it.
    """

    def begin(self, wake: Callable[[], None]) -> None:
        """Take note whom to wake when there is something to poll."""

    def next_at(self) -> float:
        """When `news` should be called next; infinity if nothing goes on."""

    def news(self, now: float, *, watched: bool) -> list[Message]:
        """What is to be told to every viewer."""

    @property
    def signs(self) -> int:
        """Changes as long as the calculation shows signs of life."""

    def tail(self) -> list[Message]:
        """What a viewer is told that comes now."""

    def join(self, worker: int) -> list[Message]:
        """A worker has connected: what it is told."""

    def hear(self, worker: int, message: Message, now: float) -> list[Message]:
        """Take note of what a worker says; what it is told."""

    def leave(self, worker: int) -> None:
        """A worker's connection has ended."""

    def end(self, state: RunState, now: float) -> list[Message]:
        """The last news: the run ends so."""
