"""So many at once, and so many a second."""

from __future__ import annotations

import pytest

from async_plot.net.allowance import Allowance


def test_a_burst_then_the_rate() -> None:
    """Three at once, then one each half a second."""
    allowance = Allowance(3, 2.0)
    assert [allowance.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(10.4)
    assert allowance.take(10.5)
    assert not allowance.take(10.5)


def test_a_long_silence_saves_up_one_burst() -> None:
    """And no more than that."""
    allowance = Allowance(2, 1.0)
    allowance.take(0.0)
    assert sum(allowance.take(1e6) for _ in range(10)) == 2


@pytest.mark.parametrize("back", [5.0, -5.0])
def test_a_clock_that_stands_or_goes_back_gives_nothing(back: float) -> None:
    """It is no more than late."""
    allowance = Allowance(1, 1.0)
    assert allowance.take(5.0)
    assert not allowance.take(back)
    assert allowance.take(6.0)
