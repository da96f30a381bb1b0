"""`dask.distributed.Client`.

Its workers are threads of processes anywhere. A chunk that runs there cannot be taken
back, but it can be told to stop; the cluster lives on. Knows no job.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from functools import partial
from typing import Any

from ...net import files
from .. import work
from .base import Kind, Process

__all__ = ["Dask"]

ASKED_AGAIN = 2.0  # seconds after which the number of workers is asked for again
SHIELDED = 5.0  # seconds that a worker of this machine may take to import us


class Dask:
    """Hands chunks to a `dask.distributed.Client`.

    Parameters
    ----------
    client : distributed.Client
        The user's.

    Attributes
    ----------
    name : str
    kind : Kind

    Raises
    ------
    ValueError
        If the client is asynchronous, or is not connected.
    """

    name = "dask"
    kind = Kind.REMOTE

    def __init__(self, client: Any) -> None:
        if client.asynchronous:
            raise ValueError(
                "executor: an asynchronous dask Client belongs to an event loop, and "
                "map waits outside of one; give Client(..., asynchronous=False)"
            )
        if client.status != "running":
            raise ValueError(
                f"executor: the dask Client is {client.status}, not connected"
            )
        self._client = client
        self._token = uuid.uuid4().hex
        self._here = files.hostname(), os.getpgrp() if hasattr(os, "getpgrp") else -1
        self._lock = threading.Lock()
        self._out: dict[Future[Any], Any] = {}
        self._workers, self._asked = 1, float("-inf")
        self._protect()

    @property
    def workers(self) -> int:
        """How many threads its workers have together now, at least 1."""
        now = time.monotonic()
        if now - self._asked > ASKED_AGAIN:
            self._asked = now
            threads = self._client.nthreads().values()
            self._workers = max(1, sum(threads))
        return self._workers

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Hand out ``function(*args)``; both can be pickled."""
        promise = Chunk(self)
        # One object without arguments: dask would look into each for futures and keys
        # of its own, and would take a chunk that is like another one for the same.
        call = Call(function, args, self._token, self._here)
        remote = self._client.submit(call, key=f"async_plot-{uuid.uuid4()}", pure=False)
        with self._lock:
            self._out[promise] = remote
        remote.add_done_callback(partial(self._arrived, promise))
        return promise

    def processes(self) -> Sequence[Process]:
        """None: dask watches over its own, and gives their tasks to others."""
        return ()

    def interrupt(self) -> None:
        """Cancel what has not begun, and tell what runs to stop."""
        self._on_workers(_stop, self._token)
        self.release(abandoned=True)

    def release(self, *, abandoned: bool) -> None:
        """Leave the cluster to its owner; what has not begun is not begun."""
        with self._lock:
            left = list(self._out)
        for promise in left:
            promise.cancel()

    # -- any thread ------------------------------------------------------------

    def _cancel(self, promise: Future[Any]) -> None:
        with self._lock:
            remote = self._out.pop(promise, None)
        if remote is not None:
            # In the client's thread, so that nobody waits for it here.
            self._client.loop.add_callback(partial(self._client.cancel, [remote]))

    def _arrived(self, promise: Future[Any], remote: Any) -> None:
        """Fetch a result, in dask's thread for that, so that a job never waits."""
        try:
            value = remote.result()
        except BaseException as error:
            if type(error).__name__ in ("KilledWorker", "FutureCancelledError"):
                # Workers die of it again and again, or the scheduler has.
                error = BrokenExecutor(f"{type(error).__name__}: {error}")
            give: Callable[[], None] = partial(promise.set_exception, error)
        else:
            give = partial(promise.set_result, value)
        with self._lock:
            self._out.pop(promise, None)
        # Without a reference here the cluster forgets the result.
        if promise.set_running_or_notify_cancel():
            give()

    def _protect(self) -> None:
        """Shield the workers from Ctrl-C; wait for it where they are of this process.

        They import this package for it, as they would for the first chunk.
        """
        done = threading.Event()

        async def shield() -> None:
            try:
                await self._client.run(_shield, self._here, on_error="ignore")
            finally:
                done.set()

        self._client.loop.add_callback(shield)
        if self._client.cluster is not None:
            done.wait(SHIELDED)

    def _on_workers(self, function: Callable[..., None], *args: Any) -> None:
        """Have every worker process call something, some time soon."""

        async def run() -> None:
            # The same Ctrl-C may close the cluster meanwhile.
            with contextlib.suppress(Exception):
                await self._client.run(function, *args, on_error="ignore")

        self._client.loop.add_callback(run)


class Chunk(Future[Any]):
    """A chunk that dask has: to cancel it is to tell dask.

    Parameters
    ----------
    engine : Dask
        Which handed it out.
    """

    def __init__(self, engine: Dask) -> None:
        super().__init__()
        self._engine = engine

    def cancel(self) -> bool:
        """Do not begin it, if it has not begun; wait no longer for it in any case."""
        cancelled = super().cancel()
        if cancelled:
            self._engine._cancel(self)
        return cancelled


# -- on a worker -------------------------------------------------------------------


class Call:
    """What a worker calls.

    Parameters
    ----------
    function, args : callable, tuple
        The chunk.
    token : str
        Of the engine.
    here : tuple of str and int
        Machine and process group of the one who waits for it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        token: str,
        here: tuple[str, int],
    ) -> None:
        self.function = function
        self.args = args
        self.token = token
        self.here = here

    def __call__(self) -> Any:
        """Perform the chunk."""
        import distributed

        # Workers that came after the job's begin, too.
        worker = distributed.get_worker()
        worker.loop.add_callback(_shield, self.here)
        if self.token in _stopped:
            raise CancelledError("its job was interrupted")
        thread = threading.get_ident()
        _running[thread] = self.token
        try:
            return self.function(*self.args)
        finally:
            del _running[thread]


def _shield(here: tuple[str, int]) -> None:
    """Let a worker live on that a terminal's Ctrl-C would reach, with its calculation.

    A process of a `LocalCluster` is in the group of the one that made it. dask calls
    this in the worker's main thread, where signals are arranged.
    """
    if (
        hasattr(os, "getpgrp")
        and here == (files.hostname(), os.getpgrp())
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is not signal.SIG_DFL
    ):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(token: str) -> None:
    """End what this process has in hand for one engine, and begin no more of it."""
    _stopped.append(token)
    for thread, its in list(_running.items()):
        if its == token:
            work.stop(thread)


_running: dict[int, str] = {}  # threads, and for which engine
_stopped: deque[str] = deque(maxlen=64)
