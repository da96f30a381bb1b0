"""The budget's arithmetic, on a clock that the tests tick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_plot.net.budget import HELD, UNWATCHED, Budget, due_at


def test_what_was_spent_must_be_earned_back() -> None:
    """At one percent, 1 ms takes 100 ms."""
    budget = Budget(0.01, now=5.0)
    assert budget.free_at(5.0) == 5.0
    budget.spend(0.001, 5.0)
    assert budget.free_at(5.0) == pytest.approx(5.1)
    assert budget.free_at(5.05) == pytest.approx(5.1)
    assert budget.free_at(5.2) == 5.2
    assert budget.spent == 0.001


def test_savings_end_with_a_second() -> None:
    """Idle hours buy no expensive minute."""
    budget = Budget(0.01, now=0.0)
    budget.spend(0.02, 3600.0)
    assert budget.free_at(3600.0) == pytest.approx(3601.0)


def test_a_budget_of_one_limits_nothing() -> None:
    """The whole time of the calculation is a lot."""
    budget = Budget(1.0, now=0.0)
    budget.spend(100.0, 1.0)
    assert budget.free_at(1.0) == 1.0


def test_a_clock_that_stands_earns_nothing() -> None:
    """Nor does one that goes back."""
    budget = Budget(0.1, now=10.0)
    budget.spend(0.1, 10.0)
    assert budget.free_at(9.0) >= 9.0
    assert budget.free_at(10.0) == pytest.approx(11.0, abs=1.1)


@given(
    st.floats(0.001, 0.999),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), max_size=30),
)
def test_who_waits_until_it_is_free_stays_within_the_share(
    share: float, costs: list[tuple[float, float]]
) -> None:
    """But for the savings of one second and the last expense."""
    budget = Budget(share, now=0.0)
    now = 0.0
    for cost, pause in costs:
        now = budget.free_at(now + pause)
        budget.spend(cost, now)
    now = budget.free_at(now)
    assert budget.spent <= share * (now + 1.0) + 1e-6


def test_a_viewer_that_waits_is_served_when_the_budget_allows() -> None:
    """Whatever was taken just before."""
    assert due_at(3.0, 2.999, waiting=True, watched=True) == 3.0


def test_a_snapshot_that_nobody_asked_for_keeps_its_distance() -> None:
    """50 ms while somebody watches, a second while nobody does; never too early."""
    assert due_at(1.0, 2.0, waiting=False, watched=True) == 2.0 + HELD
    assert due_at(1.0, 2.0, waiting=False, watched=False) == 2.0 + UNWATCHED
    assert due_at(9.0, 2.0, waiting=False, watched=False) == 9.0


def test_frames_keep_half_beside_what_never_waits() -> None:
    """However much that costs; all of it counts in what is shown."""
    budget = Budget(0.01, now=0.0)
    for second in range(1, 101):
        budget.spend_beside(1.0, float(second))
        assert budget.free_at(second) == second
        budget.spend(0.005, float(second))
    assert budget.spent == pytest.approx(100.5)
    budget.spend_beside(0.001, 101.0)  # what is cheap costs what it costs
    assert budget.free_at(101.0) == 101.0
    assert budget.free_at(101.0, 0.009) == pytest.approx(101.0, abs=1e-6)
