"""Runs that end badly, in real processes: what is left, and what is said of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from async_plot import Client
from async_plot.net import death, runs
from async_plot.net.death import fate
from async_plot.net.records import Records
from async_plot.wire import codec
from async_plot.wire.messages import Frame, Log, Scalars, State

from ..helpers import AMPLE, eventually, run_script, start_script
from .support import Messages

SCRIPT = """
import faulthandler, logging, os, sys, time
import numpy as np
from async_plot import Server
from async_plot.net.records import Records
from async_plot.wire.messages import Frame

def kept(path):
    if not path.exists():
        return False
    with Records(path) as records:
        return any(entry.kind is Frame for entry in records.entries)

server = Server(view=None, name="run", overhead=1).start()
logging.getLogger().addHandler(server.handler())
array = np.zeros(1000)
with server:
    for i in range(1, 51):
        array[:] = i
        server.update(array)
        server.log(mean=float(i))
        if i == 25:
            logging.warning("half way")
    record = server.connection_file.with_name("record")
    while not kept(record):  # a log record may have been first
        time.sleep(0.001)
    print(server.connection_file, flush=True)
    if "wait" in sys.argv:
        sys.stdin.readline()
    {end}
"""

# How it ends; exit status; state in the record; beginning of what is said of it where
# nobody saw it, and where somebody did.
ENDS = [
    ("1 / 0", 1, "failed", "", ""),
    ("os.kill(os.getpid(), 2); time.sleep(60)", -2, "interrupted", "", ""),
    ("os._exit(3)", 3, "", death.UNSEEN, "left by os._exit(3)"),
    (
        "faulthandler._sigsegv()",
        -signal.SIGSEGV,
        "",
        "crashed: Segmentation fault",
        "killed by SIGSEGV: Segmentation fault",
    ),
    ("os.abort()", -6, "", "crashed: Aborted", "killed by SIGABRT: Aborted"),
    ("os.kill(os.getpid(), 9)", -9, "", death.UNSEEN, "killed by SIGKILL"),
]


# From this version on, Linux tells others than the parent how a process ended.
TELLS = sys.platform == "linux" and (
    tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
)


def content(run: runs.Run) -> dict[str, Any]:
    """What a record holds; its frames are whole."""
    with Records(run.record_file) as records:
        assert records.own and records.damage == ""
        found: dict[str, Any] = {"frames": [], "state": "", "text": ""}
        for entry in records.entries:
            message = records.read(entry)
            if isinstance(message, Frame):
                [array], _ = codec.decode(message.payload, message.buffers)
                assert (array == message.number).all()
                found["frames"].append(message.number)
            elif isinstance(message, State):
                found["state"], found["text"] = message.state, message.text
            elif isinstance(message, (Log, Scalars)):
                found[type(message).__name__] = message
        assert len(records.codes) == 1
    return found


@pytest.mark.parametrize(
    ("end", "status", "state", "unseen"), [each[:4] for each in ENDS]
)
def test_what_a_run_leaves(end: str, status: int, state: str, unseen: str) -> None:
    """The last whole frame that was kept, how it ended, and where it crashed."""
    result = run_script(SCRIPT.replace("{end}", end), check=False)
    assert result.returncode == status
    [run] = runs.list_runs()
    found = content(run)
    assert found["frames"] and found["state"] == state
    assert not list(run.directory.glob(".*")) and not run.alive
    if state:
        assert found["frames"][-1] == 50
        assert found["Log"].text == "half way" and found["Scalars"].name == "mean"
        assert fate(run).state == state
        assert not run.fault_file.exists()
        if state == "failed":
            assert "ZeroDivisionError" in found["text"]
    else:
        assert fate(run).reason.startswith(unseen)
        native = run.fault_file.read_text()
        assert bool(native) == ("crashed" in unseen)
        if native:
            assert "script.py" in native
            assert "Fatal Python error" not in result.stderr  # as without us
    [said] = [m for m in Client(run).messages() if isinstance(m, State)]
    assert said.state == (state or "lost")


@pytest.mark.parametrize(("end", "seen"), [(e[0], e[4]) for e in ENDS if e[4]])
def test_a_viewer_sees_how_it_dies(end: str, seen: str) -> None:
    """It says so, and notes it for whoever looks later."""
    source = SCRIPT.replace("{end}", end)
    with start_script(source, "wait", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        path = process.stdout.readline().strip()
        with Messages(path) as messages:
            eventually(lambda: messages.of(Frame))
            process.stdin.write("\n")
            process.stdin.flush()
            messages.join()
            said = messages.of(State)[-1]
        process.wait(AMPLE)
    run = runs.read(path)
    assert said.state == "lost"
    assert fate(run).reason == said.text
    if TELLS:
        assert said.text == seen
        noted = json.loads((run.directory / "died").read_text())
        assert noted["reason"] == said.text and noted["time"] == said.time
        assert (run.directory / "died").stat().st_mode & 0o777 == 0o600


# -- faulthandler ------------------------------------------------------------------


def test_faulthandler_of_the_users_is_left_alone() -> None:
    """Whether it was on before, or came later: their dump comes where they want it."""
    source = """
import faulthandler, sys
from async_plot import Server
if sys.argv[1] == "before":
    faulthandler.enable()
server = Server(view=None).start()
if sys.argv[1] == "after":
    faulthandler.enable()
if sys.argv[1] == "closed":
    faulthandler.enable()
    server.close()
    server = None
faulthandler._sigsegv()
"""
    for when in ("before", "after", "closed"):
        result = run_script(source, when, check=False)
        assert result.returncode == -signal.SIGSEGV
        assert "Fatal Python error: Segmentation fault" in result.stderr, when
        run = runs.list_runs()[0]
        assert not run.fault_file.exists() or not run.fault_file.read_text()


def test_faulthandler_is_off_again_when_nobody_needs_it() -> None:
    """After the last of several runs, with no descriptor left; on in the next."""
    result = run_script(
        """
import faulthandler, gc, os
from async_plot import Server

def held():
    return len(os.listdir("/proc/self/fd"))

assert not faulthandler.is_enabled()
with Server(view=None):
    pass
before = held()
with Server(view=None, name="outer"):
    assert faulthandler.is_enabled()
    with Server(view=None, name="inner") as inner:
        inner.update(1)
    assert faulthandler.is_enabled()
    child = os.fork()
    if not child:
        os._exit(faulthandler.is_enabled())
    assert os.waitpid(child, 0)[1] == 0
    assert faulthandler.is_enabled()
assert not faulthandler.is_enabled() and held() == before
server = Server(view=None, name="last").start()
assert faulthandler.is_enabled()
del server
while faulthandler.is_enabled():  # the background thread may just hold it
    gc.collect()
print("done")
"""
    )
    assert result.stdout == "done\n"
    assert not any(run.fault_file.exists() for run in runs.list_runs())


def test_one_crash_is_that_of_all_runs_of_the_process() -> None:
    """Each finds it among its files."""
    run_script(
        """
import faulthandler
from async_plot import Server
with Server(view=None, name="first"):
    first = Server(view=None, name="second").start()
    second = Server(view=None, name="third").start()
    first.close()
    faulthandler._sigsegv()
""",
        check=False,
    )
    left = {run.name: run.fault_file.exists() for run in runs.list_runs()}
    assert left == {"first": True, "second": False, "third": True}
    for run in runs.list_runs():
        if left[run.name]:
            assert "Segmentation fault" in run.fault_file.read_text()


def test_faulthandler_stays_off_where_a_signal_is_somebody_elses() -> None:
    """Such as another language's machine, which takes faults for its own ends."""
    source = """
import faulthandler, signal, sys
from async_plot import Server
if sys.argv[1] == "python":
    signal.signal(signal.SIGFPE, lambda *_: None)
else:
    import ctypes
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)
    handler = kind(lambda number: None)
    ctypes.CDLL(None).signal(int(signal.SIGSEGV), handler)
with Server(view=None):
    assert not faulthandler.is_enabled()
"""
    for whose in ("python", "c"):
        run_script(source, whose)


def test_a_crash_of_a_child_is_not_the_runs() -> None:
    """Its stacks are not put into its parent's file."""
    run_script(
        """
import faulthandler, os, signal
from async_plot import Server
with Server(view=None):
    child = os.fork()
    if not child:
        faulthandler._sigsegv()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGSEGV
    os._exit(0)
""",
        check=False,
    )
    [run] = runs.list_runs()
    assert run.fault_file.read_text() == ""


def test_a_crash_at_the_first_step_leaves_its_stacks(tmp_path: Path) -> None:
    """However early."""
    run_script(
        "import faulthandler\nfrom async_plot import Server\n"
        "with Server(view=None):\n    faulthandler._sigsegv()\n",
        check=False,
    )
    [run] = runs.list_runs()
    assert fate(run) == death.Fate("killed", "crashed: Segmentation fault")
    assert os.listdir(run.directory) != []
