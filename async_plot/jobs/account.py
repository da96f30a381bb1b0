"""What is known of a job: its tasks' results and failures, its workers, its counts.

Any thread may tell it. Knows no worker's death and hands nothing out.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import StopRequested, TaskError, WorkerDiedError
from ..wire.messages import Failure, Progress, Worker
from . import failures
from .bars import Bar
from .crew import Crew, Insights
from .desk import desk
from .engines.base import Engine, Kind
from .failures import Fault
from .parcels import Parcel
from .supply import Chunk, Supply
from .work import Seat

__all__ = ["KEPT_FAILURES", "MOST_WORKERS", "Account", "Stop", "copied"]

MOST_WORKERS = 10_000  # that can report; whoever reports may lie
KEPT_FAILURES = 100  # the first ones, and as many of the newest


class _TaskBar(Bar):
    """The bar of a job: what has come back, and what is counted in workers."""

    counted: Callable[[], Callable[[], int] | None] | None = None

    @property
    def n(self) -> float:
        count = self.counted() if self.counted is not None else None
        return 0 if count is None else count()

    @n.setter
    def n(self, value: float) -> None:
        pass


class Account:
    """What is known of a job, in its lock's keeping.

    Parameters
    ----------
    engine : Engine
        Performs its tasks.
    supply : Supply
        Has those that are not handed out.
    total : int or None
        How many there are, if that is known.
    desc : str
        What its bar says.
    star, ordered, returns : bool
        Whether tasks are tuples of arguments; whether results come in their order; and
        whether failures come in the place of results.
    """

    def __init__(
        self,
        engine: Engine,
        supply: Supply,
        total: int | None,
        desc: str,
        *,
        star: bool,
        ordered: bool,
        returns: bool,
    ) -> None:
        self.engine = engine
        self.failures: list[TaskError] = []
        self.failed = 0
        self._supply = supply
        self._star = star
        self._ordered = ordered
        self._returns = returns
        # One that a thread may take twice: what gives up the results, and so ends the
        # job, may be collected while that thread is in here.
        self._lock = threading.RLock()
        self._arrived: queue.SimpleQueue[tuple[Chunk, Any]] = queue.SimpleQueue()
        self._flying: dict[int, Chunk] = {}
        self._seats: dict[int, Any] = {}  # of chunks in hand: a count, or the seat
        self._ready: dict[int, list[Any]] = {}
        self._returned = 0  # tasks that have come back
        self._error: BaseException | None = None  # to be raised after what came before
        self._over = ""
        self._stopping = False
        self._last: Progress | None = None  # once closed
        self.started = time.time()
        self.bar = _TaskBar(total, desc=desc, unit="task")
        self.bar.counted = weakref.WeakMethod(self.counted)
        self.bar.job = self.bar.key
        self.crew = Crew(self.bar.key, time.monotonic())

    # -- what it is ------------------------------------------------------------

    @property
    def state(self) -> str:
        """How it stands."""
        return self.bar.state

    def progress(self) -> Progress:
        """How many of its tasks are done, and how long the others will take."""
        return self._last or self.bar.look(time.monotonic())

    def insights(self) -> Insights:
        """Where its time went."""
        with self._lock:
            return self.crew.insights()

    def counted(self) -> int:
        """Tasks that are done, those inside of unfinished chunks too."""
        with self._lock:
            count = self._returned
            for seen in self._seats.values():
                count += seen if isinstance(seen, int) else len(seen.results)
            return count

    # -- workers, from any thread ----------------------------------------------

    def hear(self, said: Worker) -> None:
        """Take over what a worker reports of the chunk in hand."""
        with self._lock:
            if self._over or said.job != self.bar.key or self._near:
                return
            chunk = self._flying.get(said.chunk)
            if said.worker not in self.crew.members:
                if chunk is None or len(self.crew.members) >= MOST_WORKERS:
                    return  # nobody that works for us
            if chunk is None and said.state == "working":
                return  # that has come back meanwhile, and is counted
            if chunk is not None and said.state == "working":
                self._seats[said.chunk] = max(0, min(said.counted, len(chunk.tasks)))
            self.crew.member(said.worker).hear(said)

    def begun(self, chunk: int, seat: Seat) -> None:
        """Take note that a thread of this process has a chunk in hand."""
        with self._lock:
            if self._over:
                seat.interrupted = True
                return
            if chunk in self._flying:
                self._seats[chunk] = seat
            member = self.crew.member(seat.key)
            member.near, member.thread, member.pid = seat, seat.thread, seat.pid

    def _account(self, chunk: Chunk, parcel: Parcel) -> None:
        self._returned += parcel.performed
        if parcel.state == "done" or parcel.performed:
            member = self.crew.take(parcel, time.monotonic())
            if parcel.worked and parcel.performed:
                self._supply.time(parcel.worked / parcel.performed)
        for place, fault in parcel.faults.items():
            if isinstance(fault.error, StopRequested):
                continue  # that is no failure
            if parcel.state == "done" or place < parcel.performed:
                self._fail(fault, chunk.first + place, member.name, member.number)

    def _fail(
        self, fault: Fault, task: int, worker: str, number: int, died: bool = False
    ) -> TaskError:
        """Take note of a failure, and have it told."""
        error = failures.blame(fault, task, worker)
        if died:
            error = WorkerDiedError(*error.args)
        self.failed += 1
        self.bar.failed = self.failed
        if len(self.failures) >= 2 * KEPT_FAILURES:
            del self.failures[KEPT_FAILURES]
        self.failures.append(error)
        key = next((k for k, m in self.crew.members.items() if m.number == number), "")
        desk.say(
            Failure(
                job=self.bar.key,
                worker=key,
                number=number,
                task=task,
                argument=fault.argument,
                kind=fault.kind,
                text=fault.text,
                trace=fault.trace,
                time=fault.time,
            )
        )
        return error

    # -- what is given to the caller -------------------------------------------

    def _put(self, first: int, results: list[Any]) -> None:
        if results:
            self._ready[first] = results

    def _stop(self, task: int, error: BaseException) -> None:
        """Let an error be raised, in its place in the order."""
        self._stopping = True
        self._supply.stop(task)
        if not self._ordered:
            self._error = self._error or error
            self._drop()
            return
        self._drop(task)
        self._ready[task] = Stop(error)

    def _resolve(self, task: int, error: TaskError, fault: Fault | None = None) -> None:
        """Put a failure in the place of a task's result."""
        if self._returns:
            self._put(task, [error])
        elif fault is None:
            self._stop(task, copied(error))
        else:
            self._stop(task, failures.raised(fault, copied(error)))

    def _refuse(self, chunk: Chunk, fault: Fault) -> None:
        """Fail the tasks of a chunk whose function or arguments did not arrive."""
        for place, item in enumerate(chunk.tasks):
            argument = failures.shown(item, star=self._star)
            own = replace(fault, argument=argument, error=None)
            with self._lock:
                self._returned += 1
                error = self._fail(own, chunk.first + place, "a worker", 0)
            self._resolve(chunk.first + place, error)
            if not self._returns:
                return

    def _drop(self, after: int = -1) -> None:
        """Let nothing begin that has not, of the tasks after that one."""
        self._stopping = True
        with self._lock:
            chunks = [each for each in self._flying.values() if each.first > after]
        for chunk in chunks:
            if chunk.promise is not None:
                with contextlib.suppress(Exception):
                    chunk.promise.cancel()

    @property
    def _near(self) -> bool:
        return self.engine.kind is Kind.THREADS


class Stop(list):  # type: ignore[type-arg]
    """In the place of a result: there an error is raised."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def copied(error: TaskError) -> TaskError:
    """Copy a failure that is kept, to be raised: with that go all its frames."""
    again = type(error)(*error.args)
    again.__cause__ = error.__cause__
    return again
