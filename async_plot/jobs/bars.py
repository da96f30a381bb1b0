"""A bar: something that is counted, and may be looked at from outside at any time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

from ..wire.messages import Progress
from .desk import desk

__all__ = ["Bar"]


class Bar:
    """Counts what is done; whoever counts stores a number, and does nothing else.

    Parameters
    ----------
    total : float, optional
        How much there is to do.
    desc, unit : str
        What is counted, and in what.
    clock : callable, default: time.monotonic
        Seconds.

    Attributes
    ----------
    n : float
        How much is done.
    """

    def __init__(
        self,
        total: float | None = None,
        *,
        desc: str = "",
        unit: str = "it",
        job: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = desk.new_key()
        self.n: float = 0
        self.total = total
        self.desc = desc
        self.unit = unit
        self.job = job
        self.failed = 0
        self.state = "running"
        self._clock = clock
        self._began = clock()
        self._ended_at = 0.0
        desk.add(self)

    def update(self, n: float = 1) -> None:
        """Count `n` more."""
        self.n += n

    def close(self, state: str = "finished") -> None:
        """End counting; a second time does nothing."""
        if self.state == "running":
            self._ended_at = self._clock()
            self.state = state
            desk.remove(self)

    # -- the reader's thread ---------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state != "running"

    def mark(self) -> Hashable:
        """Something that differs when there is anything new to tell."""
        return self.n, self.total, self.failed, self.desc, self.state

    def look(self, now: float) -> Progress:
        """Tell how it stands, at this instant of the monotonic clock."""
        elapsed = (self._ended_at or now) - self._began
        rate = self.n / elapsed if elapsed > 0 else 0.0
        left = math.inf
        if self.total is not None and rate > 0:
            left = max(0.0, (self.total - self.n) / rate)
        return Progress(
            bar=self.key,
            parent="",
            job=self.job,
            worker="",
            desc=self.desc,
            unit=self.unit,
            done=float(self.n),
            total=-1.0 if self.total is None else float(self.total),
            failed=self.failed,
            elapsed=elapsed,
            rate=rate,
            remaining=left,
            state=self.state,
            postfix="",
            place=[],
            leave=True,
        )
