"""What a calculation shows beside its frames, as the background thread sees it.

Its jobs, for one. Whoever brings them implements `Annex`; knows no socket.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..wire.handshake import Key
from ..wire.messages import Message, RunState

if TYPE_CHECKING:  # it brings numpy, which a worker may not need
    from .chronicle import Chronicle

__all__ = ["Annex", "Nothing", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker reaches a run, wherever it is.

    Attributes
    ----------
    run : str
        Identifier of the run.
    host : str
        Machine of the calculation.
    near : (str, int)
        Where it listens on its own machine.
    far : (str, int) or None
        Where it listens for others, by TLS.
    fingerprint : str or None
        Of the certificate that is there.
    key : Key
        A worker's, see `async_plot.wire.handshake.worker_key`.
    """

    run: str
    host: str
    near: tuple[str, int]
    far: tuple[str, int] | None
    fingerprint: str | None
    key: Key = field(repr=False)


class Annex(Protocol):
    """Something with news of its own, and with workers that report to it.

    Only the background thread calls it, except for `open`.
    """

    def open(self, way: Way) -> None:
        """Take note how workers get there."""

    def begin(self, wake: Callable[[], None], chronicle: Chronicle) -> None:
        """Take note whom to wake when there is something to poll.

        Parameters
        ----------
        wake : callable
            To be called from any thread.
        chronicle : Chronicle
            Where log records and points of scalars go.
        """

    def next_at(self, *, watched: bool) -> float:
        """When `news` should be called next; infinity if nothing goes on."""

    def news(self, now: float) -> list[Message]:
        """What is to be told to every viewer."""

    @property
    def signs(self) -> int:
        """Changes as long as the calculation shows signs of life."""

    @property
    def changes(self) -> int:
        """Changes whenever `tail` does."""

    def tail(self) -> list[Message]:
        """What a viewer is told that comes now."""

    @property
    def settled(self) -> bool:
        """Whether that holds all which has been begun, ended or said here."""

    def join(self, worker: int) -> list[Message]:
        """A worker has connected: what it is told."""

    def hear(self, worker: int, message: Message, now: float) -> None:
        """Take note of what a worker says."""

    def orders(self) -> dict[int, Message]:
        """What workers are told now, without having said anything."""

    def leave(self, worker: int) -> None:
        """A worker's connection has ended."""

    @property
    def awaits(self) -> bool:
        """Whether a worker that is connected has something left to tell."""

    def end(self, state: RunState, now: float) -> list[Message]:
        """The last news: the run ends so."""

    def close(self) -> None:
        """Nothing will be asked any more."""


class Nothing:
    """An annex without news; workers that come are welcome and not heard."""

    signs = changes = 0
    awaits = False
    settled = True

    def open(self, way: Way) -> None:
        """Nobody is sent there."""

    def begin(self, wake: Callable[[], None], chronicle: Chronicle) -> None:
        """Nothing is to be polled."""

    def next_at(self, *, watched: bool) -> float:
        """Never."""
        return math.inf

    def news(self, now: float) -> list[Message]:
        """Nothing."""
        return []

    def tail(self) -> list[Message]:
        """Nothing."""
        return []

    def join(self, worker: int) -> list[Message]:
        """Nothing."""
        return []

    def hear(self, worker: int, message: Message, now: float) -> None:
        """It is not heard."""

    def orders(self) -> dict[int, Message]:
        """None."""
        return {}

    def leave(self, worker: int) -> None:
        """It is not missed."""

    def end(self, state: RunState, now: float) -> list[Message]:
        """Nothing."""
        return []

    def close(self) -> None:
        """Nothing is open."""
