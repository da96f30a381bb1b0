"""Each benchmark runs, in sizes too small to say anything about time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import AMPLE

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
EXPECTED = {
    "bars",
    "clusters",
    "frames",
    "hotpath",
    "imports",
    "latency",
    "maps",
    "recording",
    "slots",
    "slowdown",
    "snapshot",
    "suspended",
    "terminal",
    "tls",
    "viewers",
    "workers",
}


def run(name, *options):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), *options],
        capture_output=True,
        text=True,
        timeout=2 * AMPLE,
    )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_runs(name):
    """It ends well, and each line has something measured."""
    done = run(name, "--smoke", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows
    assert all(row["what"] and row["measured"] for row in rows)
    assert any(row["target"] for row in rows)


def test_runner_knows_every_benchmark():
    """The runner names what lies in the directory, and nothing else."""
    done = run("run", "--smoke", "--only", "nothing")
    assert done.returncode == 2
    for name in EXPECTED:
        assert repr(name) in done.stderr


def test_runner_tells_machine_and_result():
    """A run begins with the machine and ends with how many targets were reached."""
    done = run("run", "--smoke", "--only", "hotpath")
    assert done.returncode == 0, done.stderr
    assert "cores:" in done.stdout
    assert "numpy:" in done.stdout
    assert "of 3 targets reached" in done.stdout
