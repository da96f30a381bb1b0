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
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from multiprocessing import connection
from typing import Any

from .. import work
from .base import Kind
from .local import PATIENCE, LocalPool

__all__ = ["Mpire"]

MAIN_PROCESS = -1  # in `mpire.comms`: what stands for the pool's owner
_OWN = (-2, -3)  # and for what it does at the begin and end of a worker
_THREADS = (
    "_results_handler_thread",
    "_restart_handler_thread",
    "_timeout_handler_thread",
    "_unexpected_death_handler_thread",
)
_KILLED = 0.3  # seconds that a process may take to end when it was killed
_PATIENCE = 1.0  # seconds that they may take to end: they look every 0.1 s


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
        self._failed_once = False
        if params.start_method == "threading":
            self.kind = Kind.THREADS
        # It may fail on a result that comes at the same time, and print a traceback.
        watching = partial(_quietly, type(pool)._unexpected_death_handler, pool)
        pool._unexpected_death_handler = watching
        self._look()
        if self._broken() is not None:
            self._end()

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
        if not self._pool._workers or self.kind is Kind.THREADS:
            return None
        if not self._failed_once and not _thrown(self._pool._worker_comms):
            # mpire looks for deaths as well, under locks that the dead may hold.
            current = {id(getattr(each, "_popen", None)) for each in self._members()}
            died = [seen for key, seen in list(self._seen.items()) if key in current]
            if not any(seen.exitcode for seen in died):
                return None
        self._failed_once = True
        return BrokenExecutor("a WorkerPool ends when one of its workers dies")

    def _end(self) -> None:
        self._look()
        _bury(self._pool, self._kill)
        self._failed_once = False

    def _halt(self) -> None:
        # Not by `terminate`: a second one, of the pool's owner, would trip over it.
        if not self._pool._workers or self.kind is Kind.THREADS:
            return
        if self._broken() is not None:
            self._end()
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


def _quietly(watch: Callable[[Any], None], pool: Any) -> None:
    with contextlib.suppress(KeyError, RuntimeError):
        watch(pool)


def _thrown(comms: Any) -> bool:
    """Whether a pool has given up; waits for no lock, which a dead worker may hold."""
    event = comms._exception_thrown
    try:
        return bool(event._flag._semlock._get_value())
    except (AttributeError, NotImplementedError):  # threads, or no such call here
        return bool(event.is_set())


def _bury(pool: Any, kill: Callable[[], None]) -> None:
    """End a pool of which a worker has died; it starts anew with its next task.

    Its own end waits for locks that the dead may hold. So its processes are killed, and
    all that they share with it is left to them.
    """
    comms, cache = pool._worker_comms, pool._cache
    kill()
    pool._handler_threads_stop_event.set()
    # Where none has died in the middle of a result, its reader ends in order when
    # nobody is left to write; else it is left to wait for the rest.
    results = comms._results_queue
    if results._wlock is None or results._wlock.acquire(timeout=0.1):
        if results._wlock is not None:
            results._wlock.release()
        with contextlib.suppress(OSError):
            results._writer.close()
    for queue in comms._task_queues:
        _close(queue)
    wake = comms.signal_worker_restart_condition
    threading.Thread(target=wake, daemon=True).start()
    deadline = time.monotonic() + _PATIENCE
    for name in _THREADS:
        thread = getattr(pool, name)
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
    _close(results)
    for worker in pool._workers:
        with contextlib.suppress(Exception):  # it never began, or ends now
            worker.join(_KILLED)
            worker.close()
    own = (MAIN_PROCESS, *_OWN)
    left = [cache[key] for key in list(cache) if key not in own]
    pool._workers = []
    pool._cache = {key: cache[key] for key in own}
    for name in _THREADS:
        setattr(pool, name, None)
    pool._worker_comms = type(comms)(pool.ctx, comms.n_jobs, comms.order_tasks)
    for result in left:  # of its owner
        with contextlib.suppress(Exception):
            result._set(success=False, result=RuntimeError("a worker died"))


def _left(sentinels: set[int], seconds: float) -> set[int]:
    """Which of these processes have not ended after that time."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError, ValueError):  # closed by its owner: ended
        while sentinels and (left := deadline - time.monotonic()) > 0:
            sentinels = sentinels - set(connection.wait(list(sentinels), left))
    return sentinels


def _throw_away(comms: Any) -> None:
    for queue in (*comms._task_queues, comms._results_queue):
        _close(queue)


def _close(queue: Any) -> None:
    queue.cancel_join_thread()
    queue.close()
    if queue._thread is None:  # which would close this end
        queue._writer.close()


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
