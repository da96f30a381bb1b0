"""Rows: `map` over quick tasks, with a viewer; its rivals; viewers frozen or killed."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from common import (
    Row,
    context,
    interleave,
    isolated,
    main,
    median,
    run_files,
    seconds,
    wait_until,
)

__all__ = ["measure"]

QUICK = {10_000: 2.5e-6, 100_000: 1.5e-6}  # tasks: seconds of one
SLOW, LIMIT = 2000, 1.12  # tasks of 1 ms; seconds of all
SAME = 1.1
COUNTING = 1e-7  # seconds of a task
RIVALS = ("executor", "pool", "joblib", "mpire", "mpire_dashboard", "dask")


def square(x: int) -> int:
    return x * x


def pause(x: int) -> int:
    time.sleep(0.001)
    return x


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure ours in turns with the same without any bar; then the rivals."""
    for count, limit in list(QUICK.items())[: 1 if smoke else None]:
        count, rounds = (count // 100, 1) if smoke else (count, 15)
        pairs = isolated(_ours, square.__name__, count, rounds, timeout=120)
        found, bare = (median(side) / count for side in zip(*pairs))
        yield Row(
            f"squares of {count} numbers, a viewer attached: one task",
            f"<= {seconds(limit)}",
            f"{seconds(found)} (no bar: {seconds(bare)})",
            found / bare,
            found <= limit,
            values={"median": found, "bare": bare},
        )
        yield Row(
            f"squares of {count} numbers: bar and viewer",
            f"<= {SAME}x no bar",
            seconds(found - bare),
            found / bare,
            found <= SAME * bare,
            values={"median": found, "bare": bare},
        )
    if not smoke:
        yield _slow()
    count, rounds = (1000, 3) if smoke else (20_000, 31)
    pairs = isolated(_counting, count, rounds, timeout=120)
    ours, bare = (median(side) / count for side in zip(*pairs))
    yield Row(
        "counting and marking in the worker: one task",
        f"<= {seconds(COUNTING)}",
        f"{seconds(ours - bare)} over {seconds(bare)}",
        reached=ours - bare <= COUNTING,
        values={"ours": ours, "bare": bare},
    )
    for what in ("killed",) if smoke else ("frozen", "killed"):
        # A job of a second: what the viewer's own end takes from the machine is no
        # matter of the job's, and looks like one in some milliseconds.
        count, rounds = (500, 1) if smoke else (2_000_000, 11)
        pairs = isolated(_beside, what, count, rounds, timeout=240)
        found, bare = (median(side) for side in zip(*pairs))
        ratio = median([one / other for one, other in pairs])
        yield Row(
            f"a viewer that is {what} during a job",
            f"<= {SAME}x nobody looks",
            f"{seconds(found)} ({seconds(bare)})",
            ratio,
            ratio <= SAME,
            values={"with": found, "without": bare},
        )
    if not smoke:
        for name in RIVALS:
            yield from _rival(name)


# -- ours --------------------------------------------------------------------------


def _slow() -> Row:
    pairs = isolated(_ours, pause.__name__, SLOW, 3, timeout=120)
    found, bare = (median(side) for side in zip(*pairs))
    return Row(
        f"{SLOW} tasks of 1 ms, a viewer attached",
        f"<= {seconds(LIMIT)}",
        f"{seconds(found)} (no bar: {seconds(bare)})",
        found / bare,
        found <= LIMIT,
        values={"median": found, "bare": bare},
    )


def _ours(name: str, count: int, rounds: int) -> list[tuple[float, float]]:
    from async_plot import Server, map

    function = globals()[name]
    with run_files(), _workers() as pool, Server(view=None) as server:
        with _viewer(server):

            def shown() -> float:
                return _timed(server.map, function, count, pool)

            def bare() -> float:
                os.environ["ASYNC_PLOT"] = "off"
                try:
                    return _timed(map, function, count, pool)
                finally:
                    del os.environ["ASYNC_PLOT"]

            if rounds > 1:
                shown(), bare()
            return interleave(shown, bare, rounds)


def _beside(what: str, count: int, rounds: int) -> list[tuple[float, float]]:
    """Time jobs during which the viewer is stopped or killed, and without one."""
    from async_plot import Server

    with run_files(), _workers() as pool, Server(view=None) as server:

        def beside() -> float:
            with _viewer(server) as process:
                results = server.map(square, range(count), executor=pool)
                before = time.perf_counter()
                os.kill(
                    process.pid, signal.SIGSTOP if what == "frozen" else signal.SIGKILL
                )
                for _ in results:
                    pass
                return time.perf_counter() - before

        def alone() -> float:
            return _timed(server.map, square, count, pool)

        if rounds > 1:
            beside(), alone()
        return interleave(beside, alone, rounds)


def _counting(count: int, rounds: int) -> list[tuple[float, float]]:
    """Perform a chunk, and the same calls in the shortest loop that times each.

    What reading a clock costs depends on the machine, from 30 ns to a microsecond.
    """
    from async_plot.jobs import marks, parcels, work
    from async_plot.wire import pickles

    board = marks.board()
    order = parcels.Order(
        job="job",
        function=pickles.dumps(square),
        digest=b"",
        star=False,
        patience=1e9,
        interruptible=True,
        marks=board.marks() if board is not None else None,
    )
    data, tasks = parcels.packed(order), list(range(count))
    payload = parcels.packed(tasks)

    def ours() -> float:
        return work.run_chunk(data, 1, 0, payload).worked

    def bare() -> float:
        results: list[int] = []
        append, clock = results.append, time.perf_counter
        before = clock()
        for task in tasks:
            append(square(task))
            clock()
        return clock() - before

    return interleave(ours, bare, rounds)


@contextlib.contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    """Two that have started."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(pause, range(50)))
        yield pool


@contextlib.contextmanager
def _viewer(server: Any) -> Iterator[Any]:
    process = context.Process(target=_look, args=(str(server.connection_file),))
    process.start()
    try:
        if not wait_until(lambda: server.viewers):
            raise RuntimeError("no viewer came")
        yield process
    finally:
        process.kill()
        process.join()


def _look(path: str) -> None:
    from async_plot import Client

    for _ in Client(path).messages():
        pass


def _timed(
    map_: Callable[..., Any], function: Callable[..., Any], count: int, pool: Any
) -> float:
    before = time.perf_counter()
    for _ in map_(function, range(count), executor=pool):
        pass
    return time.perf_counter() - before


# -- rivals ------------------------------------------------------------------------


def _rival(name: str) -> Iterator[Row]:
    try:
        title, quick, slow = isolated(_measured, name, timeout=180)
    except (RuntimeError, TimeoutError) as error:
        yield Row(f"{name}", measured=str(error)[:60], rival=True)
        return
    each = ", ".join(f"{seconds(took / n)} of {n}" for n, took in quick.items())
    yield Row(
        f"{title}: squares; {SLOW} tasks of 1 ms",
        measured=f"{each}; {seconds(slow)}",
        rival=True,
        values={"quick": {str(n): t for n, t in quick.items()}, "slow": slow},
    )


def _measured(name: str) -> tuple[str, dict[int, float], float]:
    title, run, close = globals()[f"_{name}"]()
    run(square, 1000)
    quick = {n: median([run(square, n) for _ in range(3)]) for n in QUICK}
    slow = run(pause, SLOW)
    close()
    return title, quick, slow


def _clocked(run: Callable[[Any, int], Any]) -> Callable[[Any, int], float]:
    def clocked(function: Any, count: int) -> float:
        before = time.perf_counter()
        run(function, count)
        return time.perf_counter() - before

    return clocked


def _executor() -> tuple[str, Any, Any]:
    tqdm = importlib.import_module("tqdm").tqdm
    pool = ProcessPoolExecutor(2)

    def run(function: Any, count: int) -> None:
        list(tqdm(pool.map(function, range(count)), total=count))

    return "ProcessPoolExecutor.map with tqdm", _clocked(run), pool.shutdown


def _pool() -> tuple[str, Any, Any]:
    tqdm = importlib.import_module("tqdm").tqdm
    pool = importlib.import_module("multiprocessing").Pool(2)

    def run(function: Any, count: int) -> None:
        list(tqdm(pool.imap(function, range(count)), total=count))

    return "multiprocessing.Pool.imap with tqdm", _clocked(run), pool.terminate


def _joblib() -> tuple[str, Any, Any]:
    joblib = importlib.import_module("joblib")

    def run(function: Any, count: int) -> None:
        # By the name under which its workers can import it.
        here = importlib.import_module("maps")
        call = joblib.delayed(getattr(here, function.__name__))
        joblib.Parallel(n_jobs=2)(call(x) for x in range(count))

    return "joblib, no bar", _clocked(run), lambda: None


def _mpire() -> tuple[str, Any, Any]:
    pool = importlib.import_module("mpire").WorkerPool(2, keep_alive=True)

    def run(function: Any, count: int) -> None:
        pool.map(function, range(count), progress_bar=True)

    return "mpire with its bar", _clocked(run), pool.terminate


def _mpire_dashboard() -> tuple[str, Any, Any]:
    importlib.import_module("mpire.dashboard").start_dashboard()
    _, run, close = _mpire()
    return "mpire with its dashboard", run, close


def _dask() -> tuple[str, Any, Any]:
    distributed = importlib.import_module("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    client = distributed.Client(cluster)

    def run(function: Any, count: int) -> None:
        # A tenth: one task takes it a millisecond and more.
        tasks = range(count if function is pause else count // 10)
        client.gather(client.map(function, tasks, pure=False))

    return "dask (a tenth of the squares), no bar", _clocked(run), client.close


if __name__ == "__main__":
    main("maps", measure)
