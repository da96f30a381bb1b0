"""mpi4py's `MPIPoolExecutor`.

Its workers are ranks of one MPI job, on any node: none can be ended without ending all,
and what runs in one ends by itself. Knows no job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .base import Kind, Process, Promise

__all__ = ["Mpi"]


class Mpi:
    """Hands chunks to a `mpi4py.futures.MPIPoolExecutor`.

    Parameters
    ----------
    executor : mpi4py.futures.MPIPoolExecutor
        The user's.

    Attributes
    ----------
    name : str
    kind : Kind
    """

    name = "MPI"
    kind = Kind.REMOTE

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    @property
    def workers(self) -> int:
        """How many ranks perform tasks; at first it waits until they are there."""
        number: int = self._executor.num_workers
        return max(1, number)

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Promise:
        """Hand out ``function(*args)``; both can be pickled."""
        promise: Promise = self._executor.submit(function, *args)
        return promise

    def processes(self) -> Sequence[Process]:
        """None: MPI watches over them, and ends all when one of them dies."""
        return ()

    def interrupt(self) -> None:
        """Nothing more than that the job cancels what has not begun."""

    def release(self, *, abandoned: bool) -> None:
        """Leave the executor to its owner."""
