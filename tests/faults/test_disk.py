"""A disk that is full, read-only, gone or hangs: one line each, and the run goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_plot.net import runs

from ..helpers import AMPLE, run_script

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
from async_plot import Client, Server

{before}
server = Server(view=None, record={record}, overhead=1, name="run").start()
{after}
seen = []

def watch():
    for frame in {client}:
        seen.append(frame)

thread = threading.Thread(target=watch)
thread.start()
big = np.zeros(100_000)
number = 0
while number < 40 or len(seen) < 5:
    number += 1
    big[:] = number
    server.update(big)
    time.sleep(0.005)
before = time.monotonic()
server.close()
took = time.monotonic() - before
thread.join()
assert all((frame.args[0] == frame.number).all() for frame in seen)
print(number, seen[-1].number, took)
"""

may_mount = os.geteuid() == 0 and shutil.which("unshare") is not None


def run(
    before: str = "",
    after: str = "",
    record: str = "None",
    client: str = "Client(server)",
    setup: str = "",
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a calculation with a viewer, perhaps where other disks are mounted."""
    parts = {"before": before, "after": after, "record": record, "client": client}
    source = SCRIPT
    for name, text in parts.items():
        source = source.replace("{" + name + "}", text)
    python = None
    if setup:
        shell = f'set -e; {setup}; exec "$0" "$@"'
        python = ["unshare", "-m", "sh", "-c", shell, sys.executable]
    done = run_script(source, python=python, **options)
    updates, seen, took = done.stdout.split()
    assert updates == seen and float(took) < AMPLE / 2
    return done


@pytest.mark.skipif(not may_mount, reason="mounts a small disk")
@pytest.mark.parametrize("what", ["record", "recording", "both"])
def test_a_full_disk(what: str, home: Path, tmp_path: Path) -> None:
    """The record and the recording each say it once; frames arrive all the same."""
    small = tmp_path / "small"
    small.mkdir()
    setup = []
    if what != "recording":
        setup.append(f"mount -t tmpfs -o size=400k,mode=700 tmpfs {home}")
    setup.append(f"mount -t tmpfs -o size=400k tmpfs {small}")
    record = "None" if what == "record" else repr(str(small / "run.aplot"))
    done = run(setup="; ".join(setup), record=record)
    lines = done.stderr.splitlines()
    assert len(lines) == (2 if what == "both" else 1), done.stderr
    assert all("No space left" in line for line in lines)
    assert any("the run's record is not kept" in x for x in lines) == (
        what != "recording"
    )


@pytest.mark.skipif(not may_mount, reason="mounts a disk")
def test_a_disk_that_becomes_read_only(home: Path) -> None:
    """As broken ones do."""
    done = run(
        setup=f"mount -t tmpfs -o mode=700 tmpfs {home}",
        after=f"h = '{home}'; os.system("
        "f'mount --bind {h} {h} && mount -o remount,ro,bind {h}')",
    )
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Read-only file system" in done.stderr


def test_a_directory_that_is_deleted(tmp_path: Path) -> None:
    """Said once; it is not made again."""
    gone = "import shutil; shutil.rmtree(path.parent)"
    done = run(
        after="path = server.connection_file; client = Client(server)\n" + gone,
        client="client",
    )
    [line] = done.stderr.splitlines()
    assert "the run's record is not kept on disk" in line and "No such file" in line
    assert runs.list_runs() == []


@pytest.mark.parametrize("default", [True, False], ids=["default action", "ignored"])
def test_a_limit_on_file_sizes_ends_nothing(default: bool, tmp_path: Path) -> None:
    """Also where its signal would end the process, as in C programs."""
    before = "import resource as r\nr.setrlimit(r.RLIMIT_FSIZE, (1 << 18, 1 << 18))"
    if default:
        before += "\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)"
    done = run(before=before, record=repr(str(tmp_path / "run.aplot")))
    lines = done.stderr.splitlines()
    assert any("the run's record is not kept" in line for line in lines)
    assert all("too large" in x or "shared memory" in x for x in lines), done.stderr


def test_a_disk_that_hangs(tmp_path: Path) -> None:
    """Frames arrive, the run ends in time, and so does its process."""
    done = run(
        before="forever = lambda *args: time.sleep(1000)",
        after="os.pwritev = forever",
        record=repr(str(tmp_path / "run.aplot")),
        patient=False,
    )
    [line] = done.stderr.splitlines()
    assert "the disk is slow" in line
    [left] = runs.list_runs()
    assert not left.alive
