"""Fixtures of the tests of jobs."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from loky.backend import resource_tracker

from async_plot.jobs.desk import desk

from ..helpers import eventually


@pytest.fixture(scope="session", autouse=True)
def _resource_tracker_of_loky(_resource_tracker: None) -> None:
    """Start loky's helper now: it stays, and is no test's leak."""
    resource_tracker.ensure_running()


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    """Fail the test that leaves something to be told, and not one after it."""
    yield

    def empty() -> bool:
        return not (desk._open or desk.readers) or not (
            gc.collect() >= 0 and (desk._open or desk.readers)
        )

    try:
        eventually(empty, 20.0)
    except AssertionError:
        left = [*(type(e.source).__name__ for e in desk._open.values()), *desk.readers]
        desk._begin()
        pytest.fail(f"left on the desk: {left}")
    # What later tests begin would belong to that worker and run, and not be told.
    seat = {name: value for name, value in vars(desk.seat).items() if value}
    vars(desk.seat).clear()
    assert not seat, "this thread was left in a seat"
