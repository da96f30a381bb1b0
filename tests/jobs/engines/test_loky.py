"""Processes of our own: made for a job, and kept for the next."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from async_plot.jobs.engines import choose, loky

from ...helpers import eventually
from ..pools import begin


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    loky.end_idle()
    yield
    loky.end_idle()


def test_they_are_kept_for_the_next_job() -> None:
    """And ended when they are told to, or have nothing to do for long."""
    first = set(begin(lambda _: os.getpid(), range(20), workers=1))
    second = set(begin(lambda _: os.getpid(), range(20), workers=1))
    assert first == second and os.getpid() not in first
    (engines,) = (found for found in loky._idle.values() if found)
    (process,) = engines[0].processes()
    loky.end_idle()
    assert process.exitcode is not None


def test_a_job_that_is_left_ends_its_own() -> None:
    """Its tasks may run for ever."""
    results = begin(
        lambda x: time.sleep(3600 * x), itertools.count(), workers=1, chunksize=1
    )
    iterator = iter(results)
    next(iterator)
    (process,) = results._job.engine.processes()
    job = results._job
    del results, iterator
    eventually(lambda: process.exitcode is not None)
    eventually(lambda: job.state == "stopped")
    assert not any(loky._idle.values())


def test_there_are_no_more_than_chunks() -> None:
    """Others would never have anything to do, also if they were asked for."""
    assert choose(None, None, 1).workers == choose(None, 3, 1).workers == 1
    assert choose(None, 3, 8).workers == choose(None, 3, None).workers == 3
    assert choose(None, 3, 0).workers == 1
    assert choose(None, None, None).workers >= 1


@pytest.mark.parametrize(("chunksize", "made"), [(None, 4), (2, 2), (5, 1)])
def test_a_job_says_how_many_chunks_there_are(
    monkeypatch: pytest.MonkeyPatch, chunksize: int | None, made: int
) -> None:
    """By its tasks and how many of them go together."""
    asked: list[Any] = []
    monkeypatch.setattr(
        loky, "own", lambda workers, chunks: asked.append(chunks) or loky.Own(1)
    )
    results = begin(abs, range(-4, 0), workers=40, chunksize=chunksize)
    assert list(results) == [4, 3, 2, 1]
    assert asked == [made]


def test_without_loky(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would bring it, and what to use else, is told."""
    monkeypatch.setitem(sys.modules, "loky", None)
    with pytest.raises(ImportError, match=r"async_plot\[jobs\].*ProcessPoolExecutor"):
        begin(abs, [1])


def test_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at once; loky would fail with an AttributeError, or break."""
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(RuntimeError, match=r"stdout or stderr is closed.*/dev/null"):
        begin(abs, [1])
