"""The workers of a job: where their time goes, and what took longest."""

from __future__ import annotations

import itertools
from typing import Any

from async_plot.jobs.crew import Crew
from async_plot.jobs.desk import desk
from async_plot.jobs.parcels import Parcel

from .support import worker


def parcel(**changes: Any) -> Parcel:
    given: dict[str, Any] = {
        "state": "done",
        "performed": 1,
        "results": [],
        "faults": {},
        "slowest": [],
        "seat": "a.1",
        "pid": 17,
        "host": "elsewhere",
        "thread": "",
        "began": 1.0,
        "ended": 3.0,
        "init": 0.25,
        "worked": 1.5,
        "cpu": -1.0,
        "memory": 1e6,
        **changes,
    }
    return Parcel(**given)


def test_where_a_workers_time_went() -> None:
    """To start, to load, to wait, to work, to end."""
    crew = Crew("job", started=100.0)
    crew.take(parcel(), 103.0)
    # By another clock.
    more = parcel(began=3.5, ended=5.0, init=0.0, worked=1.0, performed=4)
    crew.take(more, 105.0)
    crew.end(106.0)
    insights = crew.insights()
    (told,) = insights.workers
    assert (told.worker, told.number, told.state) == ("a.1", 1, "ended")
    assert (told.startup, told.init, told.waiting) == (1.0, 0.25, 0.5)
    assert (told.working, told.ending, told.done) == (2.5, 1.0, 5)
    assert (told.cpu, told.memory) == (-1.0, 1e6)
    assert insights.done == 5 and insights.working == 2.5


def test_workers_are_numbered_as_they_come() -> None:
    """And named for people by process and machine."""
    crew = Crew("job", started=100.0)
    names = [crew.take(parcel(seat=f"b.{i}", pid=i), 103.0).name for i in (8, 9)]
    assert names == ["worker 1 (pid 8 on elsewhere)", "worker 2 (pid 9 on elsewhere)"]
    found = crew.find(9)
    assert found is not None and found.number == 2
    assert crew.find(10) is None
    crew.end(101.0)


def test_what_a_worker_reports_is_shown_until_its_chunk_is_back() -> None:
    """The task in hand, and how many of the chunk are done."""
    crew = Crew("job", started=100.0)
    member = crew.take(parcel(performed=10), 103.0)
    member.hear(worker(worker="a.1", state="working", counted=3, task=13, cpu=0.5))
    said = member.look(0.0)
    assert (said.state, said.task, said.done, said.cpu) == ("working", 13, 13, 0.5)
    crew.take(parcel(performed=5), 103.0)
    said = member.look(0.0)
    assert (said.state, said.task, said.done) == ("waiting", -1, 15)
    crew.end(101.0)


def test_the_slowest_of_all_workers() -> None:
    """Five of them, longest first."""
    crew = Crew("job", started=100.0)
    numbers = itertools.count()
    for seat in ("c.1", "c.2"):
        told = [(float(took), next(numbers), "x") for took in (5, 1, 4)]
        crew.take(parcel(seat=seat, slowest=told), 103.0)
    slowest = crew.record.look(0.0)
    assert slowest.seconds == [5.0, 5.0, 4.0, 4.0, 1.0]
    assert slowest.tasks == [3, 0, 5, 2, 4]
    assert slowest.numbers == [2, 1, 2, 1, 2]
    assert crew.record.least == 1.0
    crew.end(101.0)


def test_nothing_of_it_stays_on_the_desk() -> None:
    """Once the job is over."""
    before = set(desk._open)
    crew = Crew("job", started=100.0)
    crew.take(parcel(), 103.0)
    assert set(desk._open) > before
    crew.end(101.0)
    assert set(desk._open) == before
