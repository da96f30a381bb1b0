"""Near viewers: no frame torn, nothing left behind, TCP wherever memory fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from async_plot import Server
from async_plot.net import budget, peer, slots
from async_plot.wire.messages import Mapped

from ..helpers import AMPLE, eventually, run_script, start_script
from .support import ProcessViewer, Watcher

BIG = 1 << 17  # float64: 1 MiB


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory for slots that nobody else uses; where it lies makes no difference."""
    directory = tmp_path / "memory"
    directory.mkdir()
    monkeypatch.setattr(slots, "directory", lambda: str(directory))
    return directory


def use(memory: Path) -> str:
    """Line of a script for the same."""
    return (
        f"from async_plot.net import slots; slots.directory = lambda: {str(memory)!r}"
    )


def is_near(server: Server) -> bool:
    """Whether all viewers have mapped the slots."""
    return bool(server.viewers) and all(viewer.near for viewer in server.viewers)


def keep_updating(server: Server, x: np.ndarray, seconds: float = 0.2) -> None:  # type: ignore[type-arg]
    """Fill and hand over an array, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        x += 1
        server.update(x)


def show(server: Server, watcher: Watcher, *args: object, **kwargs: object) -> None:
    """Hand over these arguments until they have been received."""
    first = server.stats.updates + 1

    def shown() -> bool:
        server.update(*args, **kwargs)
        return watcher.newest >= first

    eventually(shown)


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no snapshots but those that a viewer waits for.

    A viewer that stands still is overtaken by no others, and keeps to the slots.
    """
    monkeypatch.setattr(budget, "HELD", 2 * AMPLE)


@pytest.mark.usefixtures("asked_for")
def test_big_frames_do_not_travel_through_the_socket() -> None:
    """Small ones of the same run do; all arrive whole and in their order."""
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        x = np.zeros(BIG)
        show(server, watcher, x)
        eventually(lambda: is_near(server))
        show(server, watcher, x)
        before = server.stats.sent_bytes
        for _ in range(5):
            x += 1
            show(server, watcher, x)
            show(server, watcher, x[:10])
        assert server.stats.sent_bytes - before < x.nbytes / 2
    watcher.join()
    for frame in watcher.frames:
        assert (frame.args[0] == frame.args[0][0]).all()
        frame.args[0][:] = -1  # what was received is the viewer's own
    assert sum(frame.args[0].nbytes == x.nbytes for frame in watcher.frames) >= 6


def test_every_kind_of_value_comes_through_a_slot() -> None:
    """Orders, strides, empty arrays, pickles with buffers, many of them."""
    values = {
        "fortran": np.asfortranarray(np.arange(1 << 16).reshape(256, 256)),
        "strided": np.arange(1 << 18)[::2],
        "empty": np.empty((0, 4)),
        "zero": np.array(5),
        "masked": np.ma.masked_less(np.arange(1 << 15), 100),
        "texts": ["a", {"b": b"c" * 100_000}],
        "series": [np.full(100, i) for i in range(50)],
    }
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        show(server, watcher, **values)
        eventually(lambda: is_near(server))
        show(server, watcher, **values)
        show(server, watcher, **values)
    watcher.join()
    got = watcher.frames[-1].kwargs
    for name, value in values.items():
        np.testing.assert_equal(got[name], value)


def test_sizes_that_change_with_every_frame() -> None:
    """Slots are made anew when they are too small; no frame is torn or lost."""
    sizes = [BIG // 2, BIG, 3, 2 * BIG, BIG - 1, 8 * BIG, 0, 8 * BIG + 1, BIG]
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        for size in sizes * 2:
            show(server, watcher, np.full(size, float(size)))
    watcher.join()
    assert {frame.args[0].size for frame in watcher.frames} == set(sizes)
    for frame in watcher.frames:
        assert (frame.args[0] == frame.args[0].size).all()


def test_ten_near_viewers() -> None:
    """Three slots serve them all, and none gets a torn frame."""
    x = np.zeros(BIG)
    with Server(view=None, overhead=1) as server:
        server.update(x)
        watchers = [Watcher(server) for _ in range(10)]
        try:
            eventually(lambda: len(server.viewers) == 10)
            eventually(lambda: keep_updating(server, x, 0.05) or is_near(server))
            keep_updating(server, x, 0.5)
            last = server.stats.updates
            eventually(lambda: all(each.frames for each in watchers))
        finally:
            server.close()
            for each in watchers:
                each.join()
    for each in watchers:
        assert each.newest == last
        assert all((f.args[0] == f.args[0][0]).all() for f in each.frames)


def test_viewers_killed_while_they_copy() -> None:
    """The run and the other viewers notice nothing."""
    x = np.zeros(8 * BIG)
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        server.update(x)
        for pause in (0.0, 0.01, 0.03):
            with ProcessViewer(server) as viewer:
                eventually(lambda: keep_updating(server, x, 0.02) or viewer.newest)
                keep_updating(server, x, pause)
                viewer.process.kill()
        keep_updating(server, x, 0.05)
        last = server.stats.updates
        server.close()
        watcher.join()
    assert watcher.newest == last
    assert all((f.args[0] == f.args[0][0]).all() for f in watcher.frames)


def test_the_calculation_killed_while_it_writes(memory: Path) -> None:
    """At any instant: what was received is whole, and nothing stays in memory."""
    source = f"""{use(memory)}
import numpy as np
from async_plot import Server
x = np.zeros({8 * BIG})
server = Server(view=None, overhead=1).start()
server.update(x)
print(server.connection_file, flush=True)
while True:
    x += 1
    server.update(x)
"""
    for pause in (0.0, 0.003, 0.011, 0.02):
        with start_script(source) as process:
            assert process.stdout is not None
            watcher = Watcher(process.stdout.readline().strip())
            eventually(lambda: len(watcher.frames) > 5)  # noqa: B023
            time.sleep(pause)
            process.kill()
            process.wait()
            watcher.join()
        assert all((f.args[0] == f.args[0][0]).all() for f in watcher.frames)
    assert not list(memory.iterdir())


@pytest.mark.parametrize("ending", ["pass", "raise ValueError", "os._exit(3)"])
def test_nothing_stays_in_memory(ending: str, memory: Path) -> None:
    """Whatever the end; SIGKILL has a test of its own."""
    source = f"""{use(memory)}
import os, sys
import numpy as np
from async_plot import Client, Server
import threading
x = np.zeros({BIG})
with Server(view=None, overhead=1) as server:
    server.update(x)
    client = Client(server)
    thread = threading.Thread(target=list, args=[client])
    thread.start()
    while not (server.viewers and server.viewers[0].near):
        assert thread.is_alive()
        server.update(x)
    print(os.listdir({str(memory)!r}), flush=True)
    {ending}
"""
    done = run_script(source, check=False)
    assert done.stdout == "[]\n"
    assert not list(memory.iterdir())


def test_a_slow_viewer_is_never_starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames overwritten while it copies, thrice in a row: then through the socket.

    After a while it is offered the slots again.
    """
    monkeypatch.setattr(peer, "AGAIN", 0.1)
    x = np.zeros(BIG)
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        show(server, watcher, x)
        eventually(lambda: is_near(server))
        show(server, watcher, x)
        tried = []

        def overtaken(*args: object) -> bool:
            tried.append(args)
            return False

        watcher.client._slots.copy = overtaken  # type: ignore[method-assign]
        show(server, watcher, x + 1)
        assert len(tried) >= 3
        assert not is_near(server)
        show(server, watcher, x + 2)
        del watcher.client._slots.copy
        eventually(lambda: show(server, watcher, x + 2) or is_near(server))
    watcher.join()
    assert {2.0} <= {frame.args[0][0] for frame in watcher.frames} <= {0.0, 1.0, 2.0}


@pytest.mark.usefixtures("asked_for")
def test_refused_frames_cost_no_slot() -> None:
    """Nor does an interrupt in the middle of a snapshot."""
    x = np.zeros(BIG)
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        show(server, watcher, x)
        eventually(lambda: is_near(server))
        refused = server.stats.refused
        while server.stats.refused < refused + 5:
            server.update(x, (n for n in "ab"))
        show(server, watcher, x)
        before = server.stats.sent_bytes
        show(server, watcher, x + 1)
        assert server.stats.sent_bytes - before < x.nbytes / 2


def test_a_viewer_that_lies_gets_what_it_asked_for() -> None:
    """It says that it has mapped slots that are none: nothing happens."""
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        watcher.client.say(Mapped([0, 5, 1 << 60]))
        for number in range(1, 4):
            show(server, watcher, np.full(BIG, number))


def test_a_forked_child_leaves_the_slots_alone() -> None:
    """Its copies are closed, and their memory unmapped; the parent's viewers go on."""
    source = f"""
import os, sys, threading
import numpy as np
from async_plot import Client, Server
x = np.zeros({BIG})
with Server(view=None, overhead=1) as server:
    server.update(x)
    got = []
    client = Client(server)
    def receive():
        for frame in client:
            got.append(frame.args[0])
    thread = threading.Thread(target=receive)
    thread.start()
    while len(client._slots.numbers) < 3 or not server.viewers[0].near:
        assert thread.is_alive()
        server.update(x)
    def held():
        links = [f"/proc/self/fd/{{n}}" for n in os.listdir("/proc/self/fd")]
        return sum("/dev/shm" in os.readlink(p) for p in links if os.path.islink(p))
    parent = held()
    pid = os.fork()
    if not pid:
        child = held()
        server.update(x - 1)
        os._exit(child)
    _, status = os.waitpid(pid, 0)
    x += 1
    while not got[-1].all():
        assert thread.is_alive()
        server.update(x)
thread.join()
print(parent, os.waitstatus_to_exitcode(status), got[-1][0], flush=True)
"""
    parent, child, value = run_script(source).stdout.split()
    # Each slot has two descriptors, one of them is its mapping's; what is left is the
    # child's own copy of the client, whose thread may have one open for a moment. Of
    # either kind of the run's, three would stay.
    assert abs(int(child) - (int(parent) - 6)) <= 1
    assert value == "1.0"


# -- where memory fails ------------------------------------------------------------

_FULL = f"""
import logging, os, sys, threading
import numpy as np
from async_plot import Client, Server
if sys.argv[1] == "lie":  # of the room that there is
    real = os.statvfs
    class Room:
        f_bavail, f_frsize = 1 << 30, 4096
    os.statvfs = lambda place: Room
x = np.zeros({BIG})
with Server(view=None, overhead=1) as server:
    server.update(x)
    got = []
    def receive():
        for frame in Client(server):
            got.append((frame.args[0] == frame.args[0][0]).all())
    thread = threading.Thread(target=receive)
    thread.start()
    while len(got) < 20:
        assert thread.is_alive()
        x += 1
        server.update(x)
    assert not server.viewers[0].near
thread.join()
print(sum(got))
"""


def in_namespace(setup: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the script where /dev/shm is another one."""
    command = ["unshare", "-m", "sh", "-c", f'{setup} && exec "$0" "$@"']
    return run_script(_FULL, *argv, python=[*command, sys.executable])


may_mount = os.geteuid() == 0 and shutil.which("unshare") is not None


@pytest.mark.parametrize("room", ["tell", "lie"])
def test_a_full_tmpfs_is_one_line_and_no_bus_error(
    room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found before by asking, and found by reserving where the answer was wrong."""
    if may_mount:
        setup = "mount -t tmpfs -o size=2m tmpfs /dev/shm"
        done = in_namespace(setup, room)
    else:  # the limit on the size of files stands for the room
        limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (1 << 19, 1 << 19))"
        done = run_script(f"{limit}\n{_FULL}", "lie")
    assert int(done.stdout) >= 20
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and "frames go through sockets" in lines[0]


def test_without_a_tmpfs_it_is_one_line() -> None:
    """As on macOS, or in a container that has none."""
    if may_mount:
        done = in_namespace(
            "mount --bind /var/tmp /dev/shm && unset XDG_RUNTIME_DIR", "tell"
        )
    else:
        patch = "import async_plot.net.slots as s, os; del os.O_TMPFILE"
        done = run_script(f"{patch}\n{_FULL}", "tell")
    assert int(done.stdout) >= 20
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "is a tmpfs" in lines[0] or "without a name" in lines[0]


def test_switched_off_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ASYNC_PLOT_SLOTS=off``, without a word."""
    monkeypatch.setenv("ASYNC_PLOT_SLOTS", "off")
    made: list[int] = []
    monkeypatch.setattr(slots, "make", lambda *args: made.append(1))
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        for number in range(1, 4):
            show(server, watcher, np.full(BIG, number))
    assert not made


def test_killed_viewers_and_runs_are_gone(memory: Path) -> None:
    """A frozen viewer holds nothing up; its memory goes when it is killed."""
    x = np.zeros(BIG)
    with Server(view=None, overhead=1) as server, ProcessViewer(server) as viewer:
        server.update(x)
        eventually(lambda: keep_updating(server, x, 0.02) or is_near(server))
        viewer.freeze()
        keep_updating(server, x, 0.3)
        viewer.process.send_signal(signal.SIGKILL)
    assert not any(torn for *_, torn in viewer.seen)
    assert not list(memory.iterdir())
