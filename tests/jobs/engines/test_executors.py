"""Pools of the standard library, and what of them is left after Ctrl-C."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import loky
import pytest

from async_plot.jobs.engines import executors
from async_plot.jobs.engines.loky import Loky

from ...helpers import AMPLE, eventually
from .chunks import choke


def test_its_own_thread_ends_with_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The interpreter's exit would wake it by a pipe that it closes just then."""
    monkeypatch.setattr(executors, "_ENDS", AMPLE)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        engine = executors.Processes(pool)
        engine.submit(time.sleep, 3600)
        manager = pool._executor_manager_thread
        assert manager is not None
        engine.interrupt()
        assert not manager.is_alive()


@pytest.mark.parametrize("kind", ["processes", "loky"])
def test_half_a_result_does_not_keep_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted while one comes, it waits for no rest; nor does its owner."""
    monkeypatch.setattr(executors, "_ENDS", AMPLE)
    pool: Any = loky.ProcessPoolExecutor(1)
    engine: executors.Processes = Loky(pool)
    if kind == "processes":
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
        engine = executors.Processes(pool)
    with pool:
        engine.submit(choke, True)
        reader = pool._result_queue._reader
        manager = pool._executor_manager_thread
        eventually(lambda: manager.ident in reading(), what="its reading")
        assert not reader.closed
        engine.interrupt()
        eventually(lambda: not manager.is_alive())


def reading() -> set[int]:
    """The threads that wait for the bytes of a message."""
    frames = sys._current_frames().items()
    return {ident for ident, frame in frames if frame.f_code.co_name == "_recv"}
