"""What is held of a feed: the newest, and no more than the newest."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from async_plot.net import held, slots
from async_plot.net.budget import Budget
from async_plot.net.feed import Feed
from async_plot.net.held import GRACE, Held


@pytest.fixture
def feed() -> Feed:
    return Feed("wave", None)


def take(feed: Feed, *args: object) -> None:
    feed.want()
    feed.update(*args)


def test_the_newest_snapshot_is_held(feed: Feed) -> None:
    """Older ones are given back, in whatever order they were published."""
    of = Held(feed, 0.0)
    for i in range(3):
        take(feed, i)
    assert of.collect() == []
    assert of.newest is not None and of.newest.number == 3 and of.snapshots == 3
    newest = of.newest
    take(feed, 4)
    late = feed._published[0]
    late.number = 2  # a thread that was slow to publish
    of.collect()
    assert of.newest is newest


def test_refusals_are_told(feed: Feed) -> None:
    """By the call that follows them."""
    of = Held(feed, 0.0)
    take(feed, 1)
    take(feed, (n for n in "ab"))
    [text] = of.collect()
    assert "generator" in text
    assert of.stats(0.0, 1.0, 2).refused == 1


def test_a_snapshot_is_asked_for_when_it_is_due(feed: Feed) -> None:
    """At once where somebody waits; later for one that nobody asked for."""
    of = Held(feed, 10.0)
    take(feed, 1)
    of.collect()
    assert of.newest is not None
    of.newest.taken = 10.0
    budget = Budget(1.0, now=10.0)
    at = of.ask(10.0, budget, 0.0, waiting=False, watched=True)
    assert 10.0 < at < 11.0 and not feed.due
    assert of.ask(10.0, budget, 0.0, waiting=True, watched=True) == float("inf")
    assert feed.due
    assert of.patient_until == pytest.approx(10.0 + GRACE)
    assert not of.is_best(10.0, budget)
    assert of.is_best(10.0 + 2 * GRACE, budget)


def test_statistics_are_told_when_they_change_and_as_a_sign_of_life(
    feed: Feed,
) -> None:
    """Not for each call."""
    of = Held(feed, 0.0)
    assert of.has_news(1.0)
    assert not of.has_news(1.1)
    feed.update(1)
    assert of.has_news(1.2)
    assert not of.has_news(1.2 + held.STATS_EVERY - 0.1)
    assert of.has_news(1.2 + held.STATS_EVERY)


def test_a_feed_that_is_gone_is_said_to_be(feed: Feed) -> None:
    """While the thread waits it keeps no server alive."""
    of = Held(feed, 0.0)
    of.let_go()
    assert of.take_back() and of.feed is feed
    alone = Held(Feed("alone", None), 0.0)
    alone.let_go()
    gc.collect()
    assert not alone.take_back()
    assert alone.feed.updates == 0


def test_what_calls_cost_is_charged_once(feed: Feed) -> None:
    """Each second to one turn."""
    of = Held(feed, 0.0)
    feed.spent += 0.5
    assert of.cost() == 0.5
    assert of.cost() == 0.0


def test_slots_fit_the_newest_snapshot(feed: Feed) -> None:
    """And are made again for bigger ones; small frames need none."""
    of = Held(feed, 0.0)
    take(feed, np.zeros(10))
    of.collect()
    assert not of.outgrown
    take(feed, np.zeros(slots.LEAST))
    of.collect()
    assert of.outgrown
    void, _ = of.lay_out(1)
    assert void == [] and [each.number for each in of.slots] == [1, 2, 3]
    assert not of.outgrown
    for _ in range(4):
        take(feed, np.zeros(slots.LEAST))
        of.collect()
        assert of.newest is not None and of.newest.slot in (1, 2, 3)
    take(feed, np.zeros(of.slots[0].capacity))
    of.collect()
    assert of.outgrown and of.newest is not None and not of.newest.slot
    void, _ = of.lay_out(4)
    assert [each.number for each in void] == [1, 2, 3]
    assert all(each.message().size == 0 for each in void)
    of.close()
    assert all(each.message().size == 0 for each in of.slots)


def test_without_room_it_is_not_tried_again(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For frames of that size."""

    def full(first: int, size: int) -> list[slots.Shared]:
        raise OSError("full")

    monkeypatch.setattr(slots, "make", full)
    of = Held(feed, 0.0)
    take(feed, np.zeros(slots.LEAST))
    of.collect()
    with pytest.raises(OSError, match="full"):
        of.lay_out(1)
    assert not of.outgrown
