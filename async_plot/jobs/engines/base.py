"""What a job wants of an engine. Knows no pool."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, Protocol

__all__ = ["Engine", "Kind", "Process", "Promise", "Survivor"]


class Kind(enum.Enum):
    """Where an engine's workers are."""

    THREADS = "threads"  # of this process: they share its memory and its desk
    PROCESSES = "processes"  # on this machine: they can be watched, and ended
    REMOTE = "remote"  # wherever; they can only be asked


class Process(Protocol):
    """A worker's process, as `multiprocessing.Process` and its kin show it."""

    @property
    def pid(self) -> int | None:
        """Its number."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs, negative the signal that ended it."""


class Promise(Protocol):
    """A chunk that was handed out; `concurrent.futures.Future` is one."""

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Have ``callback(promise)`` called, in any thread, when it is done."""

    def result(self) -> Any:
        """What the chunk gave, when it is done; raises what the engine has to say."""

    def cancel(self) -> bool:
        """Do not begin it, if it has not begun."""

    def done(self) -> bool:
        """Whether it has a result, has failed, or was cancelled."""


class Engine(Protocol):
    """Hands chunks out to workers.

    Attributes
    ----------
    name : str
        For people: ``"loky"``, ``"threads"``, ``"dask"``, ...
    kind : Kind
    workers : int
        How many chunks it can perform at the same time, as far as is known.
    """

    name: str
    kind: Kind

    @property
    def workers(self) -> int:
        """How many chunks it can perform at the same time, as far as is known."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Promise:
        """Hand out ``function(*args)``; both can be pickled."""

    def processes(self) -> Sequence[Process]:
        """The local worker processes that it knows of now; none where not local."""

    def interrupt(self) -> None:
        """End what runs, at once, and begin nothing more: Ctrl-C.

        Local processes are gone when it returns, at most 0.3 s later where nothing
        resists; threads stop at their next bytecode; remote tasks are cancelled and
        their cluster lives on. Raises nothing.
        """

    def release(self, *, abandoned: bool) -> None:
        """The job needs it no more; `abandoned`: some of its tasks still run.

        What the user made stays as it is; what was made for the job is ended, or
        kept warm for the next one.
        """


class Survivor(Engine, Protocol):
    """An engine whose pool goes on when a worker dies, and does not say whose chunk.

    One whose workers may die between taking a chunk and noting it has ``drained()``,
    too: whether nothing lies in the pool's queues, neither chunks nor results. The
    promises that it gives are `concurrent.futures.Future`.
    """

    def lose(self, promise: Any) -> None:
        """Take note that the worker died which had this chunk: it will not be done."""
