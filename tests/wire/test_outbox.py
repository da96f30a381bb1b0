"""Tests of the two lanes."""

from __future__ import annotations

from dataclasses import replace

from async_plot.wire.messages import (
    Frame,
    Goodbye,
    Log,
    Missed,
    Ready,
    Scalars,
    State,
    Stats,
)
from async_plot.wire.outbox import LIMIT, Outbox

from .samples import SAMPLES

FRAME = SAMPLES[Frame]
STATS = SAMPLES[Stats]


def log(number: int) -> Log:
    return Log(float(number), 20, "lib", f"record {number}")


def drain(outbox: Outbox) -> list[object]:
    """Take everything that waits."""
    said = []
    while (message := outbox.get()) is not None:
        said.append(message)
    return said


def test_empty_outbox_says_nothing():
    """Nothing was put, so nothing comes."""
    outbox = Outbox()
    assert not outbox
    assert outbox.get() is None


def test_kept_messages_stay_whole_and_in_order():
    """What must arrive comes out as it went in."""
    outbox = Outbox()
    said = [log(1), Ready("", 1), log(2), SAMPLES[Scalars], log(2), SAMPLES[State]]
    for message in said:
        outbox.put(message)
    assert outbox
    assert drain(outbox) == said
    assert not outbox


def test_newest_message_of_a_key_supersedes_the_older():
    """Of the frames of one plotter only the newest waits."""
    outbox = Outbox()
    for number in range(1000):
        outbox.put(replace(FRAME, number=number))
    assert drain(outbox) == [replace(FRAME, number=999)]


def test_keys_are_kind_and_plotter():
    """Plotters do not supersede each other, nor do statistics and frames."""
    outbox = Outbox()
    said = [FRAME, STATS, replace(FRAME, plotter="b"), replace(STATS, plotter="b")]
    for message in said:
        outbox.put(message)
    assert drain(outbox) == said


def test_superseding_message_waits_at_the_end():
    """What was renewed does not jump the queue: every key has its turn."""
    outbox = Outbox()
    outbox.put(FRAME)
    outbox.put(STATS)
    newer = replace(FRAME, number=42)
    outbox.put(newer)
    assert drain(outbox) == [STATS, newer]


def test_kept_lane_goes_first():
    """A log record overtakes a frame that waits."""
    outbox = Outbox()
    outbox.put(FRAME)
    outbox.put(log(1))
    assert drain(outbox) == [log(1), FRAME]


def test_log_is_bounded_and_says_what_it_dropped():
    """Of too many records the oldest go, and their number is told behind the rest."""
    outbox = Outbox(limit=3)
    for number in range(10):
        outbox.put(log(number))
    outbox.put(FRAME)
    assert drain(outbox) == [log(7), log(8), log(9), Missed(7), FRAME]
    outbox.put(log(10))
    assert drain(outbox) == [log(10)]


def test_other_kept_messages_are_never_dropped():
    """Records make room among themselves only."""
    outbox = Outbox(limit=1)
    outbox.put(SAMPLES[State])
    for number in range(5):
        outbox.put(log(number))
        outbox.put(Goodbye(str(number)))
    said = drain(outbox)
    assert said[0] == SAMPLES[State]
    assert [m for m in said if isinstance(m, Log)] == [log(4)]
    assert [m for m in said if isinstance(m, Missed)] == [Missed(4)]
    assert [m.reason for m in said if isinstance(m, Goodbye)] == list("01234")


def test_room_is_free_again_after_reading():
    """Only what waits counts, not what was said."""
    outbox = Outbox(limit=2)
    for number in range(20):
        outbox.put(log(number))
        assert outbox.get() == log(number)
    assert not outbox


def test_outbox_that_dropped_everything_still_has_something_to_say():
    """The count alone is worth a message."""
    outbox = Outbox(limit=0)
    outbox.put(log(1))
    assert outbox
    assert drain(outbox) == [Missed(1)]


def test_default_limit_bounds_a_flood():
    """A million records cost the memory of a thousand."""
    outbox = Outbox()
    for number in range(LIMIT + 500):
        outbox.put(log(number))
    assert len(outbox._kept) == LIMIT
    said = drain(outbox)
    assert said[-1] == Missed(500)
    assert len(said) == LIMIT + 1
