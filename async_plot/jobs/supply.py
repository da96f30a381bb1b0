"""The tasks of a job that are to be handed out: which come next, and how many at once.

The caller's thread alone asks and tells. Knows no engine, worker or result.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Chunk", "Supply"]

AIM = 0.05  # seconds that a chunk is to take
MOST = 8192  # tasks of a chunk
BYTES = 8 << 20  # of a chunk's arguments, or of its results


@dataclass(eq=False, slots=True)
class Chunk:
    """Some tasks in a row.

    Attributes
    ----------
    number : int
        Of this attempt to have them performed.
    first : int
        Index of the first task.
    tasks : list
        Their arguments.
    promise : Promise or None
        What the engine gave for it.
    """

    number: int
    first: int
    tasks: list[Any]
    promise: Any = None

    def __contains__(self, task: int) -> bool:
        return 0 <= task - self.first < len(self.tasks)

    @property
    def runs(self) -> bool:
        """Whether it is waited for."""
        promise = self.promise
        return promise is not None and not promise.done()

    @property
    def taken(self) -> bool:
        """Whether a pool has it, so that it cannot be cancelled any more."""
        promise = self.promise
        return promise is not None and bool(promise.running())

    def without(self, gone: Collection[int]) -> list[Chunk]:
        """Divide it into what lies between some tasks, which are left out."""
        rest: list[Chunk] = []
        first, tasks = self.first, self.tasks
        for task in sorted(gone):
            if 0 <= task - first < len(tasks):
                if task > first:
                    rest.append(Chunk(0, first, tasks[: task - first]))
                first, tasks = task + 1, tasks[task + 1 - first :]
        if tasks:
            rest.append(Chunk(0, first, tasks))
        return rest


class Supply:
    """Makes chunks of what an iterator gives, and of what comes back undone.

    Parameters
    ----------
    source : iterator
        Gives the arguments of each task.
    total : int or None
        How many there are, if that is known.
    size : int or None
        Tasks of each chunk; None: as many as take some 50 ms.
    eager : bool
        A first chunk may be large: nothing of it has to travel.

    Attributes
    ----------
    total : int or None
        As given; what there were, once the source is exhausted.
    begun : int
        How many tasks were taken from the source.
    exhausted : bool
        It gives no more.
    back : deque of Chunk
        What is handed out before anything else is taken.
    """

    def __init__(
        self,
        source: Iterator[Any],
        total: int | None,
        size: int | None,
        *,
        eager: bool = False,
    ) -> None:
        self.begun = 0
        self.exhausted = False
        self.back: deque[Chunk] = deque()
        self.total = total
        self._source = source
        self._fixed = size
        self._eager = eager
        self._numbers = itertools.count(1)
        self._mean = 0.0  # seconds of a task
        # Bytes of a task. Apart: light arguments do not make heavy results light.
        self._weights = {"arguments": 0.0, "result": 0.0}

    # -- what comes next -------------------------------------------------------

    def chunk(self, workers: int) -> Chunk | None:
        """The next chunk, for so many workers: what came back first; None if none."""
        size = self._size(workers)
        if self.back:
            back = self.back.popleft()
            if len(back.tasks) > size:
                rest = Chunk(0, back.first + size, back.tasks[size:])
                self.back.appendleft(rest)
                back.tasks = back.tasks[:size]
            back.number = next(self._numbers)
            return back
        if self.exhausted:
            return None
        tasks = list(itertools.islice(self._source, size))
        if len(tasks) < size:
            self.exhausted = True
            self.total = self.begun + len(tasks)
        if not tasks:
            return None
        first, self.begun = self.begun, self.begun + len(tasks)
        return Chunk(next(self._numbers), first, tasks)

    def again(self, chunk: Chunk) -> Chunk:
        """Give the same chunk for another attempt."""
        return Chunk(next(self._numbers), chunk.first, chunk.tasks)

    def stop(self, task: int) -> None:
        """Let none come any more from this one on."""
        self.exhausted = True
        self.back = deque(chunk for chunk in self.back if chunk.first < task)

    def clear(self) -> None:
        """Let none come any more."""
        self.exhausted = True
        self.back.clear()

    # -- what is learnt of the tasks -------------------------------------------

    def weigh(self, what: Literal["arguments", "result"], weight: float) -> None:
        """Take note of the bytes of a task's arguments, or of its result."""
        before = self._weights[what]
        slower = before + 0.1 * (weight - before)
        self._weights[what] = max(weight, slower)

    def time(self, seconds: float) -> None:
        """Take note how long a task takes. Any thread."""
        self._mean = (self._mean + seconds) / 2 if self._mean else seconds

    # -- private ---------------------------------------------------------------

    def _size(self, workers: int) -> int:
        """How many tasks the next chunk is to have."""
        if self._fixed is not None:
            return self._fixed
        most = MOST
        if self.total is not None:
            # Guided: the last chunks are small, so that all workers end together.
            left = self.total - self.begun + sum(len(b.tasks) for b in self.back)
            most = min(most, max(1, left // (2 * workers)))
        heaviest = max(self._weights.values())
        if heaviest:
            most = min(most, max(1, int(BYTES / heaviest)))
        if self._mean:
            size = int(AIM / self._mean)
        elif self.total is not None and (heaviest or self._eager):
            size = min(64, self.total // (24 * workers))
        else:
            size = 1
        return max(1, min(size, most))
