"""Pools of processes that take no task back and do not say who died.

Chunks wait here, where they can be cancelled, and are handed on as workers get free.
Worker processes are remembered from when they were first seen, since a pool drops the
dead ones at once. Knows what the pools have in common, and none of them.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, Future
from multiprocessing import connection
from typing import Any

from .base import Kind

__all__ = ["PATIENCE", "LocalPool", "Seen", "ended"]

# Seconds. A pool that is asked ends within some 30 ms; what has not ended by then is
# in a call that hears nothing.
PATIENCE = 0.15
GIVEN_UP = 1.0  # seconds after which the pool's own code is left to itself
UNASKED = 0.4  # seconds that a pool may take to ask how a process ended
REMEMBERED = 100  # processes; a pool may renew them after each task

Call = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Seen:
    """A worker's process, which can be asked how it ended after its pool forgot it.

    It is looked at, and not waited for: that is its pool's business, and two who wait
    for a process of a fork server at the same time get its status mixed up. Only where
    its pool does not for long, since it stands still at a lock, it is waited for here.

    Parameters
    ----------
    pid : int
        Its number.
    popen : multiprocessing.popen_fork.Popen
        What its pool waits for.

    Attributes
    ----------
    pid : int
    sentinel : int
        Descriptor, or handle, that is ready when it has ended.
    """

    def __init__(self, pid: int, popen: Any) -> None:
        self.pid = pid
        self.sentinel: int = popen.sentinel
        self._popen = popen
        self._since = math.inf  # when it was first found to have ended

    @property
    def exitcode(self) -> int | None:
        """None while it runs, negative the signal that ended it."""
        code: int | None = self._popen.returncode
        if code is None and ended(self.sentinel):
            now = time.monotonic()
            self._since = min(self._since, now)
            if now - self._since > UNASKED:
                with contextlib.suppress(Exception):  # it was asked meanwhile
                    code = self._popen.poll()
        return code

    def kill(self) -> None:
        """End it at once, if it runs."""
        with contextlib.suppress(OSError):
            self._popen.kill()


class LocalPool:
    """What an engine over such a pool does; the pool itself comes with a subclass.

    Parameters
    ----------
    ahead : int
        How many chunks are handed on that no worker is free for, so that the next one
        is at hand while this process is busy elsewhere.

    Attributes
    ----------
    kind : Kind
    """

    kind = Kind.PROCESSES

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._handed: dict[Future[Any], Any] = {}
        self._seen: dict[int, Seen] = {}
        self._ended = False

    # -- what a pool has to bring ----------------------------------------------

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time."""
        raise NotImplementedError

    def _hand(
        self,
        promise: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Any:
        """Give the pool a chunk, whose end it tells by `_done`; the pool's handle."""
        raise NotImplementedError

    def _members(self) -> Iterable[Any]:
        """Its processes of this moment."""
        raise NotImplementedError

    def _terminate(self) -> None:
        """Ask it to end its processes; may hang."""
        raise NotImplementedError

    def _drop(self, handle: Any) -> None:
        """Have the pool wait no longer for a chunk whose worker is gone."""

    def _halt(self) -> None:
        """End its processes; its owner may be ending it at the same time."""
        self._end()

    def _kill(self) -> None:
        """End its processes, those that resist."""
        for process in list(self._seen.values()):
            process.kill()

    def _broken(self) -> BaseException | None:
        """Why it performs nothing any more."""
        return None

    def _free(self) -> None:
        """All its processes are dead: free what they may have kept locked."""

    # -- what a job wants ------------------------------------------------------

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Hand out ``function(*args)``; both can be pickled."""
        promise: Future[Any] = Future()
        with self._lock:
            self._waiting.append((promise, function, args))
        self._hand_on()
        return promise

    def processes(self) -> Sequence[Seen]:
        """Every worker process that was ever seen, the ended ones, too."""
        self._look()
        error = None if self._ended else self._broken()
        if error is not None:
            with self._lock:
                left = list(self._handed)
                self._handed.clear()
            if left:
                # The pool tells nobody, or may fail to. Whoever asks here may hold
                # what their ends wait for.
                failing = threading.Thread(
                    target=self._fail_all, args=(left, error), daemon=True
                )
                failing.start()
        return list(self._seen.values())

    def lose(self, promise: Future[Any]) -> None:
        """Take note that the worker died which had this chunk: it will not be done."""
        with self._lock:
            handle = self._handed.pop(promise, None)
        if handle is not None:
            self._drop(handle)
        self._hand_on()

    def interrupt(self) -> None:
        """End what runs, at once, and begin nothing more."""
        with self._lock:
            self._ended = True
            waiting, handed = list(self._waiting), list(self._handed)
            self._waiting.clear()
            self._handed.clear()
        for promise, _, _ in waiting:
            promise.cancel()
        self._look()
        self._halt()
        for promise in handed:
            if not promise.done():
                promise.set_exception(KeyboardInterrupt())

    def release(self, *, abandoned: bool) -> None:
        """Leave the pool to its owner; chunks that wait here are not begun."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for promise, _, _ in waiting:
            promise.cancel()
        if not self._ended and self._broken() is not None:
            self._end()

    def renew(self) -> None:
        """Go on after the death of a worker."""
        if self._broken() is not None:
            self._end()

    # -- any thread ------------------------------------------------------------

    def _end(self) -> None:
        """End the processes; the pool starts others if it gets something to do."""
        self._look()
        ending = threading.Thread(
            target=self._terminate, name="async_plot end of a pool", daemon=True
        )
        ending.start()
        # A worker is asked first: killed in the middle of a lock that it shares with
        # its pool, it would leave this process waiting for ever.
        ending.join(PATIENCE)
        if ending.is_alive():
            self._look()
            self._kill()
            ending.join(PATIENCE)
            if ending.is_alive():
                self._free()
                ending.join(GIVEN_UP)

    def _done(self, promise: Future[Any], value: Any) -> None:
        """Take a chunk's result from the pool."""
        if self._take_back(promise):
            promise.set_result(value)
        self._hand_on()

    def _failed(self, promise: Future[Any], error: BaseException) -> None:
        """Take a chunk's error from the pool."""
        if self._take_back(promise):
            if self._broken() is not None and not isinstance(error, BrokenExecutor):
                error = BrokenExecutor(str(error))
            promise.set_exception(error)
        self._hand_on()

    def _fail_all(self, left: list[Future[Any]], error: BaseException) -> None:
        for promise in left:
            promise.set_exception(error)
        self._hand_on()

    def _take_back(self, promise: Future[Any]) -> bool:
        with self._lock:
            return self._handed.pop(promise, None) is not None

    def _hand_on(self) -> None:
        while True:
            self._look()
            with self._lock:
                if self._ended or not self._waiting:
                    return
                if len(self._handed) >= self.workers + self._ahead:
                    return
                promise, function, args = self._waiting.popleft()
                if not promise.set_running_or_notify_cancel():
                    continue
                # Under the lock: its end may be told before this returns.
                refused = self._broken()
                if refused is None:
                    try:
                        self._handed[promise] = self._hand(promise, function, args)
                        # Nobody tells the end of one that came just too late.
                        refused = self._broken()
                        if refused is None or promise not in self._handed:
                            continue
                        del self._handed[promise]
                    except Exception as error:
                        refused = error
            promise.set_exception(refused)

    def _look(self) -> None:
        for process in list(self._members()):
            popen = getattr(process, "_popen", None)
            if popen is not None and id(popen) not in self._seen:
                self._seen[id(popen)] = Seen(popen.pid, popen)
        if len(self._seen) > REMEMBERED + self.workers:
            for key, seen in list(self._seen.items())[:REMEMBERED]:
                if seen.exitcode is not None:
                    self._seen.pop(key, None)


def ended(sentinel: int) -> bool:
    """Whether the process of a sentinel has ended; a closed one is nobody's."""
    try:
        return bool(connection.wait([sentinel], 0))
    except (OSError, ValueError):
        return False
