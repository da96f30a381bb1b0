"""How the jobs of a run stand, as far as it was told; for whoever comes late.

Bounded, whatever is told. Knows no clock, thread or socket.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ..wire.messages import Failure, Job, Message, Progress, Slowest, Worker

__all__ = ["RUNNING", "Standing"]

RUNNING = "running"
GONE = ("ended", "died")  # states of a worker that has ended

JOBS = 100
BARS = 10_000  # that run
ENDED = 200  # bars that have ended and stay in sight
WORKERS = 2000
FAILURES = 100  # the first ones of a job, and as many of the newest ones


class Standing:
    """The newest word on each job, bar and worker, and the failures.

    Attributes
    ----------
    changes : int
        Grows whenever something was taken.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, tuple[Progress, float]] = {}  # and when it was told
        self._ended: dict[str, Progress] = {}
        self._workers: dict[str, Worker] = {}
        self._slowest: dict[str, Slowest] = {}
        self._failures: dict[str, _Failures] = {}

    def take(self, message: Message, now: float) -> None:
        """Take note of what is told now; what is none of the jobs' business is not."""
        self.changes += 1
        if isinstance(message, Progress):
            self._take_bar(message, now)
        elif isinstance(message, Worker):
            self._workers.pop(message.worker, None)
            self._workers[message.worker] = message
            if len(self._workers) > WORKERS:
                self._workers.pop(self._a_gone_worker())
        elif isinstance(message, Job):
            self._jobs[message.job] = message
            if len(self._jobs) > JOBS:
                self._forget(self._an_old_job())
        elif isinstance(message, Failure):
            failures = self._failures.get(message.job)
            if failures is None:
                failures = self._failures[message.job] = _Failures()
                if len(self._failures) > JOBS:
                    self._failures.pop(next(iter(self._failures)))
            failures.take(message)
        elif isinstance(message, Slowest):
            self._slowest.pop(message.job, None)
            self._slowest[message.job] = message
            if len(self._slowest) > JOBS:
                self._slowest.pop(next(iter(self._slowest)))
        else:
            self.changes -= 1

    def advances(self, message: Message) -> bool:
        """Whether a message tells that something went on, and not only how it stands.

        That a task takes long is told again and again.
        """
        if isinstance(message, Progress):
            known = self._running.get(message.bar)
            if known is None:
                return True
            bar, _ = known
            return (bar.done, bar.state) != (message.done, message.state)
        if isinstance(message, Worker):
            worker = self._workers.get(message.worker)
            return worker is None or _done(worker) != _done(message)
        return True

    def tell(self, now: float) -> list[Message]:
        """All of it, for somebody who knows nothing. Any thread.

        A bar is told when it has changed, which may be long ago.
        """
        # Lists are made in one step: another thread may take messages meanwhile.
        return [
            *list(self._jobs.values()),
            *list(self._ended.values()),
            *(_aged(bar, now - at) for bar, at in list(self._running.values())),
            *list(self._workers.values()),
            *list(self._slowest.values()),
            *(each for told in list(self._failures.values()) for each in told.all()),
        ]

    def running(self) -> list[Progress]:
        """Bars that have not ended."""
        return [bar for bar, _ in self._running.values()]

    def bar_runs(self, bar: str) -> bool:
        """Whether a bar is known, and has not ended."""
        return bar in self._running

    def worker(self, worker: str) -> Worker | None:
        """What a worker said last."""
        return self._workers.get(worker)

    def number(self, worker: str) -> int:
        """Number of a worker in its job, 0 if it is not known."""
        known = self._workers.get(worker)
        return known.number if known is not None else 0

    def end(self, state: str, now: float) -> list[Message]:
        """Let everything end that goes on; return what is to be told of it."""
        last: list[Message] = [
            replace(_aged(bar, now - at), state=state)
            for bar, at in self._running.values()
        ]
        last += [
            replace(worker, state="ended")
            for worker in self._workers.values()
            if worker.state not in GONE
        ]
        for message in last:
            self.take(message, now)
        return last

    # -- private ---------------------------------------------------------------

    def _take_bar(self, message: Progress, now: float) -> None:
        if message.state == RUNNING:
            self._running[message.bar] = message, now
            if len(self._running) > BARS:
                self._running.pop(next(iter(self._running)))
            return
        self._running.pop(message.bar, None)
        if message.leave:
            self._ended.pop(message.bar, None)
            self._ended[message.bar] = message
        if len(self._ended) > ENDED:
            self._ended.pop(next(iter(self._ended)))

    def _an_old_job(self) -> str:
        """The oldest job that has ended, else the oldest one."""
        ended = (job for job in self._jobs if job not in self._running)
        return next(ended, next(iter(self._jobs)))

    def _a_gone_worker(self) -> str:
        gone = (key for key, each in self._workers.items() if each.state in GONE)
        return next(gone, next(iter(self._workers)))

    def _forget(self, job: str) -> None:
        """Forget a job with all that belongs to it."""
        del self._jobs[job]
        self._ended.pop(job, None)
        self._slowest.pop(job, None)
        self._failures.pop(job, None)
        for key in [k for k, each in self._workers.items() if each.job == job]:
            del self._workers[key]


def _aged(bar: Progress, seconds: float) -> Progress:
    """How a bar stands so long after it was told, if nothing else has changed."""
    left = max(0.0, bar.remaining - seconds)
    return replace(bar, elapsed=bar.elapsed + seconds, remaining=left)


def _done(worker: Worker) -> tuple[object, ...]:
    return worker.state, worker.chunk, worker.counted, worker.task, worker.done


class _Failures:
    """The first failures of a job, and the newest ones."""

    def __init__(self) -> None:
        self._first: list[Failure] = []
        self._newest: deque[Failure] = deque(maxlen=FAILURES)

    def take(self, failure: Failure) -> None:
        if len(self._first) < FAILURES:
            self._first.append(failure)
        else:
            self._newest.append(failure)

    def all(self) -> list[Failure]:
        return [*list(self._first), *list(self._newest)]
