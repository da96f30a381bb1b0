"""Pools of the standard library: processes, threads, and any other `Executor`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from multiprocessing import connection, resource_tracker
from typing import Any

from .base import Kind, Process, Promise

__all__ = ["Processes", "Remote", "Threads", "end_processes", "let_end"]

_POLITE = 0.1  # seconds that a process may take to end on SIGTERM
_PATIENCE = 0.3  # seconds after which nobody waits for it any more
_ENDS = 0.6  # seconds that the thread of a pool may take to see that all have ended


class Remote:
    """Any executor: nothing is known of its workers.

    Parameters
    ----------
    executor : Executor
        The user's.
    """

    kind = Kind.REMOTE

    def __init__(self, executor: Executor) -> None:
        self._executor: Any = executor
        self.name = type(executor).__name__

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time, as far as is known."""
        known = getattr(self._executor, "_max_workers", None)
        return known if isinstance(known, int) and known > 0 else os.cpu_count() or 1

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Promise:
        """Hand out ``function(*args)``."""
        promise: Promise = self._executor.submit(function, *args)
        return promise

    def processes(self) -> Sequence[Process]:
        """None: they may be anywhere."""
        return ()

    def interrupt(self) -> None:
        """Nothing more than that the job cancels what has not begun."""

    def release(self, *, abandoned: bool) -> None:
        """Leave the user's executor as it is."""


class Threads(Remote):
    """A `ThreadPoolExecutor`, whose workers share this process."""

    kind = Kind.THREADS

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.name = "threads"


class Processes(Remote):
    """A `ProcessPoolExecutor` of the standard library."""

    kind = Kind.PROCESSES

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.name = "processes"
        self._known: list[Any] = []  # it forgets them when it is shut down

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Promise:
        """Hand out ``function(*args)``."""
        if len(self._executor._processes or ()) >= self.workers or self._forks:
            return super().submit(function, *args)
        with _held_back():
            return super().submit(function, *args)

    @property
    def _forks(self) -> bool:
        """Whether its processes are there at once, and import nothing."""
        context = getattr(self._executor, "_mp_context", None)
        return context is not None and context.get_start_method() == "fork"

    def processes(self) -> Sequence[Process]:
        """Its worker processes."""
        with contextlib.suppress(RuntimeError):  # it changes just now
            known = list((self._executor._processes or {}).values())
            if known:
                self._known = known
        return self._known

    def interrupt(self) -> None:
        """End its processes; it cannot be used any more."""
        processes = self.processes()
        manager = getattr(self._executor, "_executor_manager_thread", None)
        with contextlib.suppress(Exception):
            self._executor.shutdown(wait=False, cancel_futures=True)
        end_processes(processes)
        if manager is not None:
            let_end(manager)

    def collapse(self) -> None:
        """End what a worker's death has left: the pool has not noticed it itself.

        It reads for ever what the dead one has begun to send.
        """
        processes = self.processes()
        manager = getattr(self._executor, "_executor_manager_thread", None)
        end_processes(processes)
        if manager is not None:
            let_end(manager)


def let_end(manager: Any) -> None:
    """Have the thread of a pool end whose processes have, and wait for it.

    One that was killed in the middle of a result would have it wait for the other half:
    when nobody is left to write it ends in order. It ends before the interpreter does,
    which would wake it by a pipe that it closes just then.
    """
    with contextlib.suppress(Exception):
        # The exit would wait for tasks to be written that nobody is left to read.
        manager.call_queue.cancel_join_thread()
    deadline = time.monotonic() + _ENDS
    while manager.is_alive() and time.monotonic() < deadline:
        frame = sys._current_frames().get(manager.ident)
        if frame is not None and frame.f_code.co_name == "_recv" and os.name == "posix":
            with contextlib.suppress(Exception):
                _end_of_file(manager.result_queue._writer.fileno())
            del frame
            manager.join(_PATIENCE)
            return
        del frame
        manager.join(0.02)


def _end_of_file(descriptor: int) -> None:
    """Close the writing end of a pipe, but not its descriptor: its owner does that."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold Ctrl-C back from processes that are started meanwhile, until they work.

    In the middle of its imports one would print a traceback. Here it comes afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # What starts with the first process, and lets all signals through afterwards.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_processes(processes: Sequence[Any]) -> None:
    """End processes whose pool has been told, and wait for their end."""
    began = time.monotonic()
    for send, patience in (("terminate", _POLITE), ("kill", _PATIENCE)):
        left = [each for each in processes if _runs(each)]
        for each in left:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                getattr(each, send)()
        while left and time.monotonic() - began < patience:
            with contextlib.suppress(OSError, ValueError):
                connection.wait([each.sentinel for each in left], 0.02)
            left = [each for each in left if _runs(each)]


def _runs(process: Any) -> bool:
    try:
        return bool(process.is_alive())
    except (AssertionError, OSError, ValueError):  # somebody else's, or closed
        return False
