"""The desk: sources and messages on one side, readers on the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable

import pytest

from async_plot.jobs import desk as module
from async_plot.jobs.desk import Desk
from async_plot.wire.messages import Log, Message, Progress, Worker

from ..faults.test_interrupts import interrupt_at
from .support import Tally, failure, worker


def done(messages: list[Message]) -> list[tuple[float, str]]:
    return [(m.done, m.state) for m in messages if isinstance(m, Progress)]


def test_a_source_is_told_when_it_differs() -> None:
    """Once at its begin, once for however many changes, once at its end."""
    desk, rings = Desk(), []
    reader = desk.reader(lambda: rings.append(1))
    tally = Tally(desk)
    assert done(reader.news(0.0)) == [(0.0, "running")]
    assert reader.news(0.1) == []
    for _ in range(100):
        tally.n += 1
    assert done(reader.news(0.2)) == [(100.0, "running")]
    tally.n += 1
    tally.close()
    assert done(reader.news(0.3)) == [(101.0, "finished")]
    assert reader.news(0.4) == []
    assert not reader.busy
    assert len(rings) == 2, "one for the begin, one for the end"


def test_it_wakes_once_until_it_was_looked_at() -> None:
    """A thousand things that begin at once are one reason to look."""
    desk, rings = Desk(), []
    reader = desk.reader(lambda: rings.append(1))
    for _ in range(100):
        Tally(desk).close()
        desk.say(failure())
    assert len(rings) == 1
    assert reader.eager
    reader.news(0.0)
    assert not reader.eager
    desk.say(failure())
    assert len(rings) == 2


def test_a_reader_that_comes_late_is_told_of_what_goes_on() -> None:
    """But not of what has ended before."""
    desk = Desk()
    ended, runs = Tally(desk), Tally(desk)
    ended.close()
    reader = desk.reader(lambda: None)
    assert [m.bar for m in reader.news(0.0) if isinstance(m, Progress)] == [runs.key]


def test_what_comes_and_goes_is_not_told_unless_it_stays_in_sight() -> None:
    """A bar for each of a million tasks would be a flood that nobody sees."""
    desk = Desk()
    reader = desk.reader(lambda: None)
    Tally(desk, leave=False).close()
    stays, failed = Tally(desk), Tally(desk, leave=False, failed=1)
    stays.close()
    failed.close()
    told = [m.bar for m in reader.news(0.0) if isinstance(m, Progress)]
    assert told == [stays.key, failed.key]


def test_what_is_begun_in_a_seat_belongs_to_it() -> None:
    """To the worker and job of the thread, and of no other thread."""
    desk = Desk()
    reader = desk.reader(lambda: None)

    def perform() -> None:
        desk.seat.worker, desk.seat.job = "w.1", "j.1"
        Tally(desk)

    thread = threading.Thread(target=perform)
    thread.start()
    thread.join()
    Tally(desk)
    Tally(desk, worker="other", job="its own")
    told = [m for m in reader.news(0.0) if isinstance(m, Progress)]
    assert [(m.worker, m.job) for m in told] == [
        ("w.1", "j.1"),
        ("", ""),
        ("other", "its own"),
    ]


def test_messages_wait_bounded_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that does not come to it loses the newest, and is told how many."""
    monkeypatch.setattr(module, "KEPT", 3)
    desk = Desk()
    reader = desk.reader(lambda: None)
    for number in range(5):
        desk.say(Log(0.0, 20, "", str(number)))
    assert [m.text for m in reader.news(0.0) if isinstance(m, Log)] == ["0", "1", "2"]
    assert reader.busy
    assert reader.lost() == 2
    assert not reader.busy


def test_more_sources_than_can_be_told_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever never closes its bars takes no more memory than that."""
    monkeypatch.setattr(module, "OPEN", 3)
    desk = Desk()
    reader = desk.reader(lambda: None)
    tallies = [Tally(desk) for _ in range(5)]
    assert len(reader.news(0.0)) == 3
    for tally in tallies:
        tally.close()
    assert len(reader.news(0.1)) == 3


def test_a_workers_report_goes_to_its_job() -> None:
    """As long as that goes on; it is of this process even afterwards."""
    desk, heard = Desk(), list[Worker]()
    key = desk.new_key()
    desk.follow(key, heard.append)
    assert desk.hear(worker(job=key))
    assert not desk.hear(worker(job="elsewhere.1"))
    desk.unfollow(key)
    assert desk.hear(worker(job=key))
    assert len(heard) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_child_begins_anew() -> None:
    """Its parent's bars and readers are not its own, nor is its identity."""
    desk = module.desk
    reader = desk.reader(lambda: None)
    tally = Tally(desk)
    child = os.fork()
    if child == 0:
        wrong = desk.readers or desk.made(tally.key) or desk.reader(print).news(0.0)
        os._exit(bool(wrong))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tally.close()
    desk.leave(reader)
    assert desk.readers == []


class Broken(Tally):
    """A source of the user's own making."""

    def mark(self) -> Hashable:
        raise RuntimeError("of a subclass")


def test_a_source_that_raises_is_told_no_more() -> None:
    """Its reader lives, and the others are told."""
    desk = Desk()
    reader = desk.reader(lambda: None)
    broken, tally = Broken(desk), Tally(desk)
    assert done(reader.news(0.0)) == [(0.0, "running")]
    tally.close()
    assert done(reader.news(0.1)) == [(0.0, "finished")]
    assert not reader.busy
    broken.close()


def test_a_reader_may_leave_while_something_is_said() -> None:
    """The others miss nothing of it; a second time does nothing."""
    desk = Desk()

    def leave() -> None:
        desk.leave(first)
        desk.leave(first)

    first = desk.reader(leave)
    second = desk.reader(lambda: None)
    desk.say(failure())
    assert len(second.news(0.0)) == 1


def test_an_interrupt_at_any_bytecode_leaves_no_reader_asleep() -> None:
    """Whatever is said next wakes it."""
    step = 0
    while True:
        desk, rings = Desk(), []
        desk.reader(lambda: rings.append(1))  # noqa: B023 - at once
        hit = interrupt_at(step, lambda: desk.say(failure()))  # noqa: B023 - at once
        desk.say(failure())
        assert rings, f"nobody was woken after an interrupt at bytecode {step}"
        if not hit:
            break
        step += 1
    assert step > 10
