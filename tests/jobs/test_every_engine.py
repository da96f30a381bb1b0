"""Every engine does the same: one list of cases over all of them.

Pools of this machine perform them here. Clusters do so in a program of their own, once
for all cases, since they leave threads and sockets behind for as long as they live.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import loky
import mpire
import pytest

from async_plot import Client, Server

from ..helpers import AMPLE, ROOT, eventually
from .cases import CASES
from .every import _as_in_a_script  # noqa: F401 - a fixture
from .watched import MARK, WATCHED

LOCAL = ["threads", "thread-pool", "processes", "loky", "pool", "mpire"]

# To be root, and to have fewer processors than ranks, is no fault.
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


@pytest.fixture(scope="module")
def pools() -> Iterator[dict[str, Any]]:
    """A pool of each kind with its two workers started: else they look like leaks."""
    with contextlib.ExitStack() as stack:
        # Inherited by the workers: a handler in Python is not called by one that is
        # told to end just before it begins to wait, and its pool waits for it for ever.
        handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        stack.callback(signal.signal, signal.SIGTERM, handler)
        enter = stack.enter_context
        pools: dict[str, Any] = {
            "pool": enter(multiprocessing.get_context("fork").Pool(2)),
            "mpire": enter(mpire.WorkerPool(2)),
            "processes": enter(ProcessPoolExecutor(2)),
            "loky": enter(loky.ProcessPoolExecutor(2)),
        }
        for name in ("processes", "loky"):
            wait([pools[name].submit(abs, -1) for _ in range(8)], AMPLE)
        for call in [pools["mpire"].apply_async(abs, (-1,)) for _ in range(2)]:
            call.get(AMPLE)
        both = threading.Barrier(2)
        pools["threads"] = enter(ThreadPoolExecutor(2))
        wait([pools["threads"].submit(both.wait, AMPLE) for _ in range(2)])
        pools["thread-pool"] = enter(ThreadPool(2))
        signal.signal(signal.SIGTERM, handler)
        yield pools


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_case(pools: dict[str, Any], engine: str, case: Callable[[Any], None]) -> None:
    """Pools of this machine."""
    case(pools[engine])


@pytest.mark.parametrize("cluster", ["dask", "mpi"])
def test_cases_on_a_cluster(cluster: str, home: Path, tmp_path: Path) -> None:
    """Workers of dask, and ranks of MPI; each in processes of their own.

    And what a program is told of their jobs, that looks by a `Client`.
    """
    file = tmp_path / "answers.json"
    python = [sys.executable]
    if cluster == "mpi":
        python = ["mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    cases = Path(__file__).with_name("cases.py")
    done = subprocess.run(
        [*python, str(cases), cluster, str(file)],
        env={**os.environ, **MPI, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * AMPLE,
    )
    assert done.returncode == 0 and file.exists(), done.stdout + done.stderr
    said: dict[str, str] = json.loads(file.read_text())
    assert list(said) == [*CASES, *WATCHED]
    failed = [f"{name}:\n{trace}" for name, trace in said.items() if trace]
    assert not failed, "\n".join(failed)
    assert done.stderr.partition(MARK)[2].strip() == ""


@pytest.mark.parametrize(
    "engine",
    [
        "pool",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in LOCAL
            if name != "pool"
        ),
    ],
)
def test_a_million_tasks(pools: dict[str, Any], engine: str) -> None:
    """Every one is counted, once; and a viewer is told the same."""
    count, told = 10**6, []
    with Server(view=None) as server:
        viewer = Client(server.connection_file)
        listener = threading.Thread(target=lambda: told.extend(viewer.progress()))
        listener.start()
        eventually(lambda: server.viewers)
        results = server.map(abs, range(count), executor=pools[engine])
        assert sum(results) == count * (count - 1) // 2
    listener.join(AMPLE)
    assert results.progress.done == results.insights.done == count
    assert (told[-1].done, told[-1].total, told[-1].state) == (count, count, "finished")
