"""What was told before, and what is made of the rest."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from async_plot.net import told as module
from async_plot.net.told import Told, failures, logs, progress
from async_plot.wire.messages import Log, Message, State, Welcome

from ..jobs.support import bar, failure, job
from ..wire.samples import SAMPLES

LOST = State("lost", "", 0.0)


def run(*messages: Message) -> Generator[Message, None, None]:
    yield from messages


def test_what_must_arrive_is_given_once() -> None:
    """However often a run repeats it; what is superseded is always given."""
    told = Told()
    once = [
        Log(0.0, 20, "", "one", 1),
        Log(0.0, 20, "", "two", 2),
        job(job="a.1"),
        failure(job="a.1", task=0),
        failure(job="a.1", task=1),
        failure(job="a.2", task=1),
        failure(job="a.2", task=-1),
    ]
    assert [told.repeats(message) for message in once] == [False] * len(once)
    assert [told.repeats(message) for message in once] == [True] * len(once)
    for message in (bar(), SAMPLES[Welcome], LOST, Log(0.0, 20, "", "a viewer's own")):
        assert not told.repeats(message)
        assert not told.repeats(message)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of a million failures fills no viewer's memory."""
    monkeypatch.setattr(module, "KNOWN", 10)
    told = Told()
    for task in range(100):
        assert not told.repeats(failure(task=task))
    assert len(told._known) == 10
    assert told.repeats(failure(task=99))


def test_each_iterator_gives_its_kind() -> None:
    """In the order in which it was told."""
    record = Log(0.0, 20, "", "one", 1)
    mixed = (bar(bar="a.1"), failure(task=3), record, bar(bar="a.2"))
    assert [m.bar for m in progress(run(*mixed))] == ["a.1", "a.2"]
    assert [m.task for m in failures(run(*mixed))] == [3]
    assert list(logs(run(*mixed))) == [record]


def test_bars_are_lost_with_their_run() -> None:
    """But not by a cut, nor those that have ended."""
    ended = bar(bar="a.1", state="finished")
    runs = bar(bar="a.2", done=5.0)
    cut = (ended, runs, LOST, SAMPLES[Welcome])
    assert [m.state for m in progress(run(*cut))] == ["finished", "running"]
    last = list(progress(run(*cut, runs, LOST)))[-1]
    assert (last.bar, last.done, last.state) == ("a.2", 5.0, "lost")


def test_leaving_an_iterator_leaves_the_run() -> None:
    """The connection does not stay until the garbage is collected."""
    messages = run(bar(), bar())
    iterator = progress(messages)
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    assert list(messages) == []
