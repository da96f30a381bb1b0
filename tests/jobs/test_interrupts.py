"""Ctrl-C during `map`, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from ..helpers import AMPLE, eventually, processes, start_script

# What is interrupted: nothing of it ends by itself.
SCRIPT = """
import contextlib, itertools, sys, threading, time
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import async_plot

pool, place = sys.argv[1:]

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

def quick(x):
    return x

def told(x):
    if x == 0:
        print("ready", flush=True)

if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(async_plot.Server(view=None, name="me"))
        executor, options = None, {"workers": 2}
        if pool != "loky":
            options = {}
            executor = ThreadPoolExecutor(2)
            if pool != "threads":
                context = multiprocessing.get_context(pool)
                executor = ProcessPoolExecutor(2, mp_context=context)
            stack.enter_context(executor)
            if pool != "threads":  # no process is being forked just then: it would tell
                list(executor.map(time.sleep, [0.3, 0.3]))
        if place in ("sleep", "spin", "long"):
            for each in server.map(globals()[place], range(9), executor=executor,
                                   chunksize=1, **options):
                pass
        elif place == "body":
            for x in server.map(quick, itertools.count(), executor=executor, **options):
                if x == 100:
                    print("ready", flush=True)
                    time.sleep(3600)
        else:
            results = server.map(lambda x: x < 3 or time.sleep(3600), itertools.count(),
                                 executor=executor, chunksize=1, **options)
            for x in results:
                if not next(results) or x:
                    print("ready", flush=True)
                    time.sleep(3600)
"""


@pytest.mark.parametrize(
    ("pool", "place", "group"),
    [
        ("loky", "sleep", True),
        ("loky", "held", False),
        ("fork", "long", True),
        ("fork", "spin", False),
        ("fork", "held", False),
        ("spawn", "body", True),
        ("threads", "spin", True),
    ],
)
def test_one_is_enough(pool: str, place: str, group: bool) -> None:
    """It ends the job and its processes at once, with one traceback: the user's."""
    with start_script(SCRIPT, pool, place) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "ready\n"
        _interrupt(script, group=group)
        out, err = script.communicate(timeout=AMPLE)
    assert script.returncode == -signal.SIGINT, err
    assert err.count("Traceback") == 1, err
    assert err.splitlines()[0].startswith("Traceback")
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert out == ""
    eventually(lambda: not processes())


def _interrupt(script: subprocess.Popen[str], *, group: bool) -> None:
    """As a terminal does, or a notebook."""
    (os.killpg if group else os.kill)(script.pid, signal.SIGINT)


AGAIN = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
import async_plot

def slow(x):
    print("ready", flush=True)
    time.sleep(3600)

if __name__ == "__main__":
    try:
        list(async_plot.map(slow, [1], workers=1))
    except KeyboardInterrupt:
        print("caught")
    results = async_plot.map(abs, [-1, -2], workers=1)
    print(list(results), results.state)
"""


def test_the_next_job_is_none_of_its_business() -> None:
    """Where the script goes on, so does `map`."""
    with start_script(AGAIN) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "ready\n"
        _interrupt(script, group=True)
        out, err = script.communicate(timeout=AMPLE)
    assert script.returncode == 0 and "Traceback" not in err, err
    assert out == "caught\n[1, 2] finished\n"
