"""The ledger: what the background thread asks, and what workers say to it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from async_plot import Client, Server
from async_plot.jobs import ledger as module
from async_plot.jobs.bars import Bar
from async_plot.jobs.desk import Desk
from async_plot.jobs.ledger import Ledger
from async_plot.net.chronicle import Chronicle
from async_plot.wire.messages import (
    Failure,
    Log,
    Message,
    Pace,
    Points,
    Progress,
    RunState,
    Worker,
)

from .support import Tally, bar, failure, job, worker


class Run:
    """A ledger that is looked at by hand."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.chronicle = Chronicle(lambda: None)
        self.ledger = Ledger(self.desk)
        self.rings = 0
        self.ledger.begin(self._ring, self.chronicle)
        self.now = 100.0

    def _ring(self) -> None:
        self.rings += 1

    def news(self, seconds: float = 0.1) -> list[Message]:
        self.now += seconds
        return self.ledger.news(self.now)

    def hear(self, number: int, message: Message) -> None:
        self.ledger.hear(number, message, self.now)

    def logs(self) -> list[str]:
        return [f"{m.name}: {m.text}" for m in self.chronicle.new_records()]


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.ledger.close()
    assert run.desk.readers == []


def test_a_bar_is_seen_by_a_client_to_its_exact_end() -> None:
    """From a count in the calculation to a message in a viewer."""
    with Server(view=None) as server:
        incoming = Client(server).messages()
        told: list[Progress] = []
        bars = iter(lambda: next(m for m in incoming if isinstance(m, Progress)), None)
        bar = Bar(10, desc="steps")
        told.append(next(bars))
        bar.update(3)
        told.append(next(bars))
        bar.update(7)
        bar.close()
        told.append(next(bars))
        incoming.close()
    assert [(m.done, m.state) for m in told] == [
        (0.0, "running"),
        (3.0, "running"),
        (10.0, "finished"),
    ]
    assert {m.desc for m in told} == {"steps"}


def test_it_is_looked_at_only_while_something_goes_on(run: Run) -> None:
    """Ten times a second, less often where nobody watches, else never."""
    ledger = run.ledger
    assert ledger.next_at(watched=True) == math.inf
    tally = Tally(run.desk)
    assert run.rings == 1
    assert ledger.next_at(watched=False) <= run.now, "a begin is told at once"
    run.news()
    assert ledger.next_at(watched=True) == run.now + module.EVERY
    assert ledger.next_at(watched=False) == run.now + module.UNWATCHED
    tally.close()
    assert run.rings == 2
    assert ledger.next_at(watched=False) == run.now + module.EVERY, "and so is an end"
    run.news()
    assert ledger.next_at(watched=True) == math.inf
    ledger.join(1)
    assert ledger.next_at(watched=False) == run.now + module.EVERY


def test_counting_is_a_sign_of_life(run: Run) -> None:
    """Looking is none."""
    tally = Tally(run.desk)
    run.news()
    before = run.ledger.signs
    run.news()
    assert run.ledger.signs == before
    tally.n += 1
    run.news()
    assert run.ledger.signs > before


def test_whoever_comes_late_is_told_how_all_stands(run: Run) -> None:
    """The newest of each bar and worker; nothing of what went out of sight."""
    run.ledger.join(1)
    run.hear(1, job(job="a.1"))
    run.hear(1, bar(bar="a.1", job="a.1", done=1.0))
    run.hear(1, bar(bar="a.1", job="a.1", done=2.0))
    run.hear(1, worker(worker="a.2", job="a.1"))
    run.hear(1, bar(bar="a.3", leave=False))
    run.hear(1, failure(job="a.1", task=7))
    assert len(run.news()) == 5
    run.hear(1, bar(bar="a.3", leave=False, state="finished"))
    run.news()
    kinds = sorted(type(m).__name__ for m in run.ledger.tail())
    assert kinds == ["Failure", "Job", "Progress", "Worker"]
    [seen] = [m for m in run.ledger.tail() if isinstance(m, Progress)]
    assert (seen.bar, seen.done) == ("a.1", 2.0)


def test_who_comes_late_is_told_how_long_it_takes_by_then(run: Run) -> None:
    """Not how long it had taken when something was done last."""
    ledger = Ledger(run.desk, lambda: run.now)
    ledger.begin(lambda: None, run.chronicle)
    ledger.join(1)
    ledger.hear(1, bar(bar="a.1", elapsed=10.0, remaining=30.0), run.now)
    ledger.hear(1, bar(bar="a.2", elapsed=1.0, remaining=math.inf), run.now)
    ledger.hear(1, bar(bar="a.3", elapsed=5.0, state="finished"), run.now)
    run.now += 25.0
    told = {m.bar: (m.elapsed, m.remaining) for m in ledger.tail()}  # type: ignore[attr-defined]
    assert told["a.1"] == (35.0, 5.0) and told["a.2"] == (26.0, math.inf)
    assert told["a.3"][0] == 5.0
    run.now += 25.0
    last = [m for m in ledger.end(RunState.FAILED, run.now) if isinstance(m, Progress)]
    assert {m.bar: m.elapsed for m in last if m.state == "failed"} == {
        "a.1": 60.0,
        "a.2": 51.0,
    }
    ledger.close()


def test_workers_speak_for_nobody_else(run: Run) -> None:
    """What a worker says of the calculation's bars, or another worker's, is refused."""
    own = Tally(run.desk)
    run.news()
    run.ledger.join(1)
    run.ledger.join(2)
    run.hear(1, bar(bar="a.1"))
    run.hear(2, bar(bar=own.key, done=99.0))
    run.hear(2, bar(bar="a.1", done=99.0))
    run.hear(2, failure(job="a.1"))
    run.hear(2, failure(job=own.key))
    run.hear(2, bar(bar="b.1"))
    run.hear(2, bar(bar="c.1"))
    assert [m.bar for m in run.news() if isinstance(m, Progress)] == ["a.1", "b.1"]
    assert all(m.done != 99.0 for m in run.ledger.tail() if isinstance(m, Progress))
    assert [text for text in run.logs() if "not its own" in text] != []
    own.close()


def test_a_report_goes_to_a_job_of_this_process_alone(run: Run) -> None:
    """It is the job that says how its workers stand."""
    key, heard = run.desk.new_key(), list[Worker]()
    run.desk.follow(key, heard.append)
    run.ledger.join(1)
    run.hear(1, worker(worker="a.1", job=key, counted=5))
    run.hear(1, worker(worker="a.2", job="elsewhere.1"))
    assert [m.counted for m in heard] == [5]
    assert [m.worker for m in run.news() if isinstance(m, Worker)] == ["a.2"]


def test_what_a_worker_says_is_bounded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In length, in number, and in what is a number."""
    monkeypatch.setattr(module, "BARS", 3)
    run.ledger.join(1)
    run.hear(1, bar(bar="a.0", desc=10**6 * "x", done=math.nan, place=[1] * 1000))
    [seen] = [m for m in run.news() if isinstance(m, Progress)]
    assert len(seen.desc) < 1000
    assert seen.done == 0.0
    assert len(seen.place) < 100
    for number in range(1, 10):
        run.hear(1, bar(bar=f"a.{number}"))
    assert len(run.news()) == 2
    assert [text for text in run.logs() if "more than 3 bars" in text] != []


def test_logs_and_points_carry_the_workers_number(run: Run) -> None:
    """Also those said before its job has numbered it."""
    key = run.desk.new_key()
    run.desk.follow(key, lambda message: None)
    run.ledger.join(1)
    run.hear(1, Points("a.1", math.nan, ["loss", "x"], [0.5, 1.0]))
    run.hear(1, Log(0.0, 30, "solver", "diverges"))
    run.news(0.0)
    assert run.logs() == []
    run.hear(1, worker(worker="a.1", job=key))

    class Numbered(Tally):
        def look(self, now: float) -> Worker:  # type: ignore[override]
            return worker(worker="a.1", job=key, number=3)

    Numbered(run.desk)
    run.news(0.0)
    assert run.logs() == ["solver (worker 3): diverges"]
    run.chronicle.absorb()
    names = [m.name for m in run.chronicle.scalars({})]  # type: ignore[union-attr]
    assert names == ["loss (worker 3)", "x (worker 3)"]


def test_many_workers_report_less_often(run: Run) -> None:
    """All together as often as few can; each is told when it is many more."""
    [first] = run.ledger.join(1)
    assert isinstance(first, Pace)
    for number in range(2, 513):
        run.ledger.join(number)
    orders = run.ledger.orders()
    assert 1 in orders
    assert 512 not in orders, "it has been told when it came"
    for pace in orders.values():
        assert isinstance(pace, Pace)
        assert 512 / pace.seconds <= module.RATE
    assert run.ledger.orders() == {}


def test_a_flood_of_failures_is_told_in_part(run: Run) -> None:
    """The first ones at once, then the newest now and then; late viewers as well."""
    run.ledger.join(1)
    for task in range(1000):
        run.hear(1, failure(job="a.1", task=task))
    told = [m.task for m in run.news() if isinstance(m, Failure)]
    assert told == [*range(100), 999]
    late = [m.task for m in run.ledger.tail() if isinstance(m, Failure)]
    assert late == [*range(100), *range(900, 1000)]


def test_bars_of_a_worker_that_left_end_unless_it_comes_back(run: Run) -> None:
    """A while later: a connection that broke is made again."""
    run.ledger.join(1)
    run.hear(1, bar(bar="a.1"))
    run.ledger.join(2)
    run.hear(2, bar(bar="b.1"))
    run.news()
    run.ledger.leave(1)
    run.ledger.leave(2)
    run.ledger.join(3)
    run.hear(3, bar(bar="b.1", done=5.0))
    run.ledger._cut["a.1"] = run.now
    seen = run.news(1.0)
    assert [m.bar for m in seen if isinstance(m, Progress)] == ["b.1"]
    [end] = [m for m in run.news(module.GRACE + 1) if isinstance(m, Progress)]
    assert (end.bar, end.state) == ("a.1", "stopped")
    assert run.news() == []


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (RunState.FINISHED, "stopped"),
        (RunState.INTERRUPTED, "interrupted"),
        (RunState.FAILED, "failed"),
    ],
)
def test_what_still_goes_on_ends_as_the_run_does(
    run: Run, state: RunState, shown: str
) -> None:
    """Bars as well as workers; nothing runs in the record of a run that has ended."""
    Tally(run.desk)
    run.ledger.join(1)
    run.hear(1, worker(worker="a.1", job="elsewhere.1", state="working"))
    last = run.ledger.end(state, run.now)
    assert [m.state for m in last if isinstance(m, Progress)][-1] == shown
    assert [m.state for m in last if isinstance(m, Worker)][-1] == "ended"
    told = {m.state for m in run.ledger.tail() if isinstance(m, (Progress, Worker))}
    assert told == {shown, "ended"}


def test_failures_are_counted_of_so_many_jobs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may name as many as it likes."""
    monkeypatch.setattr(module, "COUNTED", 3)
    run.ledger.join(1)
    for number in range(20):
        run.hear(1, failure(job=f"w.{number}"))
    assert len(run.ledger._told) == 3


def test_two_bars_at_one_place_are_told_once(run: Run) -> None:
    """Of those that go on at the same time; rows alone are often wanted twice."""
    run.ledger.join(1)

    def place(name: str, *where: int, state: str = "running") -> list[str]:
        told = bar(bar=name, place=list(where), state=state)
        run.hear(1, told)
        return [each.text for each in run.chronicle.new_records()]

    assert not place("a.1", 0, 3)
    assert not place("a.1", 0, 3)
    assert not place("a.2", 3, 3)
    assert not place("a.3", 3) + place("a.4", 3)
    assert not place("a.2", 3, 3, state="finished")
    assert not place("a.5", 3, 3)
    [line] = place("a.6", 0, 3)
    assert "column 0 and row 3" in line
    assert not place("a.7", 0, 3)
