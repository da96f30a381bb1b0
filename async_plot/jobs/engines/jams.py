"""Pools of multiprocessing that a dead worker has jammed: freed, or ended.

Workers take tasks under one lock and send results under another, and the system frees
neither when one dies. Whoever waits for it then waits for ever, ``terminate`` too.
Knows no engine and no job.
"""

from __future__ import annotations

import array
import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Guard", "Jam", "bury", "guard", "guarded", "is_whole", "waiting"]

LOOK = 0.05  # seconds between two looks
# Seconds in which no living worker may have been able to hold a lock. The holder reads
# or writes a pipe that is ready: it runs, or waits to run. To free the lock of a living
# one would mix up tasks.
JAMMED = 1.0
LOOKS = 8  # at least
BUSY = 0.5  # seconds of computing in which a holder would long have been ready
# The same where the system does not tell what a process does.
UNTOLD = 10.0
_BEGIN = 6  # bytes
_AT_ONCE = 2  # SPLICE_F_NONBLOCK
_PATIENCE = 0.3  # seconds that threads of a pool may take to end


class Jam:
    """Finds out whether a lock that workers share is held by a dead one.

    Parameters
    ----------
    lock : multiprocessing.synchronize.Lock
        The lock.
    waits : callable
        Whether a holder that lives could go on at once, in which case it does not
        sleep: gives the bytes that lie in the pipe, or None if it could not.
    status : callable, optional
        Gives state and seconds of computing of a process; for tests.
    """

    def __init__(
        self,
        lock: Any,
        waits: Callable[[], int | None],
        status: Callable[[int], tuple[str, float] | None] | None = None,
    ) -> None:
        self._lock = lock
        self._waits = waits
        self._status = status or _status
        self._since = math.inf
        self._looks = self._bytes = 0
        self._told = False  # what processes do
        self._spent: dict[int, float] = {}

    def look(self, now: float, workers: Iterable[int]) -> bool:
        """Look once more, at these living workers: whether it is held by a dead one."""
        waits = self._waits()
        if waits is None or waits < self._bytes or not self._held():
            self.reset()
            return False
        self._bytes = waits
        self._since = min(self._since, now)
        self._looks += 1
        for pid in workers:
            status = self._status(pid)
            if status is None:
                continue
            self._told = True
            state, spent = status
            began = self._spent.setdefault(pid, spent)
            if state not in "SIZX" and not (state == "R" and spent - began >= BUSY):
                self._since, self._looks = now, 0  # it may be the holder
        enough = JAMMED if self._told else UNTOLD
        return bool(now - self._since >= enough and self._looks >= LOOKS)

    def reset(self) -> None:
        """Begin anew."""
        self._since = math.inf
        self._looks = self._bytes = 0
        self._told = False
        self._spent.clear()

    def _held(self) -> bool:
        if not self._lock.acquire(block=False):
            return True
        self._lock.release()
        return False


class Guard:
    """Looks after a pool of which a worker has died, for as long as it lives.

    A worker that died while it waited for a task keeps all others from theirs: its
    lock is freed, unless it has taken part of one. One that died while it sent a result
    may have sent half of it: nothing that comes behind can be read.

    Parameters
    ----------
    pool : multiprocessing.pool.Pool
        It is not kept alive.

    Attributes
    ----------
    broken : bool
        No result comes any more.
    """

    def __init__(self, pool: Any) -> None:
        self.broken = False
        self._pool = weakref.ref(pool)
        self._handler = pool._worker_handler
        tasks, results = pool._inqueue, pool._outqueue
        self._tasks, self._reader = tasks._rlock, tasks._reader
        self._jams = (
            Jam(tasks._rlock, lambda: waiting(tasks._reader) or None),
            Jam(results._wlock, lambda: _none(waiting(results._reader))),
        )
        threading.Thread(
            target=self._run, name="async_plot guard of a pool", daemon=True
        ).start()

    def _run(self) -> None:
        while self._handler.is_alive() or not self._ended():
            with contextlib.suppress(OSError, ValueError):  # closed just now
                self.look(time.monotonic())
            pool = self._pool()
            if self.broken and pool is not None:
                bury(pool)
                return
            del pool
            time.sleep(LOOK)

    def _ended(self) -> bool:
        """Whether nobody of the pool waits for a lock any more."""
        pool = self._pool()
        return pool is None or not any(map(_lives, list(pool._pool)))

    def look(self, now: float) -> None:
        """Free the pool, or say that it cannot be."""
        pool = self._pool()
        if pool is None:
            return
        pids = [each.pid for each in list(pool._pool) if each.pid and _lives(each)]
        taking, sending = self._jams
        if taking.look(now, pids):
            if is_whole(self._reader):
                self._tasks.release()
            else:
                self.broken = True
            taking.reset()
        self.broken = self.broken or sending.look(now, pids)


def guard(pool: Any) -> Guard | None:
    """Look after a pool from now on; None where its locks are not to be looked at."""
    with _lock:
        found = _guards.get(pool)
        if found is None and pool._inqueue._rlock and pool._outqueue._wlock:
            found = _guards[pool] = Guard(pool)
        return found


def guarded(pool: Any) -> Guard | None:
    """Who looks after a pool, if anybody does."""
    return _guards.get(pool)


def bury(pool: Any) -> None:
    """End a pool whose own end would hang: its processes, and its threads.

    Its owner may end it, too, and finds that done.
    """
    from multiprocessing import pool as pools

    pool._outqueue._wlock = _Nobody()
    pool._state = pools.TERMINATE
    pool._terminate.cancel()
    pool._worker_handler._state = pools.TERMINATE
    pool._change_notifier.put(None)
    pool._worker_handler.join(_PATIENCE)  # else it would start others
    for process in list(pool._pool):
        with contextlib.suppress(Exception):  # it has ended, or never began
            process.kill()
    pool._cache.clear()
    pool._task_handler._state = pools.TERMINATE
    # Nobody is at the other ends any more: who reads or writes there finds that out.
    for end in (pool._outqueue._writer, pool._inqueue._reader):
        with contextlib.suppress(OSError):
            end.close()
    pool._taskqueue.put(None)
    for thread in (pool._task_handler, pool._result_handler):
        thread.join(_PATIENCE)


# -- private -----------------------------------------------------------------------

_guards: weakref.WeakKeyDictionary[Any, Guard] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


class _Nobody:
    """In the place of a lock that is never free: nothing is to be sent."""

    def __enter__(self) -> None:
        raise OSError("this pool has ended")

    def __exit__(self, *exception: object) -> None:
        pass


def _lives(process: Any) -> bool:
    popen = getattr(process, "_popen", None)
    return popen is not None and popen.returncode is None


def waiting(reader: Any) -> int:
    """How many bytes lie in a pipe; 1 for some where the system does not count."""
    try:
        import fcntl
        import termios

        number = array.array("i", [0])
        fcntl.ioctl(reader.fileno(), termios.FIONREAD, number)
        return number[0]
    except ImportError:
        return 1 if reader.poll() else 0


def is_whole(reader: Any) -> bool:
    """Whether a pipe of pickled messages goes on with the begin of one."""
    try:
        import ctypes

        tee = ctypes.CDLL(None).tee  # looks, and takes nothing out
        looking, put = os.pipe()
        try:
            if tee(reader.fileno(), put, _BEGIN, _AT_ONCE) < _BEGIN:
                return False
            begin = os.read(looking, _BEGIN)
        finally:
            os.close(looking)
            os.close(put)
    except (AttributeError, OSError, TypeError):  # another system
        return False
    size = int.from_bytes(begin[:4], "big", signed=True)
    # Its length, where it is not too long for that, and a pickle's first byte.
    return size > 0 and begin[4:5] == b"\x80" and begin[5] in (2, 3, 4, 5)


def _none(number: int) -> int | None:
    return None if number else 0


def _status(pid: int) -> tuple[str, float] | None:
    """What the main thread of a process does, and how long it has computed so far."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), (int(fields[11]) + int(fields[12])) * _TICK


def _tick() -> float:
    return 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0


_TICK = _tick()
