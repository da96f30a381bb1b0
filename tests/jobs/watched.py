"""What a program is told of a job on a cluster, each a function of its executor.

Part of the program that `cases` is.
"""

from __future__ import annotations

import logging
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import async_plot
from async_plot import Client, Server
from async_plot.errors import TaskError

__all__ = ["MARK", "WATCHED"]

AMPLE = 60.0  # seconds
MARK = "from here on nothing may be printed"


def task(go: Path, n: int) -> int:
    """Count, log, fail at 3; the third of each four waits in the middle."""
    logger = logging.getLogger("steps")
    handler = async_plot.handler()
    logger.addHandler(handler)
    try:
        logger.warning("task %d", n)
    finally:
        logger.removeHandler(handler)
    deadline = time.monotonic() + AMPLE
    for step in async_plot.track(range(10), desc=f"steps {n}"):
        while n % 4 == 2 and step == 5 and not go.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("nobody said go")
            time.sleep(0.01)
    if n == 3:
        raise ValueError("three")
    return -n


def told_to_programs(executor: Any) -> None:
    """Bars, counting inside of chunks, failures and logs, from every worker."""
    told: dict[str, list[Any]] = {"progress": [], "failures": [], "logs": []}
    bars = told["progress"]
    with tempfile.TemporaryDirectory() as folder, Server(view=None) as server:
        go = Path(folder) / "go"
        heard = {name: getattr(Client(server.connection_file), name)() for name in told}
        listeners = [
            threading.Thread(target=told[name].extend, args=[heard[name]])
            for name in told
        ]
        for each in listeners:
            each.start()
        eventually(lambda: len(server.viewers) == 3, "three viewers")
        results = server.map(
            partial(task, go), range(8), executor=executor, chunksize=4, errors="return"
        )

        def job() -> list[Any]:
            return [each for each in list(bars) if each.desc == "task"]

        def steps(n: int) -> list[Any]:
            return [each for each in list(bars) if each.desc == f"steps {n}"]

        # Of four tasks, both workers have two behind them and one half done.
        eventually(lambda: any(each.done == 4 for each in job()), "counting in chunks")
        for n in (2, 6):
            eventually(lambda n=n: any(each.done == 5 for each in steps(n)), "a bar")
        assert results.progress.done == 4
        go.touch()
        found = list(results)
        # Whoever logs has no time left once the run has ended.
        eventually(lambda: len(told["logs"]) >= 8, "the records")
    for each in listeners:
        each.join(AMPLE)
    assert [-n if n != 3 else None for n in range(8)] == [
        None if isinstance(each, TaskError) else each for each in found
    ]
    assert (job()[-1].done, job()[-1].failed, job()[-1].state) == (8, 1, "finished")
    assert {each.job for n in (2, 6) for each in steps(n)} == {job()[-1].bar}
    workers = {worker.worker for worker in results.insights.workers}
    assert {each.worker for n in (2, 6) for each in steps(n)} == workers
    assert len(workers) == 2
    (failure,) = told["failures"]
    assert (failure.task, failure.kind, failure.argument) == (3, "ValueError", "3")
    assert failure.worker in workers and "in task" in failure.trace
    said = [
        each.text for each in told["logs"] if each.name.startswith("steps (worker ")
    ]
    assert sorted(text[-1] for text in said) == list("01234567"), said


def out_of_reach(executor: Any) -> None:
    """The job goes on, and its totals are exact; nothing is printed."""
    print(MARK, file=sys.stderr, flush=True)
    with socket.socket() as nobody, Server(view=None) as server:
        nobody.bind(("127.0.0.1", 0))
        assert server._session is not None and server._session.publisher is not None
        ledger: Any = server._session.publisher.annex
        ledger._way = replace(ledger._way, near=nobody.getsockname())
        results = server.map(counting, range(40), executor=executor, chunksize=4)
        assert list(results) == list(range(40))
        assert results.state == "finished"
        assert results.progress.done == results.insights.done == 40
        assert len(results.insights.workers) <= 2


def counting(n: int) -> int:
    for _ in async_plot.tqdm(range(10), desc="counting"):
        time.sleep(0.0005)
    return n


def eventually(predicate: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + AMPLE
    while not predicate():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


WATCHED: dict[str, Callable[[Any], None]] = {
    "told_to_programs": told_to_programs,
    "out_of_reach": out_of_reach,  # the last
}
