"""Fixtures of the tests of jobs."""

from __future__ import annotations

import pytest
from loky.backend import resource_tracker


@pytest.fixture(scope="session", autouse=True)
def _resource_tracker_of_loky(_resource_tracker: None) -> None:
    """Start loky's helper now: it stays, and is no test's leak."""
    resource_tracker.ensure_running()
