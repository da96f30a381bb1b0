"""What waits for a view: the newest of each kind, and every event."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from async_plot.replay import Jumped
from async_plot.views.absence import Absence
from async_plot.views.inbox import Inbox
from async_plot.wire.messages import (
    Frame,
    Log,
    Message,
    Missed,
    Parameter,
    PlotterCode,
    Scalars,
    Stalled,
    State,
    Stats,
    Steering,
    Welcome,
)

from ..helpers import AMPLE, eventually
from ..wire.samples import SAMPLES
from .said import bar, failure, job, worker

WELCOME = Welcome("r", "n", 1, "h", "3.11", 0.0, ["a", "b"], "/", [], 0.01, "keep")


class Script:
    """Stands in for a `Client`: says what the test hands it."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[Message | Exception | None] = queue.SimpleQueue()
        self.closed = ""

    def messages(self) -> Iterator[Message]:
        while (message := self.said.get(timeout=AMPLE)) is not None:
            if isinstance(message, Exception):
                raise message
            yield message

    def close(self, reason: str) -> None:
        self.closed = reason
        self.said.put(None)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox(Script())  # type: ignore[arg-type]
    yield inbox
    inbox.close("over")


def say(inbox: Inbox, *messages: Any) -> None:
    """Say something, and wait until the thread has sorted it."""
    script: Any = inbox.client
    for message in [*messages, Missed(0)]:
        script.said.put(message)
    eventually(lambda: Missed(0) in inbox.events)
    inbox.events.remove(Missed(0))


def frame(plotter: str, number: int, mid_step: bool = False) -> Frame:
    return Frame(plotter, number, 0.0, mid_step, b"")


def test_of_frames_the_newest_of_each_plotter_waits(inbox: Inbox) -> None:
    """Those from the middle of a step wait apart."""
    say(inbox, frame("a", 1), frame("a", 2), frame("b", 1), frame("a", 3, True))
    assert {name: f.number for name, f in inbox.frames.items()} == {"a": 2, "b": 1}
    assert inbox.mid_step["a"].number == 3


def test_of_statistics_the_newest_waits(inbox: Inbox) -> None:
    """For each plotter."""
    say(inbox, *(Stats("a", n, n, 0, 0.0, 1.0, 1) for n in range(5)))
    assert inbox.stats["a"].updates == 4


def test_logs_are_bounded_and_events_are_not_lost(inbox: Inbox) -> None:
    """A view that hangs for a day does not fill the memory."""
    state = State("finished", "", 0.0)
    say(inbox, WELCOME, *(Log(n, 20, "x", str(n)) for n in range(1500)), state)
    assert len(inbox.logs) == 1000
    assert inbox.logs[-1].text == "1499"
    assert list(inbox.events) == [WELCOME, state]


def test_histories_are_extended_or_replaced(inbox: Inbox) -> None:
    """As each message says; the arrays handed out before stay as they were."""

    def points(*values: float) -> list[Any]:
        return [np.arange(len(values), dtype=float).data, np.array(values, float).data]

    say(inbox, Scalars("e", True, points(1, 2)))
    before = inbox.histories["e"][1]
    say(inbox, Scalars("e", False, points(3)))
    assert inbox.histories["e"][1].tolist() == [1, 2, 3]
    say(inbox, Scalars("e", True, points(9)))
    assert inbox.histories["e"][1].tolist() == [9]
    assert before.tolist() == [1, 2]


def test_of_steering_the_newest_waits(inbox: Inbox) -> None:
    """Of each parameter too, in the order of what came last; each is taken once."""
    steering, dt = SAMPLES[Steering], SAMPLES[Parameter]
    changed, other = replace(dt, value="0.25"), replace(dt, name="n")
    resumed = replace(steering, state="running")
    say(inbox, steering, dt, other, changed, resumed)
    taken = inbox.take_steering()
    assert sorted(map(str, taken)) == sorted(map(str, (resumed, changed, other)))
    assert inbox.take_steering() == []
    say(inbox, steering, Jumped(1))
    assert inbox.take_steering() == []


def test_after_a_cut_it_tells_what_passed(inbox: Inbox) -> None:
    """Once the run has said how far it is."""
    counts = [Stats(name, n, 0, 0, 0.0, 0.0, 1) for name, n in (("a", 9), ("b", 2))]
    say(inbox, WELCOME, *counts, State("lost", "", 0.0), WELCOME, counts[0])
    assert not any(isinstance(event, Absence) for event in inbox.events)
    say(inbox, Stats("b", 5, 0, 0, 0.0, 0.0, 1))
    absence = inbox.events[-1]
    assert isinstance(absence, Absence)
    assert (absence.updates, absence.records) == (3, 0)


def test_of_stalls_the_newest_waits(inbox: Inbox) -> None:
    """None of them survives a new connection, which tells of what lasts."""
    say(inbox, WELCOME, Stalled(5.0, 0.0, "in step"), Stalled(9.0, 0.0, ""))
    assert inbox.stalled == Stalled(9.0, 0.0, "")
    say(inbox, WELCOME)
    assert inbox.stalled is None
    say(inbox, Stalled(5.0, 0.0, "in step"))
    assert inbox.stalled is not None


def test_it_is_ready_when_every_plotter_is_known(inbox: Inbox) -> None:
    """Not before."""
    say(inbox, WELCOME, PlotterCode("a", "A", [3, 11]))
    assert not inbox.wait_for_plotters(0.0)
    say(inbox, PlotterCode("b", "B", [3, 11]))
    assert inbox.wait_for_plotters(0.0)


def test_it_rings_until_it_is_cleared(inbox: Inbox) -> None:
    """Once for any number of messages; a later one rings again."""
    say(inbox, frame("a", 1), frame("a", 2))
    assert inbox.wait(AMPLE)
    inbox.clear()
    assert not inbox.wait(0)
    say(inbox, frame("a", 3))
    assert inbox.wait(AMPLE)


def test_an_error_of_the_connection_is_kept(inbox: Inbox) -> None:
    """And ends it."""
    script: Any = inbox.client
    error = ConnectionError("a stranger listens there")
    script.said.put(error)
    eventually(lambda: inbox.ended)
    assert inbox.error is error
    assert not inbox.wait_for_plotters(5)


def test_closing_says_why(inbox: Inbox) -> None:
    """The client is told, and the thread ends."""
    inbox.close("window closed")
    client: Any = inbox.client
    assert client.closed == "window closed"
    assert not inbox._thread.is_alive()


def test_of_bars_and_workers_the_newest_waits(inbox: Inbox) -> None:
    """Jobs and failures all do, in their order; what was taken does not come again."""
    said = [job(), bar(done=1), bar("k", 5), worker(1), failure(1)]
    say(inbox, *said, bar(done=2), worker(1, task=7), failure(2))
    taken = inbox.take_news()
    assert taken[:3] == [job(), failure(1), failure(2)]
    stands = {getattr(each, "bar", "worker"): each for each in taken[3:]}
    assert stands == {"j": bar(done=2), "k": bar("k", 5), "worker": worker(1, task=7)}
    assert inbox.take_news() == []


def test_what_goes_on_after_a_cut_comes_after_the_welcome(inbox: Inbox) -> None:
    """And what was told before the cut does not come any more."""
    say(inbox, job(), bar(), worker(1), WELCOME, bar(done=3))
    assert inbox.take_news() == [job(), WELCOME, bar(done=3)]


def test_a_view_that_hangs_holds_a_bounded_part(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of short bars, and of failures."""
    monkeypatch.setattr("async_plot.views.inbox._STANDS", 50)
    say(inbox, *(bar(f"b{k}") for k in range(300)), *(failure(k) for k in range(3000)))
    assert len(inbox.take_news()) <= 50 + 2000


def test_a_replay_that_goes_back_leaves_nothing_of_jobs(inbox: Inbox) -> None:
    """It tells them again as they were."""
    say(inbox, job(), bar(), failure(1), Jumped(1))
    assert inbox.take_news() == []


def test_how_bars_stand_wakes_nobody(inbox: Inbox) -> None:
    """Hundreds of them come in a second; views look at their clock."""
    say(inbox, WELCOME)
    inbox.clear()
    script: Any = inbox.client
    for message in (bar(), worker(1)):
        script.said.put(message)
    eventually(lambda: len(inbox._stands) == 2)
    assert not inbox.wait(0)
    script.said.put(failure(1))
    assert inbox.wait(AMPLE)
