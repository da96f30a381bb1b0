"""`mpire.WorkerPool`.

It gives a task to a certain worker, behind whatever that one has in hand, so no more
are handed on than there are workers. When one dies it gives up as a whole; it is
started again with the next chunk. Knows no job.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from typing import Any

from .. import work
from .base import Kind
from .local import LocalPool

__all__ = ["Mpire"]


class Mpire(LocalPool):
    """Hands chunks to a `mpire.WorkerPool`.

    Parameters
    ----------
    pool : mpire.WorkerPool
        The user's.

    Attributes
    ----------
    name : str
    kind : Kind
        Threads with ``start_method="threading"``.

    Raises
    ------
    ValueError
        If the pool hands its functions more than their arguments.
    """

    name = "mpire"

    def __init__(self, pool: Any) -> None:
        super().__init__(ahead=0)
        params = pool.pool_params
        more = [
            name
            for name, given in (
                ("pass_worker_id", params.pass_worker_id),
                ("shared_objects", params.shared_objects is not None),
                ("use_worker_state", params.use_worker_state),
            )
            if given
        ]
        if more:
            raise ValueError(
                f"executor: a WorkerPool with {' and '.join(more)} calls functions "
                "with more than their items; give one without, and bind what they "
                "share with functools.partial"
            )
        self._pool = pool
        if self._broken() is not None:
            self._end()
        if params.start_method == "threading":
            self.kind = Kind.THREADS

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time."""
        number: int = self._pool.pool_params.n_jobs
        return number

    def _hand(
        self,
        promise: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Any:
        return self._pool.apply_async(
            _perform,
            (function, args),
            callback=partial(self._done, promise),
            error_callback=partial(self._failed, promise),
        )

    def _members(self) -> Iterable[Any]:
        return () if self.kind is Kind.THREADS else tuple(self._pool._workers)

    def _broken(self) -> BaseException | None:
        if self._pool._workers and self._pool._worker_comms.exception_thrown():
            return BrokenExecutor("a WorkerPool ends when one of its workers dies")
        return None

    def _terminate(self) -> None:
        # Its queues go with its workers. To empty each it would start a process first,
        # which takes half a second with any method but fork.
        comms = self._pool._worker_comms
        comms.drain_queues = partial(_throw_away, comms)
        try:
            self._pool.terminate()
        finally:
            del comms.drain_queues

    def _kill(self) -> None:
        # The pool waits a second for whatever a worker has begun and not finished.
        for number in range(self.workers):
            with contextlib.suppress(ValueError, OSError, IndexError):
                self._pool._worker_comms.task_done(number)
        super()._kill()

    def _free(self) -> None:
        # A worker that died just after it had put down a result has it locked still.
        lock = self._pool._worker_comms._results_queue._wlock
        if lock is not None:
            lock.acquire(timeout=0.1)
            lock.release()


def _throw_away(comms: Any) -> None:
    for queue in (*comms._task_queues, comms._results_queue):
        queue.cancel_join_thread()
        queue.close()


def _perform(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Have the worker end its chunk when its pool tells it to, and in order.

    mpire tells it by signals, whose handlers raise into the task what a task may catch.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*args)
    ends: dict[int, Any] = {signal.SIGTERM: signal.SIG_DFL}
    if hasattr(signal, "SIGUSR1"):
        ends[signal.SIGUSR1] = work.on_interrupt
    handlers = [(number, signal.signal(number, end)) for number, end in ends.items()]
    try:
        return function(*args)
    except KeyboardInterrupt:
        return None  # nobody waits for it
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
