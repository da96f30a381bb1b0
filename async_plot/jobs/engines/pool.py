"""`multiprocessing.Pool`, and its pool of threads.

It replaces a worker that died and never tells of the task it had: `processes` shows who
died, and `lose` takes the chunk back. Knows no job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from multiprocessing import pool as pools
from typing import Any, cast

from .base import Kind
from .local import LocalPool, Seen

__all__ = ["Pool"]

# Seconds for which a lock must be held while what it guards lies there, before its
# holder counts as dead. A living one takes it within microseconds; on a machine that
# stands still, when it goes on. To free the lock of a living one would mix up tasks.
JAMMED = 10.0


class Pool(LocalPool):
    """Hands chunks to a `multiprocessing.pool.Pool`.

    Parameters
    ----------
    pool : multiprocessing.pool.Pool
        The user's.

    Attributes
    ----------
    name : str
    kind : Kind
        Threads for a `multiprocessing.pool.ThreadPool`.
    """

    def __init__(self, pool: pools.Pool) -> None:
        super().__init__(ahead=1)
        self._pool = cast(Any, pool)
        self.name = "multiprocessing.Pool"
        if isinstance(pool, pools.ThreadPool):
            self.name, self.kind = "multiprocessing.pool.ThreadPool", Kind.THREADS
        threads = self.kind is Kind.THREADS
        self._jam = None if threads else Jam(self._pool._inqueue)

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time."""
        number: int = self._pool._processes
        return number

    def processes(self) -> Sequence[Seen]:
        """Every worker process that was ever seen, the ended ones, too."""
        seen = super().processes()
        # The ends of workers that were replaced regularly are harmless.
        if self._jam is not None and any(process.exitcode for process in seen):
            self._jam.look(time.monotonic())
        return seen

    # -- the pool --------------------------------------------------------------

    def _hand(
        self,
        promise: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Any:
        return self._pool.apply_async(
            function,
            args,
            callback=partial(self._done, promise),
            error_callback=partial(self._failed, promise),
        )

    def _members(self) -> Iterable[Any]:
        return () if self.kind is Kind.THREADS else tuple(self._pool._pool)

    def _terminate(self) -> None:
        self._pool.terminate()

    def _drop(self, handle: Any) -> None:
        # Else `close` and `join` would wait for it for ever.
        handle._cache.pop(handle._job, None)
        self._pool._change_notifier.put(None)

    def _free(self) -> None:
        for queue in (self._pool._inqueue, self._pool._outqueue):
            for lock in (queue._rlock, queue._wlock):
                if lock is not None:
                    lock.acquire(block=False)
                    lock.release()


class Jam:
    """Frees a pool whose worker died while it waited for a task.

    Idle workers wait at one lock, and one of them, which holds it, at the queue. If
    that one is killed no other gets a task any more, and ``terminate`` hangs, too.

    Parameters
    ----------
    queue : multiprocessing.queues.SimpleQueue
        From which the workers get their tasks.
    """

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._since = float("inf")

    def look(self, now: float) -> None:
        """Free the queue if it is full and nobody takes from it."""
        if not self._queue._reader.poll() or self._free():
            self._since = float("inf")
            return
        self._since = min(self._since, now)
        if now - self._since >= JAMMED:
            self._queue._rlock.release()
            self._since = float("inf")

    def _free(self) -> bool:
        lock = self._queue._rlock
        if lock is None or not lock.acquire(block=False):
            return lock is None
        lock.release()
        return True
