"""Engines: what performs the tasks of a job, each a thin layer over somebody's pool.

An engine is found by the classes that are loaded already: one that is not installed,
or not used, costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from .base import Engine

__all__ = ["choose"]

# Class of what a user may give as `executor`, and our module and class for it; the
# first that fits is taken.
_ENGINES = (
    ("distributed", "Client", "dask", "Dask"),
    ("mpi4py.futures", "MPIPoolExecutor", "mpi", "Mpi"),
    ("mpire", "WorkerPool", "mpire", "Mpire"),
    ("multiprocessing.pool", "Pool", "pool", "Pool"),
    ("loky.process_executor", "ProcessPoolExecutor", "loky", "Loky"),
    ("concurrent.futures.thread", "ThreadPoolExecutor", "executors", "Threads"),
    ("concurrent.futures.process", "ProcessPoolExecutor", "executors", "Processes"),
    ("concurrent.futures", "Executor", "executors", "Remote"),
)


def choose(executor: Any, workers: int | None, chunks: int | None) -> Engine:
    """Choose the engine for what a user gave, or make the default one.

    Parameters
    ----------
    executor : object or None
        A pool of the user's, or an `Engine`; None for processes of our own.
    workers : int or None
        How many there are to be, where they are made here; None: one for each
        processor that this process may use. No more are made than there are chunks.
    chunks : int or None
        How many there are at most, if that is known.

    Raises
    ------
    TypeError, ValueError
        If it is none that is known; the text says what would be accepted.
    ImportError
        If the default one is not installed; the text names the extra.
    """
    if executor is None:
        from .loky import own

        return own(workers, chunks)
    if workers is not None:
        raise ValueError(
            "workers is for the processes that are made without an executor; "
            f"{type(executor).__name__} has its own"
        )
    for module, name, ours, engine in _ENGINES:
        loaded = sys.modules.get(module)
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and isinstance(executor, kind):
            room = importlib.import_module(f".{ours}", __name__)
            made: Engine = getattr(room, engine)(executor)
            return made
    if all(hasattr(executor, name) for name in ("submit", "interrupt", "release")):
        given: Engine = executor
        return given
    raise TypeError(
        "executor must be a concurrent.futures.Executor, a dask.distributed.Client, "
        "an MPIPoolExecutor, a multiprocessing.Pool, an mpire.WorkerPool or None, "
        f"not {type(executor).__name__!r}"
    )
