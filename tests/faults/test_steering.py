"""A calculation that is steered, and what may go wrong while it waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from async_plot.errors import StopRequested
from async_plot.net import runs
from async_plot.server import Server
from async_plot.wire.messages import Failure, Progress, State, Steering

from ..helpers import (
    AMPLE,
    ROOT,
    Deadline,
    eventually,
    processes,
    run_script,
    start_script,
)
from ..test_steered import Driver, Loop

# Asks for a pause, renews it and says so, until it is hurt.
VIEWER = """
import sys, threading, time
from async_plot.client import Client
client = Client(sys.argv[1], control=True, view="viewer")
threading.Thread(target=lambda: list(client.messages()), daemon=True).start()
while not client.steer("pause"):
    time.sleep(0.01)
print("asked", flush=True)
while True:
    time.sleep(0.05)
    client.steer("renew")
"""


class Renewer:
    """A viewer in a process of its own, which has a run paused."""

    def __init__(self, server: Server) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", VIEWER, str(server.connection_file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Renewer:
        assert self.process.stdout is not None
        self.process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.send_signal(signal.SIGCONT)
        self.process.communicate(timeout=AMPLE)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_viewer_that_is_killed_or_frozen_does_not_hold_the_run(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease runs out; one that thaws later renews nothing any more."""
    with Server(view=None) as server, Loop(server) as loop, Driver(server) as driver:
        with Renewer(server) as viewer:
            driver.wait("paused")
            viewer.process.send_signal(number)
            monkeypatch.setattr(server._helm, "_lease", 0.5)
            for lease in list(server._helm._leases):
                server._helm._leases[lease] = 0.5
            driver.wait("running")
            viewer.process.send_signal(signal.SIGCONT)
            steps = loop.steps
            eventually(lambda: loop.steps > steps + 3)
        assert driver.state() == "running"
        eventually(lambda: "was not heard of for 0.5 s" in driver.line())


def test_a_viewer_that_is_cut_off_renews_when_it_is_back() -> None:
    """The lease belongs to it, and not to its connection."""
    with Server(view=None) as server, Loop(server), Driver(server) as driver:
        server._helm._lease = 1e9
        driver.steer("pause")
        driver.wait("paused")
        publisher = server._session.publisher
        assert publisher is not None
        for peer in publisher.reception.proven():
            peer.sock.shutdown(2)
        [lease] = server._helm._leases
        server._helm._leases[lease] = 1e3
        eventually(
            lambda: driver.client.steer("renew") and server._helm._leases[lease] > 1e8
        )
        assert driver.state() == "paused"


# -- Ctrl-C ------------------------------------------------------------------------

PAUSED = """
import time
from async_plot.server import Server
with Server(view=None, name="script") as server:
    print(server.connection_file, flush=True)
    n = 0
    while True:
        n += 1
        server.update(n)
        server.checkpoint()
        time.sleep(0.001)
"""


@pytest.mark.parametrize("asked", [False, True])
def test_ctrl_c_ends_a_paused_calculation_at_once(asked: bool) -> None:
    """Of the terminal, to the whole group, or asked for by a view."""
    with start_script(PAUSED) as script:
        assert script.stdout is not None
        with Driver(Path(script.stdout.readline().strip())) as driver:
            driver.steer("pause", hold=True)
            driver.wait("paused")
            if asked:
                driver.steer("interrupt")
            else:
                os.killpg(script.pid, signal.SIGINT)
            _, err = script.communicate(timeout=AMPLE)
            driver.join()
            assert driver.of(State)[-1].state == "interrupted"
    assert err.count("Traceback") == 1
    assert err.strip().endswith("KeyboardInterrupt")
    assert script.returncode in (-signal.SIGINT, 130)


def test_where_sigint_is_ignored_the_interrupt_is_refused() -> None:
    """As in a job in the background; it says why before it is asked."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Server(view=None) as server, Driver(server) as driver:
            assert driver.of(Steering)[-1].interrupt == "the calculation ignores SIGINT"
            driver.steer("interrupt")
            eventually(lambda: driver.line().endswith("the calculation ignores SIGINT"))
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_calculation_whose_main_thread_has_ended_can_be_paused() -> None:
    """And not interrupted: there is nobody who would hear it."""
    source = """
import threading, time
from async_plot.server import Server
server = Server(view=None, name="script")
server.start()
print(server.connection_file, flush=True)
def calculate():
    threading.main_thread().join()
    try:
        while True:
            server.checkpoint()
            time.sleep(0.001)
    except SystemExit as stop:
        print(stop, flush=True)
threading.Thread(target=calculate).start()
"""
    with start_script(source) as script:
        assert script.stdout is not None
        with Driver(Path(script.stdout.readline().strip())) as driver:
            driver.steer("pause", hold=True)
            driver.wait("paused")
            driver.steer("interrupt")
            eventually(lambda: "main thread has ended" in driver.line())
            driver.steer("stop")
            out, err = script.communicate(timeout=AMPLE)
            driver.join()
            assert driver.of(State)[-1].state == "stopped"
    assert (script.returncode, err) == (0, "")
    assert out.startswith("the run was stopped by ")


# -- the end -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "calculation",
    [
        pytest.param("server.start()\nwork()", id="atexit"),
        pytest.param("with server: work()\nprint('saved')", id="with"),
    ],
)
def test_a_stopped_script_ends_with_status_0_and_no_traceback(
    calculation: str,
) -> None:
    """However it ends the run; behind a ``with`` block it goes on."""
    source = f"""
import time
from async_plot.server import Server
server = Server(view=None, name="script")
def work():
    print(server.connection_file, flush=True)
    while True:
        server.checkpoint()
        time.sleep(0.001)
{calculation}
"""
    with start_script(source) as script:
        assert script.stdout is not None
        file = Path(script.stdout.readline().strip())
        with Driver(file) as driver:
            driver.steer("stop")
            out, err = script.communicate(timeout=AMPLE)
    assert (script.returncode, err) == (0, "")
    assert out == ("saved\n" if "saved" in calculation else "")
    assert runs.read(file).state == "stopped"


def test_the_end_waits_for_nobody_who_is_paused() -> None:
    """A thread that waits at a checkpoint is let go when the run ends."""
    source = """
import threading, time
from async_plot.client import Client
from async_plot.server import Server
with Server(view=None) as server:
    client = Client(server, control=True)
    threading.Thread(target=lambda: list(client.messages()), daemon=True).start()
    while not client.steer("pause", hold=True):
        time.sleep(0.01)
    def calculate():
        while not over:
            server.checkpoint()
    over = False
    thread = threading.Thread(target=calculate)
    thread.start()
    while not server._helm.waits:
        time.sleep(0.01)
    over = True
thread.join()
print("over")
"""
    assert run_script(source).stdout == "over\n"


def test_a_defect_of_ours_lets_the_calculation_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could resume it any more."""
    with Server(view=None) as server, Loop(server) as loop:
        with Driver(server) as driver:
            driver.steer("pause", hold=True)
            driver.wait("paused")
            publisher = server._session.publisher
            assert publisher is not None

            def fail(*_: object) -> None:
                raise AssertionError("a defect")

            monkeypatch.setattr(publisher._delivery, "deliver", fail)
            publisher.bell.ring()
            publisher.join(AMPLE)
        steps = loop.steps
        eventually(lambda: loop.steps > steps + 3)
    [record] = caplog.records
    assert record.exc_info is not None


# -- others ------------------------------------------------------------------------


def test_one_server_waits_and_the_other_goes_on() -> None:
    """Each is steered by its own viewers."""
    with (
        Server(view=None, name="one") as one,
        Server(view=None, name="other") as other,
        Loop(one) as first,
        Loop(other) as second,
        Driver(one) as driver,
        Driver(other) as watcher,
    ):
        driver.steer("pause", hold=True)
        driver.wait("paused")
        steps, others = first.steps, second.steps
        eventually(lambda: second.steps > others + 3)
        assert first.steps == steps
        assert watcher.state() == "running"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_steered_by_nobody() -> None:
    """Not by what was asked before the fork either; its parameters stay."""
    source = """
import os, threading, time
from async_plot.client import Client
from async_plot.server import Server
with Server(view=None) as server:
    dt = server.parameter("dt", 1)
    client = Client(server, control=True)
    threading.Thread(target=lambda: list(client.messages()), daemon=True).start()
    while not client.steer("set", "dt", 2):
        time.sleep(0.01)
    client.steer("pause")
    client.steer("stop")
    while not (server._helm._paused and server._helm._stopping):
        time.sleep(0.001)
    pid = os.fork()
    if not pid:
        for _ in range(3):
            server.checkpoint()
        os._exit(7 + dt.value)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), dt.value)
"""
    assert run_script(source).stdout == "8 1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_in_the_middle_of_a_wait_leaves_it() -> None:
    """A signal handler may fork while the main thread is paused."""
    source = """
import os, signal, threading, time
from async_plot.client import Client
from async_plot.server import Server
pids = []
signal.signal(signal.SIGUSR1, lambda *_: pids.append(os.fork()))
server = Server(view=None)
server.start()
client = Client(server, control=True)
def drive():
    for _ in client.messages():
        if not pids and client.steer("pause", hold=True):
            break
    while not server._helm.waits:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGUSR1)
    while not pids:
        time.sleep(0.001)
    os.waitpid(pids[0], 0)
    client.steer("resume")
    server._helm._go_on("")
threading.Thread(target=drive).start()
while not pids:
    server.checkpoint()
if not pids[0]:
    os._exit(0)
server.close()
client.close()
print("parent")
"""
    assert run_script(source).stdout == "parent\n"


# -- jobs --------------------------------------------------------------------------


class Task:
    """Comes to checkpoints until it is stopped; of the third, that is asked for."""

    def __init__(self, server: Server, driver: Driver) -> None:
        self._server, self._driver = server, driver
        self._asked = threading.Lock()

    def __call__(self, x: int) -> int:
        deadline = Deadline(AMPLE)
        while not deadline.passed:
            if x == 2 and self._asked.acquire(blocking=False):
                self._driver.steer("stop")
            self._server.checkpoint()
            if x < 2:
                return x
            time.sleep(0.001)
        raise AssertionError("it was not stopped")


@pytest.mark.parametrize("errors", ["raise", "return"])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_task_that_is_stopped_stops_its_job(errors: Any, ordered: bool) -> None:
    """In threads, which may come to checkpoints; it is no failure of the task."""
    got = []
    with (
        ThreadPoolExecutor(2) as pool,
        Server(view=None) as server,
        Driver(server) as driver,
    ):
        results = server.map(
            *(Task(server, driver), range(50)),
            executor=pool,
            errors=errors,
            ordered=ordered,
            chunksize=1,
        )
        with pytest.raises(StopRequested):
            for each in results:
                got.append(each)
        assert got == [0, 1] or not ordered
        assert results.state == "stopped"
        assert results.failed == 0
        bar = eventually(
            lambda: [m for m in driver.of(Progress) if m.state != "running"]
        )[-1]
        assert bar.state == "stopped"
        assert not driver.of(Failure)


@pytest.mark.parametrize("place", ["body", "items"])
def test_a_stop_in_the_callers_loop_stops_the_job(place: str) -> None:
    """In its body, or where the items are made."""
    with ThreadPoolExecutor(2) as pool:
        server = Server(view=None).start()
        driver = Driver(server)
        task = Task(server, driver)

        def items() -> Iterator[int]:
            for x in range(1000):
                if place == "items" and x == 500:
                    task(2)
                yield x

        with driver, server:
            results = server.map(abs, items(), executor=pool, chunksize=1)
            for x in results:
                if place == "body" and x == 500:
                    task(2)
            pytest.fail("it was not stopped")
    assert results.state == "stopped"
    assert runs.read(server.connection_file).state == "stopped"


def test_what_nobody_asked_for_is_not_finished_after_a_stop() -> None:
    """A job that would have been performed at the end of the run is given up."""
    done: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        server = Server(view=None).start()
        with Driver(server) as driver:
            server.map(done.append, range(1_000_000), executor=pool, chunksize=1)
            with pytest.raises(StopRequested):
                Task(server, driver)(2)
            server.close()
    assert len(done) < 1_000_000


@pytest.mark.parametrize("action", ["stop", "interrupt"])
def test_the_processes_of_a_job_end_with_it(action: str) -> None:
    """Those that were started for it, with the task that they have in hand.

    An interrupt by a view reaches the calculation alone, and not its whole group.
    """
    source = """
import time
from async_plot.server import Server
def long(x):
    print("ready", flush=True)
    time.sleep(3600)
if __name__ == "__main__":
    with Server(view=None, name="script") as server:
        print(server.connection_file, flush=True)
        results = server.map(long, range(4), workers=1)
        while True:
            server.checkpoint()
            time.sleep(0.001)
    print(results.state, flush=True)
"""
    with start_script(source) as script:
        assert script.stdout is not None
        with Driver(Path(script.stdout.readline().strip())) as driver:
            assert script.stdout.readline() == "ready\n"
            driver.steer(action)
            out, err = script.communicate(timeout=AMPLE)
    # What loky's own tracker says of killed processes is another matter.
    assert err.count("Traceback") == (action == "interrupt")
    assert out == ("stopped\n" if action == "stop" else "")
    assert script.returncode in ((0,) if action == "stop" else (-signal.SIGINT, 130))
    eventually(lambda: not processes())
