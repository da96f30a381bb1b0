"""What tests of jobs need: a pool of each kind, and `map` without a server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any

import loky

from async_plot.jobs import map as module
from async_plot.jobs.map import Results

from ..helpers import AMPLE

__all__ = ["ENGINES", "begin", "pools_of_all_kinds"]

ENGINES = ["threads", "processes", "loky"]


@contextlib.contextmanager
def pools_of_all_kinds() -> Iterator[dict[str, Executor]]:
    """Two workers of each kind, all of them started: else they look like leaks."""
    with contextlib.ExitStack() as stack:
        pools: dict[str, Executor] = {
            "processes": stack.enter_context(ProcessPoolExecutor(2)),
            "loky": stack.enter_context(loky.ProcessPoolExecutor(2)),
        }
        calls = [pools[name].submit(abs, -1) for name in pools for _ in range(8)]
        wait_for(calls, AMPLE)
        threads = stack.enter_context(ThreadPoolExecutor(2))
        both = threading.Barrier(2)
        wait_for([threads.submit(both.wait, AMPLE) for _ in range(2)])
        yield {"threads": threads, **pools}


def begin(function: Any, *iterables: Any, **options: Any) -> Results[Any]:
    """`map`, in this process alone."""
    defaults = {"workers": None, "executor": None, "chunksize": None, "desc": None}
    options = {**defaults, "ordered": True, "errors": "raise", **options}
    return module.begin(function, iterables, **options)
