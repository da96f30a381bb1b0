"""What of bars and workers goes into a recording."""

from __future__ import annotations

from async_plot.net import thinned
from async_plot.net.thinned import Thinned
from async_plot.wire.messages import Progress

from ..views.said import failure, loop


def numbers(messages: list[object]) -> list[tuple[str, float]]:
    return [(m.bar, m.done) for m in messages if isinstance(m, Progress)]


def test_the_newest_of_each_once_a_second() -> None:
    """Ten times a second it is told."""
    held, written = Thinned(), []
    for tick in range(41):
        for name in ("a", "b"):
            assert held.take(loop(name, tick, 100, name))
        written += numbers(held.due(tick / 10))
    assert written == [(name, 10.0 * k) for k in range(5) for name in ("a", "b")]
    assert held.rest() == [] and held.due(99.0) == []


def test_many_are_written_less_often() -> None:
    """So that there are so many a second of all."""
    held, count, written = Thinned(), 0, 0
    for second in range(21):
        for number in range(250):
            held.take(loop(f"bar {number}", second, 100, "many"))
        count += len(held.due(float(second)))
    assert count == 250 * 3  # at 0, 10 and 20 s
    for number in range(2 * thinned.MOST):
        held.take(loop(f"flood {number}", 1, 2, "flood"))
    written = len(held.rest())
    assert written == thinned.MOST


def test_what_must_arrive_is_not_held_back() -> None:
    """The caller writes it whole."""
    held = Thinned()
    assert not held.take(failure(3))
    assert held.rest() == []
