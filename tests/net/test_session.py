"""Sessions: opened whole or not at all, ended in time, the outcome in one word."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from async_plot.client import Client
from async_plot.errors import AsyncPlotError
from async_plot.net import runs, session, sockets
from async_plot.net.feed import Feed
from async_plot.net.session import Session, is_shortage, outcome
from async_plot.wire.messages import Frame, RunState, State, Welcome

from ..helpers import AMPLE

PROMISED = session.EXIT_DELAY  # before a fixture makes it longer


@pytest.fixture
def feed() -> Feed:
    return Feed("", None)


@pytest.fixture
def opened(feed: Feed) -> Iterator[Session]:
    """A session that listens and has launched nothing."""
    one = Session("one", {"": feed}, {"": None}, overhead=1.0, on_exit="keep")
    one.open("127.0.0.1", 0, None)
    yield one
    one.finish(RunState.FINISHED, "")


def said(run: runs.Run | None) -> list[object]:
    """What is kept of a run."""
    assert run is not None
    return list(Client(run.connection_file).messages())


def test_nothing_is_known_before_it_is_opened(feed: Feed) -> None:
    """And nothing has to be taken back."""
    one = Session("one", {"": feed}, {"": None}, overhead=1.0, on_exit="keep")
    assert one.address is None and one.connection_file is None and one.viewers == []
    one.discard(KeyboardInterrupt())
    one.abandon()
    one.forked()


def test_an_open_session_is_a_run(opened: Session, feed: Feed) -> None:
    """Found by its name, with its feed's frames."""
    assert opened.address is not None
    assert runs.find("one").connection_file == opened.connection_file
    feed.update("frame")
    assert next(iter(Client("one"))).args == ("frame",)


@pytest.mark.parametrize(
    "state", [s for s in RunState if s.value in ("finished", "interrupted", "failed")]
)
def test_its_last_word_is_kept(state: RunState, feed: Feed) -> None:
    """With the last frame, which is whole only after a clean end."""
    one = Session("one", {"": feed}, {"": None}, overhead=1e-9, on_exit="keep")
    one.open("127.0.0.1", 0, None)
    feed.update(1)
    feed._due = False
    feed.update(2)
    one.finish(state, "why")
    welcome, *_ = kept = said(one.run)
    assert isinstance(welcome, Welcome) and welcome.name == "one"
    [last] = [m for m in kept if isinstance(m, State)]
    assert (last.state, last.text) == (state.value, "why")
    marks = [m.mid_step for m in kept if isinstance(m, Frame)]
    assert marks == [False] if state is RunState.FINISHED else [False, True]
    one.finish(state, "again")
    assert [m for m in said(one.run) if isinstance(m, State)] == [last]


def test_a_discarded_start_leaves_no_living_run(feed: Feed) -> None:
    """And the feed to the next one."""
    one = Session("one", {"": feed}, {"": None}, overhead=1.0, on_exit="keep")
    one.open("127.0.0.1", 0, None)
    one.discard(KeyboardInterrupt())
    assert one.run is not None and not runs.read(one.run.directory).alive
    feed.rearm()
    feed.update(1)
    assert len(feed.drain()) == 1


def test_an_abandoned_session_ends_by_itself(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it, nobody closes it."""
    one = Session("one", {"": feed}, {"": None}, overhead=1.0, on_exit="keep")
    one.open("127.0.0.1", 0, None)
    assert one.publisher is not None and one.run is not None
    real, let_it = os.pwritev, threading.Event()

    def wait(*args: Any) -> int:
        let_it.wait(AMPLE)
        return real(*args)

    monkeypatch.setattr(os, "pwritev", wait)
    feed.update(1)
    feed.update(2)
    one.abandon()
    assert not one.publisher.done  # the end has not got anywhere, and we go on
    let_it.set()
    one.publisher.join(AMPLE)
    one.publisher.keeper.disk.join(AMPLE)
    assert not runs.read(one.run.directory).alive
    assert isinstance(said(one.run)[-1], State)


def test_waiting_without_a_viewer_ends_with_its_time(
    opened: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """And one warning."""
    before = time.monotonic()
    opened.wait_for_client(0.1)
    assert 0.09 < time.monotonic() - before < AMPLE
    [record] = caplog.records
    assert "no figure was open after 0.1 s" in record.getMessage()


@pytest.mark.parametrize(
    ("error", "shortage"),
    [
        (OSError(24, "Too many open files"), True),
        (RuntimeError("can't start new thread"), True),
        (sockets.ListenError(98, "in use"), False),
        (RuntimeError("other"), False),
        (ValueError("wrong"), False),
        (AsyncPlotError("ours"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_a_shortage_is_told_from_misuse(error: BaseException, shortage: bool) -> None:
    """The one is survived, the other raised."""
    assert is_shortage(error) is shortage


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (None, "finished", ""),
        (SystemExit(), "finished", ""),
        (SystemExit(0), "finished", ""),
        (SystemExit("no"), "failed", "SystemExit: no"),
        (GeneratorExit(), "finished", ""),
        (KeyboardInterrupt(), "interrupted", ""),
        (asyncio.CancelledError(), "interrupted", ""),  # Ctrl-C under asyncio.run
        (ValueError("wrong"), "failed", "ValueError: wrong\n"),
    ],
)
def test_the_outcome_is_what_ended_the_run(
    error: BaseException | None, state: str, text: str
) -> None:
    """With the traceback of a failure."""
    assert outcome(error) == (RunState(state), text)


def test_the_promised_delay_is_half_a_second() -> None:
    """With a little left for the rest of the end."""
    assert 0.3 < PROMISED <= 0.5


def test_a_thread_that_has_not_begun_is_waited_for_until_the_deadline(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the interpreter ends while another thread is inside the start."""
    monkeypatch.setattr(session.Publisher, "start", lambda self: None)
    monkeypatch.setattr(session, "EXIT_DELAY", 0.01)
    one = Session("one", {"": feed}, {"": None}, overhead=1.0, on_exit="keep")
    one.open("127.0.0.1", 0, None)
    one.finish(RunState.FINISHED, "")
    assert one.publisher is not None and one.run is not None
    assert not runs.read(one.run.directory).alive
    one.publisher.forked()


def test_the_end_is_waited_for_until_the_deadline_and_no_longer(
    opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the thread does meanwhile: told by a clock of the test's own."""
    now = 100.0
    slept: list[float] = []
    assert opened.publisher is not None

    def wait(timeout: float) -> None:
        nonlocal now
        slept.append(timeout)
        now += 0.9 * timeout + 0.01  # woken early, for something else

    with monkeypatch.context() as patched:
        patched.setattr(session, "time", Mock(wraps=time, monotonic=lambda: now))
        patched.setattr(opened.publisher, "finish", lambda ending: None)  # it hangs
        patched.setattr(opened.publisher.notice, "wait", wait)
        opened.finish(RunState.FINISHED, "")
    assert len(slept) > 1
    assert now < 100 + session.EXIT_DELAY + 0.02
    opened.publisher.abandoned = False  # it hangs no longer: the fixture ends it


def test_the_end_of_a_screen_that_was_hidden_is_no_news(opened: Session) -> None:
    """Whoever showed bars for a while misses no viewer afterwards."""
    publisher, screen = opened.publisher, Mock()
    assert publisher is not None
    screen.ended.return_value = "the viewer ended with signal 9"
    opened.screen = screen
    publisher.awaited = True  # else the look below would warn
    publisher.glance = publisher.watch_process = screen.ended
    opened.hide_screen("finished")
    screen.last_word.assert_called_once()
    assert opened.screen is None
    assert publisher.watch_process() == "" and not publisher.glance()
