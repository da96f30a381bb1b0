"""The reporter: a worker's end, here in the calculation's own process or in another."""

from __future__ import annotations

import dataclasses
import logging
import math
import multiprocessing
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from async_plot import Client, Server
from async_plot.jobs import reporter as module
from async_plot.jobs.desk import Desk
from async_plot.jobs.desk import desk as the_desk
from async_plot.jobs.reporter import Reporter
from async_plot.net.annex import Way
from async_plot.wire import handshake
from async_plot.wire.messages import Log, Message, Points, Progress, Scalars

from ..helpers import AMPLE, eventually, run_script
from .support import Tally


class Told:
    """What a viewer is told, in a thread."""

    def __init__(self, server: Server) -> None:
        self.messages: list[Message] = []
        self._client = Client(server)
        self._thread = threading.Thread(target=self._listen, name="viewer")

    def _listen(self) -> None:
        for message in self._client.messages():
            self.messages.append(message)

    def __enter__(self) -> Told:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._thread.join(AMPLE)

    def bars(self, key: str) -> list[tuple[float, str]]:
        """Count and state of a bar, as often as it was told."""
        found = [m for m in self.messages if isinstance(m, Progress) and m.bar == key]
        return [(m.done, m.state) for m in found]

    def until(self, predicate: Callable[[], object]) -> None:
        eventually(predicate, what=f"told {self.messages[-5:]}")


class Site:
    """A worker in the calculation's process: with a desk of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = Desk()
        self._monkeypatch = monkeypatch

    def begin(self, reporter: Reporter) -> None:
        with self._monkeypatch.context() as patch:
            patch.setattr(module, "desk", self.desk)
            reporter.begin()

    def end(self) -> None:
        module.farewell()
        eventually(lambda: all(line.over for line in module._lines.values()))
        module._lines.clear()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(monkeypatch)
    monkeypatch.setattr(module, "desk", site.desk)
    yield site
    site.end()


def reporter_of(server: Server) -> Reporter:
    reporter = the_desk.reporter()
    assert reporter is not None
    return reporter


def workers(server: Server) -> dict[Any, None]:
    assert server._session is not None and server._session.publisher is not None
    return server._session.publisher.reception.workers


def test_what_goes_on_in_a_worker_is_told(site: Site) -> None:
    """Bars, records and points; the last of them when it ends."""
    with Server(view=None) as server, Told(server) as told:
        reporter_of(server).begin()
        site.desk.seat.worker = "somebody"
        tally = Tally(site.desk)
        site.desk.say(Log(0.0, logging.WARNING, "solver", "diverges"))
        site.desk.say(Points("", math.nan, ["loss"], [0.5]))
        told.until(lambda: told.bars(tally.key))
        tally.n = 7
        tally.close()
        module.farewell()
        told.until(lambda: (7.0, "finished") in told.bars(tally.key))
        told.until(lambda: [m for m in told.messages if isinstance(m, Log)])
        told.until(lambda: [m for m in told.messages if isinstance(m, Scalars)])
        [seen] = {m.worker for m in told.messages if isinstance(m, Progress)}
        assert seen == "somebody"
        eventually(lambda: workers(server) == {})


def test_what_ends_at_once_says_its_last_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before the thread that reports has come to anything."""
    serve = module._Line._serve

    def late(line: module._Line) -> None:
        line.leave()
        serve(line)

    monkeypatch.setattr(module._Line, "_serve", late)
    with Server(view=None) as server, Told(server) as told:
        tally = Tally(site.desk)
        reporter_of(server).begin()
        told.until(lambda: told.bars(tally.key))
        tally.close()


def test_one_that_cannot_begin_reads_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes in its start: the desk has no reader that nobody looks at."""

    def start(line: module._Line) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module._Line, "start", start)
    with Server(view=None) as server:
        with pytest.raises(KeyboardInterrupt):
            reporter_of(server).begin()
        assert site.desk.readers == []


def test_it_travels_as_a_pickle(site: Site) -> None:
    """And shows its key to nobody on the way."""
    with Server(view=None) as server, Told(server) as told:
        reporter = reporter_of(server)
        assert "key" not in repr(reporter)
        assert "Key" not in repr(reporter._way)
        again = pickle.loads(pickle.dumps(reporter))
        assert again._way == reporter._way
        again.begin()
        tally = Tally(site.desk)
        told.until(lambda: told.bars(tally.key))
        tally.close()
        site.end()


def test_one_connection_to_each_run(site: Site) -> None:
    """However often it begins, in however many threads."""
    with Server(view=None) as server:
        reporter = reporter_of(server)
        threads = [threading.Thread(target=reporter.begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(AMPLE)
        for _ in range(1000):
            pickle.loads(pickle.dumps(reporter)).begin()
        eventually(lambda: workers(server))
        assert len(workers(server)) == 1
        assert len(module._lines) == 1
        site.end()


def test_each_run_is_told_what_is_its_own(site: Site) -> None:
    """Of two runs that the same process works for; the rest is told to both."""
    with Server(view=None) as one, Server(view=None) as two:
        ledgers = [each.reporter() for each in the_desk.readers]
        with Told(one) as first, Told(two) as second:
            tallies = []
            for reporter in ledgers:
                assert reporter is not None
                reporter.begin()
                tallies.append(Tally(site.desk))
            site.desk.seat.run = ""
            everybodys = Tally(site.desk)
            for told, own, other in (
                (first, tallies[0], tallies[1]),
                (second, tallies[1], tallies[0]),
            ):
                told.until(lambda: told.bars(own.key))  # noqa: B023 - at once
                told.until(lambda: told.bars(everybodys.key))  # noqa: B023 - at once
                assert not told.bars(other.key)
            site.end()


def test_threads_of_the_calculation_need_none() -> None:
    """Its own process is its own desk."""
    with Server(view=None) as server:
        reporter_of(server).begin()
        assert module._lines == {}


def test_nobody_reports_to_a_run_that_has_ended() -> None:
    """Nor to one that has not begun."""
    eventually(lambda: the_desk.reporter() is None)
    with Server(view=None):
        assert the_desk.reporter() is not None
    # Not at once: an exit waits no longer than it may.
    eventually(lambda: the_desk.reporter() is None)


def test_a_broken_connection_is_made_again(site: Site) -> None:
    """The state of everything is told again, and goes on."""
    with Server(view=None) as server, Told(server) as told:
        reporter_of(server).begin()
        tally = Tally(site.desk)
        told.until(lambda: told.bars(tally.key))
        [peer] = workers(server)
        peer.sock.shutdown(socket.SHUT_RDWR)
        tally.n = 5
        told.until(lambda: (5.0, "running") in told.bars(tally.key))
        tally.close()
        told.until(lambda: (5.0, "finished") in told.bars(tally.key))
        site.end()


def test_records_that_are_lost_in_a_cut_are_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have arrived, or not."""
    real, cut = module._Line._flush, threading.Event()

    def flush(line: Any) -> None:
        if cut.is_set():
            raise ConnectionResetError
        real(line)

    monkeypatch.setattr(module._Line, "_flush", flush)
    monkeypatch.setattr(module, "RETRY", (0.01, 0.1))
    with Server(view=None) as server, Told(server) as told:
        reporter_of(server).begin()
        told.until(lambda: workers(server))
        [line] = module._lines.values()
        cut.set()
        for number in range(3):
            site.desk.say(Log(0.0, logging.WARNING, "solver", f"{number}"))
        eventually(lambda: line._reader._lost == 3)
        cut.clear()
        told.until(
            lambda: [m for m in told.messages if "3 messages" in getattr(m, "text", "")]
        )
        site.end()


def test_a_run_that_cannot_be_reached_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, quietly; the next task tries again."""
    monkeypatch.setattr(module, "LINGER", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    key = handshake.worker_key(handshake.new_key())
    host = module.files.hostname()
    reporter = Reporter(Way("run", host, address, None, None, key), "")
    for _ in range(2):
        reporter.begin()
        [line] = module._lines.values()
        eventually(lambda: line.over)  # noqa: B023 - at once
        assert not site.desk.readers


def test_a_stranger_is_told_nothing(site: Site) -> None:
    """Whoever listens there without the key."""
    with Server(view=None) as server:
        reporter = reporter_of(server)
        wrong = dataclasses.replace(reporter._way, key=handshake.new_key())
        stranger = Reporter(wrong, "")
        stranger.begin()
        [line] = module._lines.values()
        eventually(lambda: line.over)
        assert workers(server) == {}


def test_there_is_no_way_to_another_machine_that_does_not_listen(site: Site) -> None:
    """A run on loopback has no workers elsewhere that could report."""
    with Server(view=None) as server:
        way = dataclasses.replace(reporter_of(server)._way, host="elsewhere")
        far = Reporter(way, "")
        far.begin()
        [line] = module._lines.values()
        eventually(lambda: line.over)


def test_a_worker_elsewhere_comes_by_tls(site: Site) -> None:
    """It knows the certificate that must be there."""
    with Server(view=None, host="0.0.0.0") as server, Told(server) as told:
        way = reporter_of(server)._way
        assert way.far is not None
        address = "127.0.0.1", way.far[1]
        far = Reporter(dataclasses.replace(way, host="elsewhere", far=address), "")
        far.begin()
        tally = Tally(site.desk)
        told.until(lambda: told.bars(tally.key))
        tally.n = 3
        tally.close()
        told.until(lambda: (3.0, "finished") in told.bars(tally.key))
        [peer] = workers(server)
        assert not peer.near
        site.end()


def test_a_calculation_that_stands_still_holds_nothing_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what begins nor the end of the process; it accepts and says nothing."""
    monkeypatch.setattr(module, "FAREWELL", 0.25)
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        address = frozen.getsockname()
        key = handshake.worker_key(handshake.new_key())
        way = Way("run", module.files.hostname(), address, None, None, key)
        reporter = Reporter(way, "")
        reporter.begin()
        Tally(site.desk).close()
        before = time.monotonic()
        module.farewell()
        assert time.monotonic() - before < 10
        frozen.settimeout(AMPLE)
        frozen.accept()[0].close()


def _perform(reporter: Reporter, key: Any) -> None:
    reporter.begin()
    tally = Tally(module.desk)
    key.send(tally.key)
    tally.n = 11
    tally.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_that_ends_says_its_last_words(method: str) -> None:
    """Children of multiprocessing leave by ``os._exit``, and are heard all the same."""
    context: Any = multiprocessing.get_context(method)
    with Server(view=None) as server, Told(server) as told:
        ours, theirs = context.Pipe()
        process = context.Process(target=_perform, args=(reporter_of(server), theirs))
        process.start()
        assert ours.poll(AMPLE)
        key = ours.recv()
        process.join(AMPLE)
        assert process.exitcode == 0
        told.until(lambda: (11.0, "finished") in told.bars(key))
        eventually(lambda: workers(server) == {})
        process.close()
        ours.close()
        theirs.close()


_FORKS = """
import os, sys, time
from async_plot import Server
from async_plot.jobs.bars import Bar
from async_plot.jobs.desk import desk

with Server(view=None) as server:
    reporter = desk.reporter()
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        reporter.begin()
        bar = Bar(10)
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        if os.fork() == 0:
            assert desk.readers == []
            bar.update()
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        os._exit(0)
    workers = server._session.publisher.reception.workers
    while not workers:
        time.sleep(0.01)
    open(sys.argv[1], "w").close()
    os.waitpid(worker, 0)
    while workers:  # although the fork of the worker lives on
        time.sleep(0.01)
    os.close(writing)
print("left")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_fork_of_a_worker_holds_no_connection(tmp_path: Any) -> None:
    """The calculation sees the worker's end, whatever goes on in its children."""
    assert run_script(_FORKS, str(tmp_path / "go")).stdout == "left\n"


def test_a_worker_imports_nothing_heavy() -> None:
    """Each one of a pool pays for it, with its time and its memory."""
    code = """
import sys
import async_plot.jobs.reporter, async_plot.jobs.work
print([n for n in ("numpy", "ssl", "asyncio", "matplotlib") if n in sys.modules])
"""
    assert run_script(code).stdout == "[]\n"
