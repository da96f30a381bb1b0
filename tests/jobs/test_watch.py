"""The thread that looks after jobs."""

from __future__ import annotations

import threading

import pytest

from async_plot.jobs import watch

from ..helpers import eventually


class Job:
    """Counts how often it is looked at."""

    def __init__(self) -> None:
        self.glances = 0

    def glance(self) -> None:
        self.glances += 1

    def leave(self, error: BaseException | None) -> None:
        raise NotImplementedError

    def forked(self) -> None:
        raise NotImplementedError


def test_it_lives_as_long_as_there_is_a_job() -> None:
    """And comes again with the next one."""
    for _ in range(2):
        job = Job()
        watch.add(job)
        eventually(lambda: job.glances > 1)  # noqa: B023 - at once
        watch.remove(job)
        eventually(lambda: watch._thread is None)


def test_an_interrupt_of_its_start_is_made_good_by_the_next_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which finds a thread that never ran."""
    job = Job()

    def start(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(threading.Thread, "start", start)
        watch.add(job)
    watch.add(job)
    eventually(lambda: job.glances)
    watch.remove(job)
    eventually(lambda: watch._thread is None)
