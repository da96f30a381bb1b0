"""Pools of the standard library, and what of them is left after Ctrl-C."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from async_plot.jobs.engines import executors

from ...helpers import AMPLE


def test_its_own_thread_ends_with_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The interpreter's exit would wake it by a pipe that it closes just then."""
    monkeypatch.setattr(executors, "_PATIENCE", AMPLE)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        engine = executors.Processes(pool)
        engine.submit(time.sleep, 3600)
        manager = pool._executor_manager_thread
        assert manager is not None
        engine.interrupt()
        assert not manager.is_alive()
