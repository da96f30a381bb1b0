"""Feeds: what is noted, when a snapshot is taken, what is refused. No thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from async_plot.errors import UnsupportedValueError
from async_plot.net.feed import Feed
from async_plot.net.snapshot import Snapshot
from async_plot.wire import codec, framing, pickles
from async_plot.wire.messages import FROM_CALCULATION, Frame


def decoded(snapshot: Snapshot) -> tuple[Frame, tuple[Any, ...], dict[str, Any]]:
    """What a viewer would make of it."""
    reader = framing.Reader(FROM_CALCULATION, framing.FROM_CALCULATION_LIMITS)
    messages = []
    for part in snapshot.parts:
        rest = part
        while len(rest):
            buffer = reader.get_buffer()
            step = min(len(buffer), len(rest))
            buffer[:step] = rest[:step]
            messages += reader.received(step)
            rest = rest[step:]
    [frame] = messages
    assert isinstance(frame, Frame)
    return frame, *codec.decode(frame.payload, frame.buffers, pickles.loads)


class Drawn:
    def draw(self, x: object) -> None: ...


def test_the_first_call_takes_a_snapshot_and_later_ones_when_asked() -> None:
    """All are counted."""
    feed = Feed("name", None)
    for i in range(5):
        feed.update(i)
    feed.want()
    assert feed.due
    feed.update(5, k=5)
    feed.update(6)
    assert not feed.due
    first, second = feed.drain()
    assert feed.drain() == []
    frame, args, kwargs = decoded(first)
    assert (frame.plotter, frame.number, args, kwargs) == ("name", 1, (0,), {})
    frame, args, kwargs = decoded(second)
    assert (frame.number, args, kwargs) == (6, (5,), {"k": 5})
    assert feed.updates == 7
    assert feed.spent > 0


def test_a_call_begins_once_and_wakes_whoever_takes_snapshots() -> None:
    """At the first call, before its snapshot; afterwards only the bell is rung."""
    feed = Feed("", None)
    said: list[str] = []
    feed._begin = lambda: said.append("begin")
    feed._wake = lambda: said.append("wake")
    feed.update(1)
    feed.update(2)
    feed.want()
    feed.update(3)
    assert said == ["begin", "wake", "wake"]


def test_a_begin_that_is_broken_off_is_tried_again() -> None:
    """The call that failed was no first call."""
    feed = Feed("", Drawn)
    tries = []

    def begin() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise KeyboardInterrupt

    feed._begin = begin
    with pytest.raises(KeyboardInterrupt):
        feed.update(1)
    with pytest.raises(TypeError, match="do not fit"):
        feed.update(1, 2)
    assert len(tries) == 2


@pytest.mark.parametrize("alike", [True, False])
def test_memory_given_back_is_used_again(alike: bool) -> None:
    """Without touching what is still out."""
    feed = Feed("", None)
    out: list[tuple[Snapshot, float]] = []
    x = np.zeros(100)
    for i in range(20):
        x[...] = i
        feed.want()
        feed.update(x, *([] if alike else [{i}]))
        [taken] = feed.drain()
        out.append((taken, float(i)))
        if len(out) > 3:
            feed.recycle(out.pop(0)[0])
        for snapshot, value in out:
            assert (decoded(snapshot)[1][0] == value).all()
    assert len({id(snapshot.arena) for snapshot, _ in out}) == len(out)


def test_what_was_not_shown_is_shown_when_asked_for() -> None:
    """Once, and not before the first call; what cannot be is refused."""
    feed = Feed("", None)
    feed.show()
    assert not feed.has_news
    feed.update(1)
    feed.update(2)
    feed.show()
    feed.show()
    assert [each.number for each in feed.drain()] == [1, 2]
    feed.update(threading.Lock())
    feed.show()
    assert (feed.drain(), feed.refused) == ([], 1)


def test_another_thread_shows_nothing() -> None:
    """Whoever hands them over may be changing its arrays just then."""
    feed = Feed("", None)
    feed.update(1)
    feed.update(2)
    other = threading.Thread(target=feed.show)
    other.start()
    other.join()
    assert [each.number for each in feed.drain()] == [1]
    feed.show()
    assert [each.number for each in feed.drain()] == [2]


def test_at_the_end_the_last_call_is_taken_if_it_was_not() -> None:
    """And nothing where it was, or where there was none."""
    assert Feed("", None).last_snapshot(clean=True) is None
    feed = Feed("", None)
    feed.update(1)
    assert feed.last_snapshot(clean=True) is None
    feed.update(2)
    last = feed.last_snapshot(clean=True)
    assert last is not None
    frame, args, _ = decoded(last)
    assert (frame.number, frame.mid_step, args) == (2, False, (2,))


def test_after_an_exception_the_last_call_is_marked() -> None:
    """And a function is not called for it."""
    feed = Feed("", None)
    feed.update(1)
    feed.update(2)
    last = feed.last_snapshot(clean=False)
    assert last is not None and last.mid_step
    assert decoded(last)[0].mid_step
    feed.update_with(lambda: pytest.fail("called"))
    assert feed.last_snapshot(clean=False) is None


def test_a_call_inside_a_call_is_the_later_one() -> None:
    """A signal handler or another thread, while the arguments are being packed."""
    feed = Feed("", None)
    feed.update(0)

    class Nested:
        def __reduce__(self) -> Any:
            feed.update("inner")
            return (str, ("outer",))

    feed.want()
    feed.update(Nested())
    assert decoded(feed.drain()[-1])[0].number == 2
    last = feed.last_snapshot(clean=True)
    assert last is not None
    assert decoded(last)[1] == ("inner",)


def test_refusals_are_counted_and_each_text_is_told_once() -> None:
    """The first call raises instead."""
    feed = Feed("", None)
    feed.update(1)
    for _ in range(3):
        feed.want()
        feed.update_with(lambda: 1 / 0)
    assert feed.refused == 3
    assert feed.drain_refusals() == ["division by zero"]
    feed.want()
    feed.update_with(lambda: 1 / 0)
    assert feed.drain_refusals() == []
    with pytest.raises(UnsupportedValueError):
        Feed("", None).update(threading.Lock())


def test_a_silent_feed_counts_and_does_nothing_else() -> None:
    """Before its first call, and after."""
    for calls in (0, 1):
        feed = Feed("", Drawn)
        for _ in range(calls):
            feed.update(1)
        feed.silence()
        feed.update("does", "not", "fit")
        feed.update_with(lambda: 1 / 0)
        assert feed.updates == calls + 2
        assert len(feed.drain()) == calls
        feed.rearm()
        with pytest.raises(TypeError):
            feed.update("does", "not", "fit")


def test_what_remains_of_a_feed_are_its_counts() -> None:
    """It refers to nothing of it."""
    feed = Feed("name", None)
    feed.update(1)
    feed.want()
    feed.update_with(lambda: 1 / 0)
    remains = feed.remains()
    assert (remains.feed_name, remains.updates, remains.refused) == ("name", 2, 1)
    assert remains.drain_refusals() == ["division by zero"]
    assert remains.spent == feed.spent
    remains.update(1)
    assert remains.drain() == []
