"""The thread for the disk: it alone waits for files while a run goes on.

A disk may be full, slow, or hang for hours (a network file system does). What is to
be written is handed over here, and neither the calculation nor its viewers wait for
it. The thread that hands it over also takes back what was lent, in `settle`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .snapshot import Snapshot
from .warning import warn

__all__ = ["Disk", "Task"]


@dataclass(slots=True, eq=False)
class Task:
    """Something to be written.

    Attributes
    ----------
    write : callable
        Writes it; gives the processor seconds that it ran beside the calculation,
        without the GIL. May raise `OSError`.
    done : callable, optional
        ``done(task)`` is told afterwards, by `Disk.settle`; without it nobody waits
        for the task, and any thread may put it.
    snapshots : list of Snapshot
        What must not be overwritten until then.
    error : Exception or None
        Why it failed.
    cost : float
        Processor seconds with the GIL that it took from the calculation.
    seconds : float
        How long it took.
    """

    write: Callable[[], float]
    done: Callable[[Task], object] | None = None
    snapshots: list[Snapshot] = field(default_factory=list)
    error: Exception | None = None
    cost: float = 0.0
    seconds: float = 0.0


class Disk(threading.Thread):
    """Carries out tasks, one after the other."""

    def __init__(self) -> None:
        super().__init__(name="async_plot disk", daemon=True)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._finished: deque[Task] = deque()
        self._open = 0  # tasks that were put and not settled

    # -- the thread that hands over --------------------------------------------

    def begin(self) -> None:
        """Start the thread; where the system has none left, tasks are done at once."""
        try:
            self.start()
        except RuntimeError as error:
            warn("there is no thread for the disk: %s", error)

    def put(self, task: Task) -> None:
        """Have something written; it may take as long as it likes."""
        if task.done is not None:
            self._open += 1
        for snapshot in task.snapshots:
            snapshot.users += 1
        if self.ident is None:
            self._carry_out(task)
        else:
            self._tasks.put(task)

    def settle(self, free: Callable[[Snapshot], object]) -> float:
        """Take back what finished tasks were lent; give what they cost.

        Parameters
        ----------
        free : callable
            ``free(snapshot)``: nothing of it is being used any more.

        Returns
        -------
        float
            Processor seconds.
        """
        cost = 0.0
        while self._finished:
            task = self._finished.popleft()
            self._open -= 1
            cost += task.cost
            for snapshot in task.snapshots:
                snapshot.users -= 1
                if not snapshot.users:
                    free(snapshot)
            if task.done is not None:
                task.done(task)
        return cost

    def wait(self, deadline: float) -> bool:
        """Wait until everything is written; False if time was out before.

        Never called by the calculation's thread: see `async_plot.net.wakeup`.
        """
        while len(self._finished) < self._open:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.001)
        return True

    def stop(self, deadline: float) -> None:
        """End the thread when everything is written, and wait a while for that."""
        if self.ident is not None:
            self._tasks.put(None)
            self.join(max(0.0, deadline - time.monotonic()))

    # -- the thread ------------------------------------------------------------

    def run(self) -> None:
        """Carry out tasks until there are no more."""
        while (task := self._tasks.get()) is not None:
            self._carry_out(task)
            del task  # and what it was lent

    def _carry_out(self, task: Task) -> None:
        started, cpu = time.monotonic(), time.thread_time()
        beside = 0.0
        try:
            beside = task.write()
        except Exception as error:  # also of a defect: it must not end the thread
            task.error = error
        task.seconds = time.monotonic() - started
        task.cost = max(0.0, time.thread_time() - cpu - beside)
        if task.done is not None:
            self._finished.append(task)
