"""Ctrl-C during a `map` on pools of others, in a process of its own.

A real SIGINT to the group, as a terminal sends it. For our own processes and those of
the standard library's executors see `test_interrupts`.
"""

from __future__ import annotations

import os
import signal
import sys

import pytest

from ..helpers import AMPLE, eventually, processes, start_script
from .test_every_engine import MPI

SCRIPT = """
import contextlib, itertools, multiprocessing, sys, time
import async_plot

pool, method, place = sys.argv[1:]

def sleep(x):
    told(x)
    time.sleep(3600)

def spin(x):
    told(x)
    while True:
        pass

def long(x):
    told(x)
    sum(range(10**13))

def told(x):
    if x < 2:
        print("ready\\n", end="", flush=True)

if __name__ == "__main__":
    if pool == "mpire":
        import mpire
        made = mpire.WorkerPool(2, start_method=method)
    else:
        made = multiprocessing.get_context(method).Pool(2)
    with made as executor, async_plot.Server(view=None, name="me") as server:
        if place == "body":
            results = server.map(abs, itertools.count(), executor=executor)
            for x in results:
                if x % 100 == 0 and len(results.insights.workers) == 2:
                    print("ready\\nready", flush=True)
                    time.sleep(3600)
        for each in server.map(globals()[place], range(9), executor=executor,
                               chunksize=1):
            pass
"""


@pytest.mark.parametrize(
    ("pool", "method", "place"),
    [
        ("pool", "fork", "sleep"),
        ("pool", "fork", "spin"),
        ("pool", "spawn", "long"),
        ("pool", "fork", "body"),
        ("mpire", "fork", "sleep"),
        ("mpire", "fork", "spin"),
        ("mpire", "fork", "long"),
        ("mpire", "fork", "body"),
        pytest.param("mpire", "spawn", "sleep", marks=pytest.mark.slow),
    ],
)
def test_one_is_enough(pool: str, method: str, place: str) -> None:
    """It ends the job and its processes at once, with one traceback: the user's."""
    with start_script(SCRIPT, pool, method, place) as script:
        assert script.stdout is not None
        # Both workers: one that only starts is not in our hands yet.
        assert [script.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        os.killpg(script.pid, signal.SIGINT)
        out, err = script.communicate(timeout=AMPLE)
    assert script.returncode == -signal.SIGINT, err
    assert err.count("Traceback") == 1, err
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert out == ""
    eventually(lambda: not processes())


CLUSTER = """
import sys, time
from dask.distributed import Client, LocalCluster
import async_plot

def hold(x):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1",
                      dashboard_address=None) as cluster, Client(cluster) as client:
        before = {each.pid for each in cluster.workers.values()}
        try:
            # One worker has nothing to do; both live on.
            list(async_plot.map(hold, [1], executor=client))
        except KeyboardInterrupt:
            print("caught", flush=True)
        results = async_plot.map(abs, [-1, -2], executor=client)
        print(list(results), results.state)
        print(before == {each.pid for each in cluster.workers.values()})
        print("the cluster ends", file=sys.stderr, flush=True)
"""


def test_a_cluster_lives_on() -> None:
    """What runs there is told to stop; nothing is printed, and the next job runs."""
    with start_script(CLUSTER) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "ready\n"
        os.killpg(script.pid, signal.SIGINT)
        out, err = script.communicate(timeout=AMPLE)
    assert script.returncode == 0, err
    # Of its own end, a cluster may say that a worker's heartbeat found nobody.
    said, end, _ = err.partition("the cluster ends")
    assert end and "Traceback" not in said, err
    assert out == "caught\n[1, 2] finished\nTrue\n"
    eventually(lambda: not processes())


RANKS = """
import time
from mpi4py.futures import MPIPoolExecutor
import async_plot

def hold(x):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        list(async_plot.map(hold, range(9), executor=executor, chunksize=1))
"""


def test_mpiexec_ends_all_ranks() -> None:
    """It does so by itself when it is interrupted; we keep none of them back."""
    python = ["mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    with start_script(RANKS, python=python, env=MPI) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "ready\n"
        os.killpg(script.pid, signal.SIGINT)
        script.communicate(timeout=AMPLE)
    assert script.returncode != 0
    eventually(lambda: not processes())
