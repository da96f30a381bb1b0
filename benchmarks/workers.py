"""Rows: what many reporting workers cost, how soon all are listed, frozen viewers.

The workers are simulated by one process: each has a connection of its own, and reports
its state and that of a bar as often as the calculation lets it.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

from common import (
    Row,
    context,
    interleave,
    isolated,
    main,
    median,
    run_files,
    seconds,
    wait_until,
)

__all__ = ["measure"]

WORKERS = 512
COST = 0.02  # of a core
LISTED = 3.0  # seconds
SAME = 1.05


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure the cost beside that of nobody, then a loop beside frozen viewers."""
    count, length, rounds = (8, 0.3, 1) if smoke else (WORKERS, 20.0, 9)
    idle, cost, listed, reports = isolated(_many, count, length, timeout=180)
    yield Row(
        f"{count} workers report: cost in the calculation",
        f"<= {COST:.0%} of a core",
        f"{cost:.2%} (nobody: {idle:.2%}; {reports:.0f} reports/s)",
        reached=cost <= COST,
        values={"cost": cost, "idle": idle, "reports": reports},
    )
    yield Row(
        f"{count} workers dial at once: all listed in a viewer",
        f"<= {seconds(LISTED)}",
        seconds(listed),
        reached=listed <= LISTED,
        values={"listed": listed},
    )
    for what in ("killed",) if smoke else ("frozen", "killed"):
        # A second: what the viewer's own end takes from the machine is no matter
        # of the loop's, and looks like one in a loop of a tenth.
        pairs = isolated(_loops, what, rounds, 2_000 if smoke else 800_000, timeout=180)
        with_it, without = (median(side) for side in zip(*pairs))
        ratio = median([one / other for one, other in pairs])
        yield Row(
            f"a loop with a bar, its viewer {what}",
            f"<= {SAME}x nobody looks",
            f"{seconds(with_it)} ({seconds(without)})",
            ratio,
            ratio <= SAME,
            values={"with": with_it, "without": without},
        )


# -- workers -----------------------------------------------------------------------


def _many(count: int, length: float) -> tuple[float, float, float, float]:
    from async_plot import Server
    from async_plot.jobs.desk import desk
    from async_plot.jobs.ledger import RATE

    with run_files(), Server(view=None) as server:
        shared = context.RawArray("d", 4)
        path = str(server.connection_file)
        with _process(_look, path, count, shared):
            wait_until(lambda: server.viewers)
            time.sleep(0.5)
            idle = _share(length / 2)
            reporter: Any = desk.reporter()
            with _process(_simulate, reporter._way, count, shared):
                if not wait_until(lambda: shared[1], 60):
                    raise RuntimeError(f"{shared[3]:.0f} of {count} workers are listed")
                time.sleep(2 * count / RATE)  # until each knows its pace
                before = shared[2]
                cost = _share(length)
                reports = (shared[2] - before) / length
        return idle, cost, shared[1] - shared[0], reports


def _share(length: float) -> float:
    """Share of a core that this process uses, in which nothing is calculated."""
    began, before = time.monotonic(), time.process_time()
    time.sleep(length)
    return (time.process_time() - before) / (time.monotonic() - began)


def _look(path: str, count: int, shared: Any) -> None:
    from async_plot import Client
    from async_plot.wire.messages import Worker

    listed = set()
    for message in Client(path).messages():
        if isinstance(message, Worker):
            listed.add(message.worker)
            shared[3] = len(listed)
            if len(listed) == count and not shared[1]:
                shared[1] = time.monotonic()


class _Simulated:
    """One worker: its connection, and when it reports next."""

    def __init__(self, way: Any, number: int) -> None:
        self.number = number
        self.pace = 0.08
        self.next = 0.0
        self.tasks = 0
        self._way = way
        self.dial()

    def dial(self) -> None:
        from async_plot.wire.connection import Connection
        from async_plot.wire.handshake import Dialling
        from async_plot.wire.messages import Right, Role

        proof = Dialling(self._way.key, Role.WORKER, Right.LOOK)
        self.connection = Connection(proof)
        self.sock = socket.socket()
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.sock.connect(tuple(self._way.near))

    def receive(self) -> None:
        count = self.sock.recv_into(self.connection.get_buffer())
        if not count:
            raise ConnectionError("hung up")
        for message in self.connection.received(count):
            self.pace = getattr(message, "seconds", self.pace)
        self.send()

    def send(self) -> None:
        for part in self.connection.data_to_send():
            self.sock.send(part)
            self.connection.sent(len(part))

    def report(self, now: float) -> None:
        from async_plot.wire.messages import Progress, Worker

        self.next = max(self.next + self.pace, now)
        self.tasks += 1
        key = f"{self.number:08x}"
        texts: dict[str, Any] = {"thread": "", "argument": "(1, 2)", "text": ""}
        numbers: dict[str, Any] = dict.fromkeys(
            ("startup", "init", "waiting", "working", "ending", "memory", "cpu"), 0.5
        )
        self.connection.send(
            Worker(
                **{**texts, **numbers, "worker": f"{key}.1", "job": "0.1"},
                **{"number": 0, "pid": self.number, "host": "host", "chunk": 1},
                **{"state": "working", "counted": self.tasks, "task": self.tasks},
                **{"since": time.time(), "done": self.tasks, "failed": 0},
            )
        )
        self.connection.send(
            Progress(
                **{"bar": f"{key}.2", "parent": "", "job": "0.1", "desc": "epochs"},
                **{"worker": f"{key}.1", "unit": "it", "done": float(self.tasks)},
                **{"total": 1e6, "failed": 0, "elapsed": 1.0, "rate": 1.0},
                **{"remaining": 1.0, "state": "running", "postfix": "", "place": []},
                leave=False,
            )
        )
        self.send()


def _simulate(way: Any, count: int, shared: Any) -> None:
    from async_plot.wire.connection import Phase

    selector = selectors.DefaultSelector()
    shared[0] = time.monotonic()
    again: list[tuple[float, _Simulated]] = []
    workers = [_Simulated(way, number + 1) for number in range(count)]
    for worker in workers:
        selector.register(worker.sock, selectors.EVENT_READ, worker)
    while True:
        for key, _ in selector.select(0.005):
            try:
                key.data.receive()
            except ConnectionError:  # too many at once: it tries again, as they do
                selector.unregister(key.data.sock)
                key.data.sock.close()
                again.append((time.monotonic() + random.uniform(0.05, 0.1), key.data))
        now = time.monotonic()
        for due in [each for each in again if each[0] <= now]:
            again.remove(due)
            due[1].dial()
            selector.register(due[1].sock, selectors.EVENT_READ, due[1])
        for worker in workers:
            if worker.connection.phase is Phase.OPEN and now >= worker.next:
                worker.report(now)
                shared[2] += 1


# -- viewers -----------------------------------------------------------------------


def _loops(what: str, rounds: int, count: int) -> list[tuple[float, float]]:
    """Time a loop with a bar, while its viewer is frozen or gone, and without one."""
    from async_plot import Server

    with run_files(), Server(view=None) as server:

        def loop() -> float:
            before = time.perf_counter()
            for _ in server.track(range(count)):
                sum(range(100))
            return time.perf_counter() - before

        def with_it() -> float:
            shared = context.RawArray("d", 4)
            path = str(server.connection_file)
            with _process(_look, path, 0, shared) as viewer:
                wait_until(lambda: server.viewers)
                with server.progress(10, desc="before"):
                    time.sleep(0.3)
                number = signal.SIGSTOP if what == "frozen" else signal.SIGKILL
                os.kill(viewer.pid, number)
                try:
                    return loop()
                finally:
                    if what == "frozen":
                        os.kill(viewer.pid, signal.SIGCONT)

        def without() -> float:
            wait_until(lambda: not server.viewers)
            return loop()

        return interleave(with_it, without, rounds)


@contextlib.contextmanager
def _process(target: Any, *args: Any) -> Iterator[Any]:
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


if __name__ == "__main__":
    main("workers", measure)
