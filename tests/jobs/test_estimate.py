"""Rate and time left."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_plot.jobs.estimate import Estimate, mean_rate, remaining_time


def test_a_slowdown_counts_more_than_what_was_before():
    """After ten quick seconds and three slow ones the slow rate prevails."""
    times = list(range(14))
    done = [10 * t for t in range(11)] + [101, 102, 103]
    assert mean_rate(times, done) < 4.5
    assert mean_rate(times, done, smoothing=1) == 1
    assert remaining_time(times, done, 113, smoothing=1) == 10


def test_weights_are_those_of_the_formula():
    """Each increment weighs (1 - smoothing) of the next one."""
    times, done = [0, 1, 3, 4], [0, 5, 6, 9]
    weights = [0.49, 0.7, 1]
    expected = sum(w * d for w, d in zip(weights, [5, 1, 3])) / sum(
        w * t for w, t in zip(weights, [1, 2, 1])
    )
    assert mean_rate(times, done) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("times", "done", "smoothing", "said"),
    [
        ([0], [0], 0.3, "at least 2"),
        ([0, 1], [0], 0.3, "one length"),
        ([0, 0], [0, 1], 0.3, "strictly increasing"),
        ([0, math.nan], [0, 1], 0.3, "strictly increasing"),
        ([0, 1], [0, 1], 0, r"smoothing must be in \(0, 1\]"),
    ],
)
def test_wrong_arguments_are_named(times, done, smoothing, said):
    """What is wrong is named, with what would be accepted."""
    with pytest.raises(ValueError, match=said):
        mean_rate(times, done, smoothing=smoothing)


def test_nothing_advances():
    """Without progress there is no end in sight, unless all is done."""
    assert remaining_time([0, 1], [0, 0], 5) == math.inf
    assert remaining_time([0, 1], [5, 5], 5) == 0
    assert Estimate(0).remaining(1, 0, None) == math.inf


def test_what_was_done_before_tells_no_rate():
    """A run that goes on from 1000 is not 1000 times as quick."""
    estimate = Estimate(0.0, 1000)
    assert estimate.rate(10.0, 1000) == 0
    assert estimate.rate(10.0, 1010) == pytest.approx(1)
    assert estimate.remaining(10.0, 1010, 1020) == pytest.approx(10)


def test_the_rate_falls_while_nothing_happens():
    """A loop that got stuck is seen to be slower and slower."""
    estimate = Estimate(0.0)
    assert estimate.rate(1.0, 10) == pytest.approx(10)
    rates = [estimate.rate(1.0 + wait, 10) for wait in (1, 10, 100)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.2


def test_rare_steps_do_not_make_it_jump():
    """A task every 5 s, asked for ten times a second, is one every 5 s."""
    estimate = Estimate(0.0)
    asked = [estimate.rate(tick / 10, tick // 50) for tick in range(1, 1000)]
    assert all(0.1 < rate < 0.3 for rate in asked[100:])


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(-3, 1_000_000)), max_size=40),
    st.integers(0, 10**12),
)
def test_time_left_is_finite(steps, total):
    """Whatever the clock does: once something was counted, the end is in sight."""
    now, done, estimate = 0.0, 0, Estimate(0.0)
    for step, more in steps:
        now += step
        done += more
        left = estimate.remaining(now, done, total)
        assert left >= 0
        if done > 0:
            assert left < math.inf
