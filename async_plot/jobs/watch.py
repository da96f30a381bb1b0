"""Looks after the jobs of this process while their caller does something else.

One thread for all of them, while there are any: Ctrl-C in the caller's own loop, a
worker that has died under a pool that does not notice, the end of the interpreter.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from typing import Any, Protocol

__all__ = ["Watched", "add", "be_last", "remove", "watched"]

EVERY = 0.05  # seconds
_OFTEN = 0.003  # seconds, after a fork
_LOOKS = 8  # so often


class Watched(Protocol):
    """A job, as far as it is looked after."""

    def glance(self) -> None:
        """Look whether anything has happened to it; raises nothing."""

    def leave(self, error: BaseException | None) -> None:
        """Its run or the interpreter ends, with this exception; raises nothing."""

    def forked(self) -> None:
        """Do nothing any more: it goes on in the parent of this process."""


def add(job: Watched) -> None:
    """Look after a job from now on."""
    global _thread
    with _lock:
        _jobs[id(job)] = job
        # One that is there may never have been started: Ctrl-C came just then.
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(
                target=_run, name="async_plot watch", daemon=True
            )
            _thread.start()


def be_last() -> None:
    """Be told of the interpreter's end before the pools are, which wait for tasks.

    They are told in the reverse order, and a pool begins to listen with its first task.
    """
    register = getattr(threading, "_register_atexit", None)
    listeners = getattr(threading, "_threading_atexits", None)
    if register is None or (listeners and listeners[-1] is _listener[-1]):
        return
    with contextlib.suppress(RuntimeError):  # the end has begun
        register(_at_exit)
        _listener[-1] = listeners[-1] if listeners else None


def remove(job: Watched) -> None:
    """Look after it no more."""
    with _lock:
        _jobs.pop(id(job), None)
        if not _jobs:
            _wake.put(0)


def watched() -> list[Any]:
    """The jobs that are looked after."""
    with _lock:
        return list(_jobs.values())


def interrupted(ident: int, *, but: BaseException | None = None) -> bool:
    """Whether a thread is just handling a Ctrl-C, another one than that."""
    current = sys._current_exceptions().get(ident)
    if isinstance(current, tuple):  # before Python 3.12
        current = current[1]
    return isinstance(current, KeyboardInterrupt) and current is not but


# -- private -----------------------------------------------------------------------

_lock = threading.Lock()
# No `Event`: it may stay locked after an interrupt of who sets it.
_wake: queue.SimpleQueue[int] = queue.SimpleQueue()
_jobs: dict[int, Watched] = {}
_thread: threading.Thread | None = None
_listener: list[object] = [None]


def _run() -> None:
    global _thread
    looks = 0
    while True:
        try:
            looks = _wake.get(timeout=_OFTEN if looks else EVERY)
        except queue.Empty:
            looks = max(0, looks - 1)
        with _lock:
            if not _jobs:
                _thread = None
                return
        for job in watched():
            job.glance()
        del job  # nothing is held while nothing happens


def _at_exit() -> None:
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    for job in watched():
        job.leave(error)


def _forked() -> None:
    global _lock, _wake, _thread
    _lock, _wake = threading.Lock(), queue.SimpleQueue()
    for job in list(_jobs.values()):
        job.forked()
    _jobs.clear()
    _thread = None


def _look_soon() -> None:
    """See a worker that is just being made: it may die of its first task at once."""
    if _jobs:
        _wake.put(_LOOKS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_look_soon, after_in_child=_forked)
