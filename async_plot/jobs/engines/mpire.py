"""`mpire.WorkerPool`.

It gives a task to a certain worker, behind whatever that one has in hand, so no more
are handed on than there are workers. When one dies it gives up as a whole; it is
started again with the next chunk. Knows no job.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from multiprocessing import connection
from typing import Any

from .. import work
from .base import Kind
from .local import PATIENCE, LocalPool, Seen

__all__ = ["Mpire"]

MAIN_PROCESS = -1  # in `mpire.comms`: what stands for the pool's owner


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

    def processes(self) -> Sequence[Seen]:
        """Every worker process that was ever seen, the ended ones, too."""
        error = None if self._ended else self._broken()
        if error is not None:
            with self._lock:
                left = list(self._handed)
                self._handed.clear()
            if left:
                # The thread of the pool that tells them may die of a result that comes
                # at the same time. Whoever asks here may hold what their ends wait for.
                threading.Thread(target=_fail, args=(left, error), daemon=True).start()
        return super().processes()

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
        self._be_quick()
        self._pool.terminate()

    def _halt(self) -> None:
        # Not by `terminate`: a second one, of the pool's owner, would trip over it.
        if not self._pool._workers or self.kind is Kind.THREADS:
            return
        self._be_quick()
        comms = self._pool._worker_comms
        with contextlib.suppress(Exception):  # it ends just now by itself
            if not comms.exception_thrown():
                comms.signal_exception_thrown(MAIN_PROCESS)
                ended = RuntimeError("the pool was interrupted")
                self._pool._cache[MAIN_PROCESS]._set(success=False, result=ended)
            for number in range(self.workers):
                self._pool._send_kill_signal_to_worker(number)
        living = [each for each in self._seen.values() if each.exitcode is None]
        left = {each.sentinel for each in living}
        left = _left(left, PATIENCE)
        if left:
            self._kill()
            _left(left, PATIENCE)

    def _be_quick(self) -> None:
        """Have the pool throw its queues away at its end.

        To empty each, it would start a process first, which takes half a second with
        any method but fork, and a second more for each chunk that was not finished.
        """
        comms = self._pool._worker_comms
        comms.drain_queues = partial(_throw_away, comms)

    def _free(self) -> None:
        # A worker that died just after it had put down a result has it locked still.
        lock = self._pool._worker_comms._results_queue._wlock
        if lock is not None:
            lock.acquire(timeout=0.1)
            lock.release()


def _fail(promises: list[Future[Any]], error: BaseException) -> None:
    for promise in promises:
        promise.set_exception(error)


def _left(sentinels: set[int], seconds: float) -> set[int]:
    """Which of these processes have not ended after that time."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError, ValueError):  # closed by its owner: ended
        while sentinels and (left := deadline - time.monotonic()) > 0:
            sentinels = sentinels - set(connection.wait(list(sentinels), left))
    return sentinels


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
