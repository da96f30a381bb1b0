"""The examples of pools, each as its page shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import AMPLE, ROOT
from .jobs.test_every_engine import MPI

POOLS = ROOT / "examples" / "pools"
# A cluster that ends may say that a worker's heartbeat found nobody, and how.
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}
SAYS = {
    "loky": "7 ",
    "executor": "1.644",
    "threads": "A B C D E F G H",
    "pool": "killed by SIGKILL",
    "mpire": "3 2 6 4 9 8 7 11",
    "dask": "0 2997 ",
    "mpi": "0 2997 ",
}


def test_each_is_tried() -> None:
    """None is left out."""
    assert sorted(SAYS) == sorted(
        path.stem.removeprefix("on_") for path in POOLS.glob("*.py")
    )


@pytest.mark.parametrize("name", SAYS)
def test_it_runs(name: str, home: Path, tmp_path: Path) -> None:
    """And says what it should."""
    python = [sys.executable]
    if name == "mpi":
        python = ["mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    done = subprocess.run(
        [*python, str(POOLS / f"on_{name}.py")],
        env={**os.environ, **MPI, **QUIET, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * AMPLE,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert SAYS[name] in done.stdout
