"""Processes of our own, by loky: started once, kept warm for the next job."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import Any

from .executors import Processes, end_processes, let_end

__all__ = ["Loky", "Own", "end_idle", "own"]

IDLE = 15.0  # seconds after which processes that have nothing to do end themselves


class Loky(Processes):
    """A loky executor of the user's."""

    def __init__(self, executor: Any) -> None:
        super().__init__(executor)
        self.name = "loky"

    def interrupt(self) -> None:
        """End its processes; it cannot be used any more."""
        processes = self.processes()
        manager = self._executor._executor_manager_thread
        # Not with `kill_workers`: its thread fails on tasks that were cancelled.
        with contextlib.suppress(Exception):
            self._executor.shutdown(wait=False)
        end_processes(processes)
        if manager is not None:
            let_end(manager)


class Own(Loky):
    """Processes that were made for jobs, one job at a time.

    Parameters
    ----------
    workers : int
        How many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        super().__init__(self._made())

    def _made(self) -> Any:
        from loky.process_executor import ProcessPoolExecutor

        return ProcessPoolExecutor(max_workers=self._workers, timeout=IDLE)

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._workers

    def renew(self) -> None:
        """Start again with new processes, after one has died."""
        old = self.processes()
        with contextlib.suppress(Exception):
            self._executor.shutdown(wait=False)
        end_processes(old)
        self._known = []
        self._executor = self._made()

    def release(self, *, abandoned: bool) -> None:
        """Keep them warm for the next job, if they have nothing to do."""
        if abandoned:
            self.interrupt()
            return
        with _lock:
            if self._executor._flags.broken is None:
                if not self._executor._flags.shutdown:
                    _idle.setdefault(self._workers, []).append(self)


def own(workers: int | None, chunks: int | None) -> Own:
    """Processes for one job: warm ones if there are any.

    Parameters
    ----------
    workers, chunks : int or None
        As for `async_plot.jobs.engines.choose`.
    """
    try:
        import loky
    except ImportError:
        raise ImportError(
            "without an executor, tasks are performed by processes of loky, which the "
            "extra 'jobs' brings (pip install 'async_plot[jobs]'); or give a "
            "concurrent.futures.ProcessPoolExecutor as executor"
        ) from None
    if sys.stdout is None or sys.stderr is None:
        raise RuntimeError(
            "processes of loky cannot start where stdout or stderr is closed; have it "
            "go to a file or to /dev/null, or give a "
            "concurrent.futures.ProcessPoolExecutor as executor"
        )
    wanted = workers or loky.cpu_count()
    if chunks is not None:  # more could never have anything to do
        wanted = max(1, min(wanted, chunks))
    with _lock:
        found = _idle.get(wanted)
        while found:
            engine = found.pop()
            if engine._executor._flags.broken is None:
                return engine
    return Own(wanted)


def end_idle() -> None:
    """End the processes that wait for a next job, and wait for their end."""
    with _lock:
        engines = [engine for found in _idle.values() for engine in found]
        _idle.clear()
    threads = [engine._executor._executor_manager_thread for engine in engines]
    for engine in engines:
        engine.interrupt()
    for thread in threads:
        if thread is not None:
            thread.join(2.0)


# -- private -----------------------------------------------------------------------

_lock = threading.Lock()
_idle: dict[int, list[Own]] = {}


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(end_idle)
