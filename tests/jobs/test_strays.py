"""Chunks whose worker died before it could note them."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from async_plot.errors import WorkerDiedError
from async_plot.jobs import marks, strays
from async_plot.jobs.engines.pool import Pool
from async_plot.jobs.strays import Strays

from ..helpers import AMPLE
from .every import _as_in_a_script  # noqa: F401 - a fixture
from .pools import begin

LOOK = 0.05  # seconds


def looks(
    found: Strays, seconds: float, missing: set[int], died_at: float = 0.0
) -> list[int]:
    """What is lost in that time, from the instant 0 on."""
    times = [n * LOOK for n in range(round(seconds / LOOK))]
    return [chunk for now in times for chunk in found.look(now, missing, died_at)]


def test_a_chunk_is_revoked_before_it_is_lost() -> None:
    """After a second, and one look before."""
    revoked: list[int] = []
    found = Strays(revoked.append)
    assert not looks(found, 0.95, {7})
    assert not revoked
    assert found.look(1.0, {7}, 0.0) == [] and revoked == [7]
    assert found.look(1.05, {7}, 0.0) == [7]
    assert found.look(1.1, set(), 0.0) == []


def test_one_that_is_begun_in_the_last_moment_is_not_lost() -> None:
    """It is noted by then, or is refused by who has it."""
    found = Strays(lambda chunk: None)
    assert not looks(found, 1.05, {7})
    assert found.look(1.05, set(), 0.0) == []
    assert not looks(found, 0.9, {7})


def test_without_a_death_it_takes_longer() -> None:
    """Who has it may be very slow."""
    assert not looks(Strays(lambda chunk: None), 9.9, {7}, -math.inf)
    assert looks(Strays(lambda chunk: None), 10.2, {7}, -math.inf) == [7]


def test_one_that_was_taken_after_the_death_was_not_lost_with_it() -> None:
    """Its worker lives, and is slow."""
    found = Strays(lambda chunk: None)
    assert not looks(found, 0.2, set())
    times = [n * LOOK for n in range(4, 220)]
    lost = [now for now in times if found.look(now, {7}, 0.1)]
    assert lost and lost[0] > 10


def test_a_process_that_stood_still_concludes_nothing() -> None:
    """Not from two looks far apart."""
    found = Strays(pytest.fail)
    for now in (0, 60, 120):
        assert found.look(now, {7}, 0.0) == []


# -- in a pool ---------------------------------------------------------------------


class Late(Pool):
    """A pool whose first chunk is not begun at once.

    Parameters
    ----------
    first : callable
        Is called before it.
    """

    def __init__(self, pool: Any, first: Any) -> None:
        super().__init__(pool)
        self._first = first

    def submit(self, function: Any, /, *args: Any) -> Any:
        first, self._first = self._first, None
        if first is not None:
            function = partial(_after, first, function)
        return super().submit(function, *args)


def _after(first: Any, function: Any, *args: Any) -> Any:
    first()
    return function(*args)


def forked() -> Any:
    return multiprocessing.get_context("fork").Pool(2)


def test_what_a_worker_took_and_never_began_is_performed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By another one; each task once, and nobody waits for ever."""
    # Its death may be over before anybody has looked for the first time.
    monkeypatch.setattr(strays, "PATIENCE", (1.0, 1.0))
    with forked() as pool:
        engine = Late(pool, partial(os._exit, 9))
        results = begin(lambda n: -n, range(20), executor=engine, chunksize=1)
        assert list(results) == [-n for n in range(20)]
        assert results.insights.done == results.progress.done == 20
        assert results.failed == 0
        pool.close()
        pool.join()


class Deadly(Late):
    """One that performs nothing."""

    def submit(self, function: Any, /, *args: Any) -> Any:
        self._first = partial(os._exit, 9)
        return super().submit(function, *args)


def test_what_nobody_lives_to_begin_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some workers, with what is known of it."""
    monkeypatch.setattr(strays, "PATIENCE", (0.1, 0.2))
    with forked() as pool:
        results = begin(abs, [-1], executor=Deadly(pool, None))
        with pytest.raises(WorkerDiedError, match="before they could say") as caught:
            list(results)
        assert caught.value.task == 0


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + AMPLE
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_what_is_begun_too_late_is_not_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was given to another worker meanwhile: no task is performed twice."""
    monkeypatch.setattr(strays, "PATIENCE", (1.0, 1.0))
    go, performed = tmp_path / "go", tmp_path / "performed"

    def task(n: int) -> int:
        with performed.open("a") as file:
            file.write(f"{n}\n")
        return n

    with forked() as pool:
        engine = Late(pool, partial(_wait_for, go))
        results = begin(task, range(4), executor=engine, chunksize=1)
        assert list(results) == [0, 1, 2, 3]
        go.touch()
        pool.close()
        pool.join()  # the late one, too
    assert sorted(performed.read_text().split()) == ["0", "1", "2", "3"]


def test_workers_that_can_note_nothing_are_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they have in hand is not taken for lost, however long it takes."""
    monkeypatch.setattr(strays, "PATIENCE", (0.05, 0.05))
    monkeypatch.setattr(marks, "_own_cell", lambda marks: (None, None))
    with forked() as pool:  # they inherit it
        results = begin(
            lambda n: time.sleep(0.8) or n, range(2), executor=Pool(pool), chunksize=1
        )
        assert list(results) == [0, 1]
        assert results.failed == 0
        assert results.insights.done == 2
