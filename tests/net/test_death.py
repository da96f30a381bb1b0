"""Tests of what is said of a run that left no word; real deaths are in ``faults``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from async_plot.net import death, runs
from async_plot.net.death import UNSEEN, Fate, Witness, fate
from async_plot.net.records import write_whole
from async_plot.wire import framing
from async_plot.wire.messages import State

from ..helpers import AMPLE

TELLS = sys.platform == "linux" and (
    tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    code = "import os, sys; sys.stdin.readline(); exec(sys.stdin.readline())"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as made:
        yield made
        made.kill()


def run_of(pid: int) -> runs.Run:
    """A run whose process that is."""
    run, trouble = runs.create("run", ("127.0.0.1", 1), bytes(32))
    assert not trouble
    run = replace(run, pid=pid, birth=runs.birth(pid))
    runs._write(run)
    return run


@pytest.fixture
def gone() -> runs.Run:
    """A run whose process is not there any more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as made:
        run = run_of(made.pid)
    assert not run.alive
    return run


def end(process: subprocess.Popen[bytes], how: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"\n{how}\n".encode())
    process.stdin.flush()


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [
        ("os._exit(7)", "lost", "left by os._exit(7)"),
        ("os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
        ("os.kill(os.getpid(), 15)", "killed", "killed by SIGTERM"),
        ("os.kill(os.getpid(), 40)", "killed", "killed by signal 40"),
    ],
)
@pytest.mark.parametrize("reaped", [False, True])
def test_a_witness_sees_how_it_ended(
    process: subprocess.Popen[bytes], how: str, state: str, reason: str, reaped: bool
) -> None:
    """Whether its parent has been told yet or not."""
    run = run_of(process.pid)
    witness = Witness(run)
    end(process, how)
    if reaped:
        process.wait(AMPLE)
        if not TELLS:
            assert witness.testify() is None
            return
    seen = witness.testify()
    assert seen is not None and (seen.state, seen.reason) == (state, reason)
    process.wait(AMPLE)
    assert fate(run) == seen
    content = json.loads((run.directory / "died").read_text())
    assert content["reason"] == reason and content["state"] == state
    assert witness.testify() is None  # once is enough


def test_nothing_is_said_of_a_process_that_lives(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of one that has got the number of the run's."""
    monkeypatch.setattr(death, "_PATIENCE", 0.05)
    run = run_of(process.pid)
    assert Witness(run).testify() is None
    assert fate(run) == Fate("running")
    other = replace(run, birth=(run.birth or 0) + 1)
    witness = Witness(other)
    end(process, "os._exit(1)")
    process.wait(AMPLE)
    assert witness.testify() is None
    assert Witness(replace(run, host="elsewhere")).testify() is None
    assert not (run.directory / "died").exists()


def test_the_first_witness_is_believed(process: subprocess.Popen[bytes]) -> None:
    """A later one changes nothing."""
    run = run_of(process.pid)
    witness = Witness(run)
    noted = {"reason": "killed by SIGKILL", "state": "killed", "time": 1.0}
    path = run.directory / "died"
    path.write_text(json.dumps(noted))
    path.chmod(0o600)
    end(process, "os._exit(1)")
    witness.testify()
    process.wait(AMPLE)
    assert fate(run) == Fate("killed", "killed by SIGKILL", 1.0)


def test_what_was_left_is_read_where_nobody_saw(gone: runs.Run) -> None:
    """Its last word, the stacks of a crash; else nothing is claimed."""
    assert fate(gone) == Fate("lost", UNSEEN)
    gone.fault_file.write_text("Fatal Python error: Bus error\n\nThread 0x1\n")
    gone.fault_file.chmod(0o600)
    assert fate(gone) == Fate("killed", "crashed: Bus error")
    # It ended by itself, and its process with it before the end was noted.
    said = framing.encode(State("finished", "", 1.0))
    write_whole(gone.record_file, [said])
    assert fate(gone) == Fate("finished")
    assert fate(runs.end(gone, "failed")) == Fate("failed")
    assert fate(runs.end(gone, "lost")) == Fate("finished")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"state": "finished", "reason": ""}', '{"state": "killed"}'],
)
def test_a_damaged_note_is_none(gone: runs.Run, content: str) -> None:
    """Nor is one that says what no witness does."""
    path = gone.directory / "died"
    path.write_text(content)
    path.chmod(0o600)
    assert fate(gone) == Fate("lost", UNSEEN)


def test_memory_is_blamed_where_the_system_says_so(
    gone: runs.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the kernel's log with the process's number, or by a count that rose."""
    monkeypatch.setattr(death, "kernel_says_oom", lambda pid: False)
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 3\n")
    run = replace(gone, memory=str(events), oom_kills=3)
    assert death._judged(run, 9).reason == "killed by SIGKILL"
    events.write_text("low 0\noom 1\noom_kill 4\n")
    assert death._judged(run, 9).reason.startswith("killed by SIGKILL: out of memory,")
    assert death._judged(run, 15).reason == "killed by SIGTERM"
    assert fate(run).reason == f"out of memory, it seems; {UNSEEN}"
    monkeypatch.setattr(death, "kernel_says_oom", lambda pid: True)
    assert death._judged(run, 9).reason == "killed by SIGKILL: out of memory"


def test_the_kernels_log_is_read_for_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its number, whole."""
    log = tmp_path / "kmsg"
    log.write_text(
        "3,1,5;Out of memory: Killed process 4711 (python) total-vm:1kB\n"
        "3,1,6;Memory cgroup out of memory: Killed process 12 (x)\n"
    )
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: real(log if path == "/dev/kmsg" else path, *a)
    )
    assert death.kernel_says_oom(4711) and death.kernel_says_oom(12)
    assert not death.kernel_says_oom(471) and not death.kernel_says_oom(1)
    log.unlink()
    assert not death.kernel_says_oom(4711)
