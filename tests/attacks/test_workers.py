"""Workers that hold their key, and lie, flood or spy."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from async_plot import Client, Server
from async_plot.errors import AuthenticationError
from async_plot.jobs import hearsay, ledger
from async_plot.net import reception
from async_plot.wire import framing, handshake
from async_plot.wire.connection import Connection, Phase
from async_plot.wire.handshake import Dialling
from async_plot.wire.messages import (
    Failure,
    Log,
    Message,
    Pace,
    Points,
    Progress,
    Ready,
    Right,
    Role,
    Scalars,
    Worker,
)

from ..helpers import AMPLE, eventually
from ..jobs.support import bar, failure, job, worker
from .support import Calculation, Intruder, dial, memory

CODE_OF_A_VIEWER = framing.encode(Ready("", 0))


def jobs_of(calculation: Calculation) -> list[Message]:
    """What a viewer that comes now is told of jobs."""
    publisher = calculation.server._session.publisher
    assert publisher is not None
    try:
        return publisher.annex.tail()
    except RuntimeError:  # its thread was changing it at this moment
        return []


def workers_of(calculation: Calculation) -> int:
    publisher = calculation.server._session.publisher
    assert publisher is not None
    return len(publisher.reception.workers)


@pytest.mark.parametrize("right", list(Right))
def test_a_workers_key_does_not_look(right: Right) -> None:
    """Whoever a task was sent to may report, and sees nothing of the run."""
    with Calculation() as calculation:
        key = handshake.worker_key(calculation.run.key)
        connection = Connection(Dialling(key, Role.VIEWER, right))
        with dial(calculation) as sock, pytest.raises(AuthenticationError):
            while connection.phase is Phase.PROVING:
                connection.received(sock.recv_into(connection.get_buffer()))
                for part in connection.data_to_send():
                    sock.sendall(part)
                    connection.sent(len(part))
        calculation.forgets()


def test_a_worker_is_told_its_pace_alone() -> None:
    """Neither frames nor who the run is, nor other workers' bars."""
    with Calculation() as calculation:
        with Intruder(calculation, Role.WORKER) as one:
            with Intruder(calculation, Role.WORKER) as other:
                other.tell(bar(bar="b.1"))
                eventually(lambda: jobs_of(calculation))
            calculation.serves()
            while not one.heard:
                one.hear()
            assert {type(m) for m in one.heard} == {Pace}
        eventually(lambda: workers_of(calculation) == 0)


@pytest.mark.parametrize("wrong", ["viewer's", "too long", "no message"])
def test_a_worker_that_makes_no_sense_is_cut(wrong: str) -> None:
    """And nobody else."""
    said = {
        "viewer's": b"".join(CODE_OF_A_VIEWER),
        "too long": b"".join(framing.encode(failure(trace="x" * (1 << 19)))),
        "no message": b"\xff" * 100,
    }[wrong]
    with Calculation() as calculation:
        with Intruder(calculation, Role.WORKER) as worker_:
            worker_.say(said)
            worker_.is_cut()
        eventually(lambda: workers_of(calculation) == 0)
        calculation.serves()


def test_a_flood_delays_nobody() -> None:
    """A worker gets its share of the thread, and no more, however much it says."""
    flood = b"".join(
        b"".join(framing.encode(each))
        for number in range(500)
        for each in (
            bar(bar=f"a.{number}", done=float(number)),
            failure(job=f"a.{number}", task=number, trace="x" * 1000),
            job(job=f"a.{number}"),
            Points("a.1", 0.0, [f"scalar {number}"], [1.0]),
            Log(0.0, 20, "solver", "x" * 1000),
        )
    )
    with Calculation() as calculation:
        before = memory()
        with Intruder(calculation, Role.WORKER) as worker_:
            over = threading.Event()

            def flow() -> None:
                worker_.sock.settimeout(0.2)
                while not over.is_set():
                    try:
                        worker_.sock.sendall(flood)
                    except TimeoutError:
                        continue  # torn, and so cut at last; it flooded till then
                    except OSError:
                        return

            thread = threading.Thread(target=flow, name="flood")
            thread.start()
            try:
                eventually(lambda: len(jobs_of(calculation)) > ledger.BARS)
                calculation.serves()
            finally:
                over.set()
                thread.join(AMPLE)
        running = [m for m in jobs_of(calculation) if isinstance(m, Progress)]
        assert len(running) <= ledger.BARS
        assert memory() - before < 200 << 20


def test_a_flood_starves_no_other_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is time for one at each look, it is the next one's turn."""
    monkeypatch.setattr(reception, "READING", -1.0)
    flood = 2000 * b"".join(framing.encode(bar(bar="a.1")))
    with Calculation() as calculation:
        with (
            Intruder(calculation, Role.WORKER) as one,
            Intruder(calculation, Role.WORKER) as other,
        ):
            over = threading.Event()

            def flow() -> None:
                with contextlib.suppress(OSError):
                    while not over.is_set():
                        one.sock.sendall(flood)

            thread = threading.Thread(target=flow, name="flood")
            thread.start()
            try:
                eventually(lambda: jobs_of(calculation))
                other.tell(bar(bar="b.1"))
                eventually(lambda: len(jobs_of(calculation)) == 2)
            finally:
                over.set()
                one.sock.shutdown(socket.SHUT_RDWR)
                thread.join(AMPLE)


def test_texts_are_cut_before_anybody_keeps_them() -> None:
    """A trace of the greatest length that is let in is kept at a smaller one."""
    with Calculation() as calculation:
        with Intruder(calculation, Role.WORKER) as worker_:
            worker_.tell(bar(bar="a.1", desc="x" * 200_000))
            worker_.tell(failure(job="a.1", trace="x" * 200_000))
            eventually(lambda: len(jobs_of(calculation)) == 2)
            for message in jobs_of(calculation):
                if isinstance(message, Failure):
                    assert len(message.trace) == hearsay.LONGER["trace"]
                elif isinstance(message, Progress):
                    assert len(message.desc) == hearsay.TEXT


def test_control_characters_do_not_reach_a_terminal_by_a_name() -> None:
    """Names of loggers and scalars are shown in lists and legends."""
    with Calculation() as calculation, Client(calculation.server) as client:
        with Intruder(calculation, Role.WORKER) as worker_:
            worker_.tell(worker(worker="a.1", job="elsewhere.1"))
            worker_.tell(Log(0.0, 20, "\x1b[2J", "text"))
            worker_.tell(Points("a.1", 0.0, ["\x1b[2J"], [1.0]))
            names: list[str] = []
            for message in client.messages():
                if isinstance(message, (Log, Scalars)):
                    names.append(message.name)
                if len(names) == 2:
                    break
        assert all("\x1b" not in name for name in names)


def test_lies_about_a_job_change_no_total() -> None:
    """A worker that reports tasks of somebody's job; the job knows better."""
    with Server(view=None) as server, ThreadPoolExecutor(2) as pool:
        gate = threading.Event()

        def task(number: int) -> int:
            gate.wait(AMPLE)
            return number

        class Known(Calculation):
            def __init__(self) -> None:  # of the server that is there
                self.server = server

        results = server.map(task, range(10), executor=pool, chunksize=1)
        known = Known()

        def bars(key: str) -> list[Progress]:
            told = [m for m in jobs_of(known) if isinstance(m, Progress)]
            return [m for m in told if m.bar == key]

        with Intruder(known, Role.WORKER) as liar:
            key = results.progress.bar
            lie = worker(worker="a.1", job=key, counted=10**6, done=10**9, chunk=1)
            for chunk in range(20):
                liar.tell(replace(lie, chunk=chunk, task=10**6, number=chunk))
                liar.tell(replace(lie, worker=key, chunk=chunk))
                liar.tell(failure(job=key, task=chunk), bar(bar=key, done=1e9))
            liar.tell(bar(bar="a.9"))
            eventually(lambda: bars("a.9"))
            gate.set()
            assert list(results) == list(range(10))
        assert (results.progress.done, results.progress.failed) == (10.0, 0)
        [shown] = eventually(
            lambda: [m for m in bars(key) if m.state == "finished"], what="the end"
        )
        assert shown.done == 10
        assert not [m for m in jobs_of(known) if isinstance(m, Failure)]
        hired = [m.worker for m in jobs_of(known) if isinstance(m, Worker)]
        assert hired and not [each for each in hired if each.startswith("a.")]
