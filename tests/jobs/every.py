"""What the tests over all engines have in common."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from multiprocessing import forkserver

import pytest

__all__ = ["_as_in_a_script"]


@pytest.fixture(autouse=True)
def _as_in_a_script() -> Iterator[None]:
    """Have SIGTERM end processes that are forked here, and the fork server end.

    A handler in Python, as the one of our tests, is lost on a child just being made;
    a pool that tells it to end then waits for it for ever.
    """
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, handler)
    forkserver._forkserver._stop()
