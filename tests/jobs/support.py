"""What tests of jobs need: a source, a clock, messages of workers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from async_plot.jobs.desk import Desk
from async_plot.wire.messages import Failure, Job, Progress, Worker

from ..wire.samples import SAMPLES

__all__ = ["Tally", "bar", "failure", "job", "worker"]


class Tally:
    """The simplest source: a number."""

    def __init__(self, desk: Desk, **options: Any) -> None:
        self.key = desk.new_key()
        self.n = 0
        self.ended = False
        self._desk = desk
        self._options = options
        desk.add(self)

    def close(self) -> None:
        self.ended = True
        self._desk.remove(self)

    def mark(self) -> Hashable:
        return self.n, self.ended

    def look(self, now: float) -> Progress:
        state = "finished" if self.ended else "running"
        options = {"worker": "", "job": "", "leave": True, "failed": 0} | self._options
        return bar(bar=self.key, done=float(self.n), state=state, **options)


def bar(**changes: Any) -> Progress:
    sample = SAMPLES[Progress]
    assert isinstance(sample, Progress)
    return replace(sample, **{"state": "running", **changes})


def worker(**changes: Any) -> Worker:
    sample = SAMPLES[Worker]
    assert isinstance(sample, Worker)
    return replace(sample, **changes)


def job(**changes: Any) -> Job:
    sample = SAMPLES[Job]
    assert isinstance(sample, Job)
    return replace(sample, **changes)


def failure(**changes: Any) -> Failure:
    sample = SAMPLES[Failure]
    assert isinstance(sample, Failure)
    return replace(sample, **changes)
