"""Workers and calculations that die, freeze or are interrupted: nobody hangs."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import time
from typing import Any

import pytest

from async_plot import Client, Server
from async_plot.jobs import ledger
from async_plot.jobs import reporter as reporters
from async_plot.jobs.desk import desk
from async_plot.jobs.reporter import Reporter
from async_plot.net import runs
from async_plot.wire.messages import Failure, Progress

from ..helpers import AMPLE, eventually, run_script, start_script
from ..jobs.support import Tally
from .support import Messages
from .test_interrupts import interrupt_at

CALCULATION = """
import os, pickle, sys, time
from async_plot import Server
from async_plot.jobs.desk import desk
with Server(view=None, name="calculation") as server:
    print(pickle.dumps(desk.reporter()).hex(), flush=True)
    print(server.connection_file, flush=True)
    sys.stdin.readline()
"""

WORKER = """
import pickle, sys, time
began = time.monotonic()
reporter = pickle.loads(bytes.fromhex(sys.argv[1]))
from async_plot.jobs import reporter as module
from async_plot.jobs.bars import Bar
module.FAREWELL = 0.25  # as in life
reporter.begin()
with Bar(1000, desc="in the worker") as bar:
    for i in range(1000):
        bar.update()
print(time.monotonic() - began)
"""


def works(reporter: Reporter, told: Any) -> None:
    """What a worker does that is about to be killed."""
    reporter.begin()
    tally = Tally(desk)
    tally.n = 3
    told.send(tally.key)
    time.sleep(AMPLE)


def states(messages: Messages, key: str) -> list[str]:
    return [m.state for m in messages.of(Progress) if m.bar == key]


def test_bars_of_a_killed_worker_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment later, in which it might have come back; the run goes on."""
    monkeypatch.setattr(ledger, "GRACE", 0.2)
    context: Any = multiprocessing.get_context("fork")
    with Server(view=None) as server, Messages(server) as messages:
        ours, theirs = context.Pipe()
        process = context.Process(target=works, args=(desk.reporter(), theirs))
        process.start()
        assert ours.poll(AMPLE)
        key = ours.recv()
        eventually(lambda: states(messages, key))
        process.kill()
        process.join(AMPLE)
        eventually(lambda: states(messages, key)[-1] == "stopped")
        for each in (ours, theirs, process):
            each.close()
        own = Tally(desk)
        eventually(lambda: states(messages, own.key))
        own.close()


def test_a_frozen_calculation_holds_no_worker_up() -> None:
    """It works, ends in time, and says nothing on its way."""
    with start_script(CALCULATION, stdin=subprocess.PIPE) as calculation:
        reporter = calculation.stdout.readline().strip()
        os.kill(calculation.pid, signal.SIGSTOP)
        try:
            done = run_script(WORKER, reporter, name="worker.py")
        finally:
            os.kill(calculation.pid, signal.SIGCONT)
        assert done.stderr == ""
        assert float(done.stdout) < 10
        calculation.communicate("\n", timeout=AMPLE)


def test_a_dead_calculation_holds_no_worker_up() -> None:
    """Nor does its worker say anything of it."""
    with start_script(CALCULATION, stdin=subprocess.PIPE) as calculation:
        reporter = calculation.stdout.readline().strip()
        calculation.kill()
        calculation.wait(AMPLE)
        done = run_script(WORKER, reporter, name="worker.py")
    assert done.stderr == ""
    assert float(done.stdout) < 10


def test_a_worker_outlives_its_calculation() -> None:
    """The connection breaks in the middle of its work."""
    ends = WORKER.replace("    for", "    print(flush=True)\n    input()\n    for")
    with start_script(CALCULATION, stdin=subprocess.PIPE) as calculation:
        reporter = calculation.stdout.readline().strip()
        file = calculation.stdout.readline().strip()
        with start_script(
            ends, reporter, name="worker.py", stdin=subprocess.PIPE
        ) as worker:
            worker.stdout.readline()
            with Client(file) as client:
                next(m for m in client.messages() if isinstance(m, Progress))
            calculation.kill()
            calculation.wait(AMPLE)
            out, err = worker.communicate("\n", timeout=AMPLE)
            assert (worker.returncode, err) == (0, "")
            assert float(out) >= 0


KILLED = """
import os, signal, time
from async_plot import Server
from async_plot.jobs.desk import desk
from async_plot.wire.messages import Failure
server = Server(view=None, name="killed").start()
bar = server.progress(10, desc="steps")
bar.update(4)
desk.say(Failure(bar.key, "", 0, 3, "(3,)", "ValueError", "bad", "Traceback", 1.0))
print(server.connection_file, flush=True)
time.sleep(1000)
"""


def test_the_record_of_a_killed_run_tells_how_far_it_was() -> None:
    """Bars, which are lost with it, and failures."""
    with start_script(KILLED) as process:
        file = process.stdout.readline().strip()
        with Messages(file) as messages:
            eventually(lambda: messages.of(Failure))

        def whole() -> bool:
            kept = runs.read_record(runs.read(file))
            counted = any(isinstance(m, Progress) and m.done == 4.0 for m in kept)
            return counted and any(isinstance(m, Failure) for m in kept)

        eventually(whole, what="a record with the bar and the failure")
        process.kill()
        process.wait(AMPLE)
    last = list(Client(file).progress())[-1]
    assert (last.desc, last.done, last.state) == ("steps", 4.0, "lost")
    [failure] = Client(file).failures()
    assert (failure.task, failure.kind) == (3, "ValueError")


def test_an_interrupt_at_any_bytecode_of_begin_is_survived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next task begins to report all the same, by one connection."""
    with Server(view=None) as server:
        made = desk.reporter()
        assert made is not None
        reporter = pickle.loads(pickle.dumps(made))
        reporter._home = ""
        step = 0
        while interrupt_at(step, reporter.begin):
            reporter.begin()
            lines = [line for line in reporters._lines.values() if line.serves]
            assert len(lines) == 1
            reporters.farewell()
            eventually(lambda: not any(e.serves for e in reporters._lines.values()))
            step += 1 + step // 10
        reporters.farewell()
        eventually(lambda: not any(e.serves for e in reporters._lines.values()))
        reporters._lines.clear()
        assert len(desk.readers) == 1, "a reader that nobody runs stays behind"
        desk.seat.run = ""  # this thread works for nobody any more
        workers = server._session.publisher.reception.workers
        eventually(lambda: not workers)
