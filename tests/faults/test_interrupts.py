"""Ctrl-C: at once, in the user's code, exactly once, and nothing is torn by it."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import async_plot
from async_plot.client import Client
from async_plot.net import files, session
from async_plot.server import Server
from async_plot.wire.messages import State

from ..helpers import AMPLE, eventually, on_the_brink, processes, start_script
from .support import FAKE_VIEWER, ProcessViewer, Watcher

PACKAGE = os.path.dirname(os.path.abspath(async_plot.__file__))


# -- real signals ------------------------------------------------------------------

# `attempt` is run again and again; each run says "go", may be interrupted anywhere,
# and says whether it was. `raised` counts what Python delivered, `caught` what came
# through to this code.
_HARNESS = """
import gc, os, signal, sys, threading, time, traceback
import numpy as np
from async_plot.net import session
from async_plot.server import Server

raised = caught = rounds = 0
place = []

def handler(number, frame):
    global raised
    raised += 1
    place.clear()
    while frame is not None:
        place.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    raise KeyboardInterrupt

def tell(number, frame):
    sys.stderr.write(f"{raised} raised, {caught} caught, the last in {place}\\n")
    os._exit(1)

signal.signal(signal.SIGINT, handler)
signal.signal(signal.SIGUSR1, tell)

def repeat(attempt, count):
    global caught, rounds
    while caught < count:
        rounds += 1
        try:
            try:
                attempt()
            except KeyboardInterrupt:
                caught += 1
                os.write(1, b"c")
        except KeyboardInterrupt:
            caught += 1
            os.write(1, b"c")

def go():
    os.write(1, b"g")

def linger():
    # CPython 3.11 may lose its note of a signal that comes at the instant when another
    # thread lets go of the GIL. It looks again whenever this one takes it.
    while True:
        time.sleep(0.001)
"""

_UPDATES = """
server = Server(view=None, overhead=1).start()
x = np.zeros(1 << 14)
count = 0
def attempt():
    global count
    go()
    while True:
        count += 1
        x[...] = count
        server.update(x)
server.update(x)
print(server.connection_file, flush=True)
sys.stdin.readline()
repeat(attempt, int(sys.argv[1]))
x[...] = -1.0
server.update(x)
updates = server.stats.updates
session.EXIT_DELAY = 60.0   # an end that was torn would wait for it
before = time.monotonic()
server.close()
took = time.monotonic() - before
print(f"\\n{raised} {caught} {took:.3f} {updates} {count}", flush=True)
"""

_CYCLES = """
def threads():
    return [t.name for t in threading.enumerate() if t.name == "async_plot"]

def descriptors():
    return len(os.listdir("/proc/self/fd"))

server = Server(view=None); server.start(); server.update(0); server.close()
base = descriptors()
gc.disable()  # Python does not pass on what a finalizer raises: none may run inside
x = np.zeros(1000)
def attempt():
    global server
    server = Server(view=None, name="cycle")
    {interrupted}
def settle():
    server.update(x)   # a broken start is taken back, this one works
    assert server.address is not None or server._ended, server
    server.close()
    assert server.address is None
    gc.collect()
while caught < int(sys.argv[1]):
    repeat(attempt, caught + 1)
    settle()
# An end that was broken off may keep a descriptor for as long as its server is there.
server = None
end = time.monotonic() + 30
while (threads() or descriptors() > base) and time.monotonic() < end:
    gc.collect()
    time.sleep(0.01)
for thread in threading.enumerate():
    if thread.name == "async_plot":
        frame = sys._current_frames().get(thread.ident)
        print("alive:", "".join(traceback.format_stack(frame)), vars(thread))
left = descriptors() - base
if left > 0:
    for number in os.listdir("/proc/self/fd"):
        try:
            print("open:", number, os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass
print(f"\\n{{raised}} {{caught}} {{len(threads())}} {{left}}", flush=True)
"""

_IN_START = "go(); server.start(); linger()"
_IN_CLOSE = "server.start(); server.update(x); go(); server.close(); linger()"


def interrupt(
    process: subprocess.Popen[str], count: int, longest: float, seed: int
) -> int:
    """Interrupt the process group `count` times, at random moments after its "g"."""
    chance = random.Random(seed)
    assert process.stdout is not None
    output = process.stdout.fileno()
    sent = 0

    def expect(wanted: bytes) -> None:
        while True:
            ready, _, _ = select.select([output], [], [], AMPLE)
            if not ready:
                process.send_signal(signal.SIGUSR1)  # it says what it has seen
                _, err = process.communicate(timeout=AMPLE)
                raise AssertionError(f"no {wanted!r} after {sent} interrupts: {err}")
            said = os.read(output, 1)
            if not said:
                _, err = process.communicate(timeout=AMPLE)
                raise AssertionError(f"it died after {sent} interrupts: {err}")
            if said == wanted:
                return

    while sent < count:
        expect(b"g")
        pause = chance.random() * longest
        end = time.perf_counter() + pause
        while time.perf_counter() < end:
            pass
        os.killpg(process.pid, signal.SIGINT)
        sent += 1
        expect(b"c")
    return sent


def last_line(process: subprocess.Popen[str]) -> list[str]:
    """Wait for the end of a script and give the words of its last line."""
    out, err = process.communicate(timeout=AMPLE)
    print(out)  # seen if something fails
    assert process.returncode == 0, err
    assert "Traceback" not in err, err
    return out.splitlines()[-1].split()


# Real SIGINTs: a few for every day, many more where there is time.
COUNTS = [
    pytest.param(50, id="50"),
    pytest.param(500, id="500", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("count", COUNTS)
def test_interrupts_inside_update_reach_the_user_and_tear_nothing(count: int) -> None:
    """At random moments: each is seen, every frame is whole."""
    with start_script(
        _HARNESS + _UPDATES, str(count), stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        path = b""
        while not path.endswith(b"\n"):
            path += os.read(process.stdout.fileno(), 1)
        # Of another session, so that its group is not interrupted.
        with ProcessViewer(path.decode().strip()) as viewer:
            eventually(lambda: viewer.newest)
            process.stdin.write("\n")
            process.stdin.flush()
            sent = interrupt(process, count, 0.004, seed=1)
            raised, caught, took, updates, called = last_line(process)
            viewer.wait()
            assert int(raised) == int(caught) == sent == count
            assert float(took) < 30
            assert int(updates) >= int(called) - count
            assert viewer.said[-1] == "end"
            assert viewer.seen[-1][2] == -1.0
            assert len(viewer.seen) > 3
            numbers = [number for _, number, *_ in viewer.seen]
            assert numbers == sorted(numbers)
            assert not any(torn for *_, torn in viewer.seen)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("interrupted", "longest"),
    [
        pytest.param(_IN_START, 0.006, id="start"),
        pytest.param(_IN_CLOSE, 0.004, id="close"),
    ],
)
def test_interrupts_inside_start_and_close_leave_a_server_that_works(
    interrupted: str, longest: float, count: int
) -> None:
    """All are seen, each server can be used, nothing is left."""
    source = _HARNESS + _CYCLES.format(interrupted=interrupted)
    with start_script(source, str(count), patient=False) as process:
        sent = interrupt(process, count, longest, seed=2)
        raised, caught, threads, descriptors = last_line(process)
    assert int(raised) == int(caught) == sent
    assert int(threads) == 0
    assert int(descriptors) <= 0


def test_ctrl_c_in_the_block_is_told_and_the_launched_viewer_survives_it(
    tmp_path: Path,
) -> None:
    """The group gets SIGINT; the viewer, in its own session, is told "interrupted"."""
    fake = tmp_path / "fake.py"
    fake.write_text(FAKE_VIEWER)
    note = tmp_path / "note"
    source = f"""
import sys
from async_plot.server import Server
with Server(client_cmd=[sys.executable, {str(fake)!r}, {str(note)!r}],
            wait_for_client=120) as server:
    print(server.connection_file, flush=True)
    while True:
        server.update(1)
"""
    with start_script(source) as process:
        assert process.stdout is not None
        incoming = Client(process.stdout.readline().strip()).messages()
        next(incoming)
        pid, session = map(int, eventually(note.read_text).split())
        assert session == pid
        os.killpg(process.pid, signal.SIGINT)
        states = [m.state for m in incoming if isinstance(m, State)]
        assert states == ["interrupted"]
        _, err = process.communicate(timeout=AMPLE)
        assert process.returncode == -signal.SIGINT
        assert err.count("Traceback") == 1
        assert err.rstrip().endswith("KeyboardInterrupt")
    eventually(lambda: not processes(), what="the viewer ends with its run")
    assert "Traceback" not in next(
        path.read_text() for path in (tmp_path / "home").rglob("client.log")
    )


def test_a_second_ctrl_c_while_closing_ends_the_calculation_at_once() -> None:
    """With a frozen viewer the first waits a little for it, the second does not."""
    source = """
import sys, time, numpy as np
from async_plot.server import Server
from async_plot.net import session
session.EXIT_DELAY = 100.0   # else the second could hardly come in time
tell = session.Session.tell
def told(*args):
    tell(*args)
    print("told", flush=True)
session.Session.tell = told
server = Server(view=None, overhead=1)
try:
    with server:
        print(server.connection_file, flush=True)
        try:
            while True:
                server.update(np.zeros(1 << 20))
        except KeyboardInterrupt:
            print("first", flush=True)
            raise
except KeyboardInterrupt:
    print("second", flush=True)
    raise
"""
    with start_script(source) as process:
        assert process.stdout is not None
        with ProcessViewer(process.stdout.readline().strip()) as viewer:
            eventually(lambda: viewer.newest)
            viewer.freeze()
            time.sleep(0.1)  # what is under way fills the kernel's buffers
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout.readline() == "first\n"
            assert process.stdout.readline() == "told\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)  # it is inside the end now
            os.killpg(process.pid, signal.SIGINT)
            process.wait(AMPLE)
            assert process.stdout.readline() == "second\n"


# -- an interrupt at every bytecode ------------------------------------------------


class Injected(KeyboardInterrupt):
    """An interrupt that a test made, told apart from a real one."""


def interrupt_at(step: int, function: Callable[[], object]) -> bool:
    """Call `function` with an interrupt at the given bytecode of this package.

    Returns
    -------
    bool
        Whether the function has so many bytecodes.
    """
    left = step
    hit = False

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left, hit
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode" and not hit and not on_the_brink(frame):
            left -= 1
            if left < 0:
                hit = True
                raise Injected
        return trace

    # What a finalizer raises is not passed on by Python: none may run now.
    gc.disable()
    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except Injected:
        assert hit
    else:
        sys.settrace(previous)
        assert not hit, f"the interrupt at bytecode {step} was swallowed"
    finally:
        sys.settrace(previous)
        gc.enable()
    assert sys.exc_info() == (None, None, None)
    return hit


def test_an_interrupt_at_any_bytecode_of_update_is_survived() -> None:
    """Each one comes through; the next update takes a frame, which is delivered."""
    x = np.zeros(300)
    with Server(view=None, overhead=1) as server:
        server.update(x, t=0)
        with Watcher(server) as watcher:
            watcher.wait_for(1)
            step = 0
            while True:
                server.want()
                x[...] = step
                if not interrupt_at(step, lambda: server.update(x, t=(1, {2}))):
                    break
                server.want()
                x[...] = -step
                server.update(x, t=step)
                if step % 25 == 0:
                    watcher.wait_for(server.updates)
                step += 1
            assert step > 50
            server.update(x, t=-1)
            server.close()
            watcher.join()
            assert watcher.frames[-1].kwargs == {"t": -1}
            assert all(np.ptp(frame.args[0]) == 0 for frame in watcher.frames)


def broken_starts(steps: range) -> int:
    """Interrupt `start` at these of its bytecodes; say how many there were."""
    kept = []
    for number, step in enumerate(steps):
        server = Server(view=None, name="broken")
        kept.append(server)
        if not interrupt_at(step, server.start):
            server.close()
            return number
        server.update(step)
        assert server.address is not None
        if number % 10 == 0:
            assert next(iter(Client(server))).args == (step,)
        before = time.monotonic()
        server.close()
        assert time.monotonic() - before < AMPLE / 2
        assert server.connection_file is not None
        # Looking through the files of earlier runs would take ever more bytecodes.
        shutil.rmtree(files.home() / files.hostname())
    return len(steps)


def broken_ends(steps: range) -> int:
    """Interrupt `close` at these of its bytecodes; say how many there were."""
    kept = []
    for number, step in enumerate(steps):
        server = Server(view=None, name="broken").start()
        kept.append(server)
        server.update(0)
        server.update(1)
        more = interrupt_at(step, server.close)
        server.update(2)
        before = time.monotonic()
        server.close()
        assert time.monotonic() - before < AMPLE / 2
        eventually(lambda: not alive(), what="the thread ends")
        if not more:
            return number
    return len(steps)


def alive() -> list[threading.Thread]:
    """The background threads."""
    return [t for t in threading.enumerate() if t.name == "async_plot"]


# A socket that an interrupt caught between its making and its first name is closed
# by the interpreter, which mentions it.
_DROPPED = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def _promptly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that is broken off before its thread began waits for it in vain."""
    monkeypatch.setattr(session, "EXIT_DELAY", 0.4)


@pytest.mark.usefixtures("_promptly")
@pytest.mark.parametrize("broken", [broken_starts, broken_ends], ids=["start", "close"])
class TestBrokenOff:
    pytestmark = _DROPPED

    def test_an_interrupt_at_many_bytecodes_is_survived(
        self, broken: Callable[[range], int]
    ) -> None:
        """The server can be started, used and closed all the same."""
        assert 10 < broken(range(0, 5000, 17)) < 300

    @pytest.mark.slow
    def test_an_interrupt_at_any_bytecode_is_survived(
        self, broken: Callable[[range], int]
    ) -> None:
        """The same at every single one of them."""
        assert 100 < broken(range(0, 5000)) < 5000


def test_a_signal_handler_may_update_in_the_middle_of_an_update() -> None:
    """Its frame counts as the last one if it came last, and nothing is torn."""
    x = np.zeros(1000)
    nested = np.zeros(1000)
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:

        def handler(*_: object) -> None:
            nested[...] -= 1
            server.update(nested)

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            kill = functools.partial(os.kill, os.getpid(), signal.SIGUSR1)
            threads = []
            for i in range(1, 400):
                x[...] = i
                if i % 4 == 0:
                    threads.append(threading.Thread(target=kill))
                    threads[-1].start()
                server.update(x)
            for thread in threads:  # no signal comes later, least of all without us
                thread.join()
            nested[...] = -1e9
            with contextlib.suppress(OSError):
                signal.raise_signal(signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)
        server.close()
        watcher.join()
        assert watcher.frames[-1].args[0][0] == -1e9 - 1
        assert all(np.ptp(frame.args[0]) == 0 for frame in watcher.frames)
