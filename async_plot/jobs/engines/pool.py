"""`multiprocessing.Pool`, and its pool of threads.

It replaces a worker that died and never tells of the task it had: `processes` shows who
died, and `lose` takes the chunk back. Knows no job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from multiprocessing import pool as pools
from typing import Any, cast

from .base import Kind
from .jams import Guard, guard, guarded, waiting
from .local import LocalPool, Seen

__all__ = ["Pool"]


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
        self._guard: Guard | None = None

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time."""
        number: int = self._pool._processes
        return number

    def processes(self) -> Sequence[Seen]:
        """Every worker process that was ever seen, the ended ones, too."""
        seen = super().processes()
        # The ends of workers that were replaced regularly are harmless.
        if self._guard is None and any(process.exitcode for process in seen):
            self._guard = guard(self._pool)
        return seen

    def drained(self) -> bool:
        """Whether nothing lies in its queues: what it was given, workers have."""
        pool = self._pool
        return pool._taskqueue.empty() and not any(
            waiting(queue._reader) for queue in (pool._inqueue, pool._outqueue)
        )

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

    def _broken(self) -> BaseException | None:
        known = self._guard or guarded(self._pool)
        if known is not None and known.broken:
            return BrokenExecutor("a worker died while it sent back a result")
        return None

    def _end(self) -> None:
        if self._broken() is None:  # else its guard ends it
            super()._end()

    def _free(self) -> None:
        for queue in (self._pool._inqueue, self._pool._outqueue):
            for lock in (queue._rlock, queue._wlock):
                if lock is not None:
                    lock.acquire(block=False)
                    lock.release()
