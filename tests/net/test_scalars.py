"""Histories: whole while they are short, thinned with their peaks when long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_plot.net.scalars import History


def test_a_short_history_is_whole() -> None:
    """All of it, or from a point on, as copies."""
    history = History(8)
    for i in range(5):
        history.append(i, i * i)
    steps, values = history.since(2)
    assert steps.tolist() == [2, 3, 4] and values.tolist() == [4, 9, 16]
    values[:] = 0
    assert history.since(0)[1].tolist() == [0, 1, 4, 9, 16]
    assert len(history) == 5 and history.generation == 0


def test_a_full_history_is_thinned_and_says_so() -> None:
    """Each four points become their smallest and their largest, in order."""
    history = History(8)
    for i, value in enumerate([0, 5, -3, 1, 7, 7, 7, 7, 2]):
        history.append(i, value)
    steps, values = history.since(0)
    assert steps.tolist() == [1, 2, 4, 7, 8]
    assert values.tolist() == [5, -3, 7, 7, 2]
    assert history.generation == 1


@pytest.mark.parametrize("others", [0.0, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_nan_survives_beside_anything(others: float, place: int) -> None:
    """It is what a reader must see most."""
    history = History(8)
    for i in range(100):
        history.append(i, np.nan if i == 20 + place else others)
    steps, values = history.since(0)
    assert steps[np.isnan(values)].tolist() == [20 + place]


def test_peaks_survive_any_number_of_thinnings() -> None:
    """One point of a hundred thousand is still there."""
    history = History(64)
    for i in range(100_000):
        value = 0.001 * (i % 7)
        value = {40_000: 99.0, 70_000: -99.0}.get(i, value)
        history.append(i, value)
    steps, values = history.since(0)
    assert len(history) <= 64
    assert steps[values.argmax()] == 40_000
    assert steps[values.argmin()] == 70_000
    assert (np.diff(steps) > 0).all()


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=300))
def test_extremes_are_kept_whatever_comes(values: list[float]) -> None:
    """And the steps stay in order."""
    history = History(16)
    for i, value in enumerate(values):
        history.append(i, value)
    steps, kept = history.since(0)
    assert kept.max() == max(values) and kept.min() == min(values)
    assert (np.diff(steps) > 0).all()
    assert len(history) <= 16


@given(
    st.lists(st.floats(width=32), max_size=100),
    st.lists(st.integers(0, 40), max_size=8),
)
def test_points_come_alone_or_together(values: list[float], cuts: list[int]) -> None:
    """The history is the same."""
    one, other = History(16), History(16)
    for step, value in enumerate(values):
        one.append(step, value)
    edges = [0, *sorted({min(cut, len(values)) for cut in cuts}), len(values)]
    for low, high in itertools.pairwise(edges):
        other.extend(range(low, high), values[low:high])
    assert one.generation == other.generation
    assert np.array_equal(one.since(0), other.since(0), equal_nan=True)


def test_a_capacity_that_is_no_multiple_of_four_is_refused_by_numpy() -> None:
    """At the first thinning at the latest; the default is one."""
    history = History()
    for i in range(8193):
        history.append(i, i)
    assert len(history) == 4097
    with pytest.raises(ValueError):
        odd = History(6)
        for i in range(7):
            odd.append(i, i)
