"""Bars of processes that nobody sent, in the views of the run that started them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator

import pytest

from async_plot import Client, Server
from async_plot.wire.messages import Message, Progress, Worker

from ..helpers import AMPLE, eventually, run_script, start_script

# Prints what the views of its run are told of other processes, at the end.
_POOL = """
import multiprocessing, os, sys, threading
from async_plot import Client, Server, tqdm

def job(number):
    for _ in tqdm(range(3), desc=f"cells {number}", position=number):
        pass
    return os.getpid()

def listen(server, told):
    for bar in Client(server).progress():
        told[bar.desc] = bar

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    pool = context.Pool(1) if sys.argv[2] == "before" else None
    told = {}
    with Server(view=None) as server:
        listener = threading.Thread(target=listen, args=(server, told))
        listener.start()
        with pool or context.Pool(1) as pool:
            [*_, pid] = pool.map(job, range(2))
    listener.join()
    for bar in told.values():
        print(bar.desc, bar.done, bar.state, bar.place, bool(bar.worker))
"""


@pytest.mark.parametrize(
    ("method", "when"),
    [("fork", "before"), ("fork", "inside"), ("spawn", "inside"), ("forkserver", "x")],
)
def test_bars_in_a_bare_pool_are_seen(method: str, when: str) -> None:
    """However it is started; whole, though the pool is ended by signals at once."""
    done = run_script(_POOL, method, when)
    assert done.stdout.splitlines() == [
        "cells 0 3.0 finished [0] True",
        "cells 1 3.0 finished [1] True",
    ]
    assert done.stderr == ""  # no lines in the way of what the calculation prints


# Counts for as long as its standard input is open.
_CHILD = """
import os, sys
from async_plot import progress
bar = progress(9, desc="child")
bar.update(2)
print(os.getpid(), flush=True)
sys.stdin.read()
bar.update(1)
"""


class Viewer:
    """What a viewer of a server is told, in a thread."""

    def __init__(self, server: Server) -> None:
        self.told: list[Message] = []
        self._client = Client(server)
        self._thread = threading.Thread(target=self._listen, name="viewer")
        self._thread.start()

    def _listen(self) -> None:
        for message in self._client.messages():
            self.told.append(message)

    def close(self) -> None:
        self._client.close()
        self._thread.join(AMPLE)

    def bar(self) -> Progress | None:
        """The newest of the bar."""
        found = [each for each in self.told if isinstance(each, Progress)]
        return found[-1] if found else None

    def worker(self) -> Worker | None:
        """The newest of the process."""
        found = [each for each in self.told if isinstance(each, Worker)]
        return found[-1] if found else None


@contextlib.contextmanager
def watched_child(
    source: str = _CHILD,
) -> Iterator[tuple[Viewer, subprocess.Popen[str]]]:
    """A viewer of a run of this process, and a program that it has started."""
    with Server(view=None) as server:
        with start_script(source, stdin=subprocess.PIPE) as child:
            viewer = Viewer(server)
            try:
                eventually(lambda: (seen := viewer.bar()) and seen.done == 2)
                eventually(viewer.worker)
                yield viewer, child
            finally:
                viewer.close()
            child.communicate()


def test_a_bar_is_shown_as_that_of_its_process() -> None:
    """A worker of no job, by its process number; both end with it."""
    with watched_child() as (viewer, child):
        bar, worker = viewer.bar(), viewer.worker()
        assert bar is not None and worker is not None
        assert (bar.desc, bar.done, bar.job) == ("child", 2.0, "")
        assert bar.worker == worker.worker
        assert worker.pid == child.pid and worker.job == "" and worker.number == 0
        assert worker.state == "working" and worker.argument == "script.py"
        child.communicate()
        eventually(lambda: (seen := viewer.worker()) and seen.state == "ended")
        eventually(lambda: (seen := viewer.bar()) and seen.state == "stopped")
        assert (seen := viewer.bar()) and seen.done == 3.0
        assert child.returncode == 0


def test_a_bar_ends_when_its_process_is_killed() -> None:
    """Without a word; it is not waited for, since it cannot come back."""
    with watched_child() as (viewer, child):
        child.kill()
        child.wait(AMPLE)
        eventually(lambda: (seen := viewer.bar()) and seen.state == "stopped")
        eventually(lambda: (seen := viewer.worker()) and seen.state == "ended")


def test_a_calculation_that_stands_still_holds_up_no_child() -> None:
    """Its bars count, and it ends."""
    parent = """
import subprocess, sys
from async_plot import Server
with Server(view=None):
    child = subprocess.Popen([sys.executable, sys.argv[1]])
    print(child.pid, flush=True)
    child.wait()
"""
    child = """
import os, signal, time
from async_plot import track
os.kill(os.getppid(), signal.SIGSTOP)
status = f"/proc/{os.getppid()}/stat"
while open(status).read().rpartition(")")[2].split()[0] != "T":
    time.sleep(0.001)
for i in range(100):
    for j in track(range(10)):
        pass
os.write(1, b"done\\n")
os.kill(os.getppid(), signal.SIGCONT)
"""
    path = os.path.join(os.path.dirname(os.environ["ASYNC_PLOT_HOME"]), "child.py")
    with open(path, "w") as file:
        file.write(child)
    with start_script(parent, path, patient=False) as process:
        out, err = process.communicate(timeout=AMPLE)
    assert process.returncode == 0, err
    assert out.endswith("done\n")


def test_a_program_with_a_run_of_its_own_keeps_its_bars() -> None:
    """What it had begun before is told to its own views from then on, too."""
    source = _CHILD.replace(
        "sys.stdin.read()",
        "sys.stdin.readline()\n"
        "from async_plot import Client, Server\n"
        "server = Server(view=None).start()\n"
        "sys.stdin.readline()\n"
        "own = progress(1, desc='own')\n"
        "seen = set()\n"
        "for told in Client(server).progress():\n"
        "    seen.add(told.desc)\n"
        "    if len(seen) == 2: break\n"
        "print(*sorted(seen), flush=True)\n"
        "sys.stdin.read(); own.close(); server.close()",
    )
    with watched_child(source) as (viewer, child):
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("\n")
        child.stdin.flush()
        # What begins before that may be told to both, for a moment.
        eventually(lambda: (seen := viewer.worker()) and seen.state == "ended")
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        assert child.stdout.readline() == "child own\n"
        bars = {each.desc for each in viewer.told if isinstance(each, Progress)}
        assert bars == {"child"}


def test_a_fork_without_an_exit_is_seen_and_ends() -> None:
    """A child of `os.fork` that leaves by `os._exit`, and one of its own."""
    source = """
import os, threading, time
from async_plot import Client, Server, progress
told = {}
def listen():
    for bar in Client(server).progress():
        told[bar.desc] = bar.state
with Server(view=None) as server:
    listener = threading.Thread(target=listen)
    listener.start()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        first = progress(2, desc="child")
        if not os.fork():
            second = progress(2, desc="grandchild")
            os.read(reading, 1)
            os._exit(0)
        os.read(reading, 1)
        os._exit(0)
    while len(told) < 2:
        time.sleep(0.01)
    os.write(writing, b"..")
    os.waitpid(child, 0)
    while set(told.values()) != {"stopped"}:
        time.sleep(0.01)
listener.join()
print(sorted(told))
"""
    assert run_script(source).stdout == "['child', 'grandchild']\n"


def test_who_is_nobodys_child_writes_lines() -> None:
    """As before; also where the run has ended, or must not be looked for."""
    source = "from async_plot import track\nfor _ in track(range(3), desc='x'): pass\n"
    for told in ("", "/nowhere/connection.json"):
        assert "3/3" in run_script(source, env={"ASYNC_PLOT_RUN": told}).stderr
