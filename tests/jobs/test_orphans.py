"""Workers of a calculation that was killed."""

from __future__ import annotations

import sys

import psutil
import pytest

from ..helpers import eventually, start_script

SCRIPT = """
import os, sys, time
import async_plot
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def work(x):
    os.write(1, b"%d\\n" % os.getpid())  # in one piece: two of them write
    time.sleep(3600)

if __name__ == "__main__":
    pool = None
    if sys.argv[1] != "loky":
        pool = ProcessPoolExecutor(2, get_context(sys.argv[1]))
    list(async_plot.map(work, range(2), executor=pool, workers=None if pool else 2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there workers are watched")
@pytest.mark.parametrize("start", ["loky", "fork"])
def test_they_end_with_it(start: str) -> None:
    """They would wait for ever, since each keeps the others' pipes open."""
    with start_script(SCRIPT, start) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        assert all(map(_runs, workers))
        process.kill()
        eventually(lambda: not any(map(_runs, workers)))


def _runs(pid: int) -> bool:
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return bool(status != psutil.STATUS_ZOMBIE)
