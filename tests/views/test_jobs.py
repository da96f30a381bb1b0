"""What is known of jobs: in any order, again after a cut, bounded, gone when done."""

from __future__ import annotations

import dataclasses
import random

import pytest

from async_plot.views import jobs as module
from async_plot.views.jobs import Jobs
from async_plot.wire.messages import Message, Welcome

from ..wire.samples import SAMPLES
from .said import (
    EIGHT,
    NOW,
    SLOWEST,
    WALL,
    bar,
    failure,
    heard,
    inner,
    job,
    loop,
    worker,
)

WELCOME = SAMPLES[Welcome]


def titles(jobs: Jobs, now: float = NOW) -> list[str]:
    return [shown.title for shown in jobs.shown(now)]


def insides(jobs: Jobs, now: float = NOW) -> list[tuple[int, str, str]]:
    return [
        (depth, label, each.told.desc)
        for shown in jobs.shown(now)
        for depth, label, each in shown.inner
    ]


def test_any_order_tells_the_same() -> None:
    """Of the messages of a job each may come first."""
    messages: list[Message] = [
        job(),
        bar(),
        *EIGHT,
        inner("e1", 1, 4, 10, "epochs"),
        inner("b1", 1, 30, 50, "batches", parent="e1"),
        failure(9),
        SLOWEST,
    ]
    told = heard(*messages).shown(NOW)
    for seed in range(5):
        random.Random(seed).shuffle(messages)
        (shown,) = heard(*messages).shown(NOW)
        assert shown.title == "samples" and shown.failed == 1
        assert shown.crew == told[0].crew and shown.slowest == SLOWEST
        names = [(depth, each.told.desc) for depth, _, each in shown.inner]
        assert names == [(1, "epochs"), (2, "batches")]


def test_other_messages_are_passed_over() -> None:
    """A view hands on what it likes."""
    jobs = Jobs()
    for kind, message in SAMPLES.items():
        before = jobs.revision
        jobs.hear(message, NOW, WALL)
        known = kind in (*module.HEARD, Welcome)
        assert (jobs.revision != before) == known, kind


def test_a_bar_inside_of_another_is_gone_when_it_is_done() -> None:
    """In the calculation, and in a worker; what nobody wants left is gone, too."""
    jobs = heard(
        loop("a", 1, 9, "outer"),
        loop("b", 1, 9, "middle", parent="a"),
        loop("c", 1, 9, "inner", parent="b", leave=False),
    )
    assert titles(jobs) == ["outer"]
    assert insides(jobs) == [(1, "", "middle"), (2, "", "inner")]
    done = loop("c", 9, 9, "inner", parent="b", leave=False, state="finished")
    jobs.hear(done, NOW, WALL)
    jobs.hear(loop("b", 9, 9, "middle", parent="a", state="finished"), NOW, WALL)
    assert insides(jobs) == []
    jobs.hear(loop("a", 9, 9, "outer", leave=False, state="finished"), NOW, WALL)
    assert titles(jobs) == [] and not jobs


def test_a_worker_that_ends_takes_its_bars_along() -> None:
    """It will not say that they have ended."""
    jobs = heard(job(), bar(), worker(1), inner("e", 1, 4, 10, "epochs"))
    assert insides(jobs) == [(1, "1", "epochs")]
    jobs.hear(worker(1, state="died", text="killed"), NOW, WALL)
    assert insides(jobs) == []


def test_of_what_has_ended_the_last_is_shown() -> None:
    """While others go on, for a moment; then for as long as nothing else begins."""
    jobs = heard(loop("a", 1, 9, "first"), loop("b", 1, 9, "second"))
    jobs.hear(loop("a", 9, 9, "first", state="finished"), NOW, WALL)
    assert titles(jobs, NOW) == ["first", "second"]
    assert titles(jobs, NOW + 60) == ["second"]
    jobs.hear(loop("b", 9, 9, "second", state="finished"), NOW + 60, WALL)
    assert titles(jobs, NOW + 1e6) == ["second"]


def test_the_last_job_is_shown_beside_the_last_loop() -> None:
    """Its failures are still to be read."""
    jobs = heard(
        job(),
        bar(),
        loop("b", 1, 9, "loop"),
        bar(state="failed", failed=1),
        failure(9),
        loop("b", 9, 9, "loop", state="finished"),
    )
    assert titles(jobs, NOW + 60) == ["samples", "loop"]


def test_a_late_view_shows_only_the_last_of_what_had_ended() -> None:
    """All the others ended before it came."""
    many = [loop(f"b{k}", 9, 9, f"loop {k}", state="finished") for k in range(50)]
    jobs = heard(*many, loop("c", 1, 9, "now"))
    assert titles(jobs) == ["now"]
    assert titles(heard(*many)) == ["loop 49"]


def test_a_job_inside_of_a_loop_keeps_its_workers_in_sight() -> None:
    """It stands below the loop, with all that belongs to it."""
    jobs = heard(loop("a", 1, 9, "epochs"), job(), bar(parent="a"), *EIGHT)
    assert titles(jobs) == ["epochs", "samples"]
    assert len(jobs.shown(NOW)[1].crew.seats) == 8


def test_a_bar_of_a_worker_that_nobody_knows_stands_by_itself() -> None:
    """One that an engine of the user's own has begun, for example."""
    assert titles(heard(inner("e", 1, 4, 10, "epochs", job=""))) == ["epochs"]


def test_bars_that_lie_about_where_they_are_are_shown_or_not() -> None:
    """A circle of parents is followed once."""
    jobs = heard(
        loop("a", 1, 9, "a", parent="b"),
        loop("b", 1, 9, "b", parent="a"),
        loop("c", 1, 9, "c", parent="c"),
        *(loop(f"d{k}", 1, 9, "d", parent=f"d{k - 1}") for k in range(200)),
    )
    assert "c" in titles(jobs)
    assert len(insides(jobs)) <= 2 + module.DEPTH


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("finished", "stopped"),
        ("interrupted", "interrupted"),
        ("failed", "failed"),
        ("lost", "lost"),
        ("running", "running"),
        ("replay", "running"),
    ],
)
def test_what_ran_at_the_end_has_ended_as_the_run_did(end: str, state: str) -> None:
    """Nobody said so for each bar: the run was killed, for example."""
    jobs = heard(job(), bar(), *EIGHT, end=end)
    (shown,) = jobs.shown(NOW)
    assert shown.state == state
    assert jobs.moves(NOW) == (state == "running")


def test_a_failure_that_is_told_again_is_the_same() -> None:
    """As after a cut; how many failed is known from the bar, too."""
    jobs = heard(job(), bar(), failure(9), failure(9), failure(12))
    (shown,) = jobs.shown(NOW)
    assert shown.failed == 2 and len(shown.failures.kept) == 2
    jobs.hear(bar(failed=500), NOW, WALL)
    assert jobs.shown(NOW)[0].failed == 500


def test_of_many_failures_the_first_and_the_newest_are_kept() -> None:
    """And counted."""
    jobs = heard(job(), bar(), *(failure(k) for k in range(1000)))
    (shown,) = jobs.shown(NOW)
    kept = [each.task for each in shown.failures.kept]
    assert kept == [*range(100), *range(900, 1000)] and shown.failed == 1000


def test_after_a_cut_what_is_not_told_again_is_gone() -> None:
    """It has ended meanwhile; what goes on is told at once."""
    jobs = heard(
        loop("a", 1, 9, "ended meanwhile"),
        job(),
        bar(),
        *EIGHT,
        inner("e", 1, 4, 10, "epochs"),
    )
    jobs.end("lost")
    jobs.hear(WELCOME, NOW, WALL)
    jobs.end("running")
    for message in (job(), bar(done=2000), *EIGHT[:7]):
        jobs.hear(message, NOW + 0.1, WALL)
    assert len(titles(jobs, NOW + 0.2)) == 2  # it may still come
    (shown,) = jobs.shown(NOW + 60)
    assert shown.title == "samples" and len(shown.crew.seats) == 7
    assert not shown.inner


def test_a_replay_that_goes_back_knows_nothing() -> None:
    """But what somebody has folded up."""
    jobs = heard(job(), bar(), *EIGHT, failure(9), unfolded=True, live=False)
    jobs.forget()
    assert not jobs and titles(jobs) == []
    assert jobs.folds == {"samples": True} and not jobs.live


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a calculation says, for however long."""
    for name, most in (("JOBS", 20), ("BARS", 200), ("ENDED", 25), ("WORKERS", 100)):
        monkeypatch.setattr(module, name, most)
    jobs = Jobs()
    for k in range(3 * module.JOBS):
        key = f"j{k}"
        for message in (
            job(key),
            bar(key, state="finished"),
            failure(1, job=key),
            dataclasses.replace(SLOWEST, job=key),
            worker(k, job=key, state="ended"),
        ):
            jobs.hear(message, NOW + k, WALL)
    for k in range(2 * module.WORKERS):
        jobs.hear(worker(k, job="x"), NOW, WALL)
    for k in range(2 * module.BARS):
        jobs.hear(loop(f"b{k}", 1, 2, "loop"), NOW, WALL)
        jobs.fold(f"loop {k}", True)
    for k in range(1000):
        jobs.hear(loop(f"e{k}", 2, 2, "loop", state="finished"), NOW, WALL)
    assert len(jobs._known) <= module.JOBS
    assert len(jobs._bars) <= module.BARS
    assert len(jobs._seats) <= module.WORKERS
    assert max(len(jobs._failures), len(jobs._slowest)) <= 2 * module.JOBS
    assert len(jobs.folds) <= module.JOBS
    assert jobs.shown(NOW)


def test_a_task_is_in_hand_since_it_was_begun() -> None:
    """On the view's clock, whatever the worker's says."""
    jobs = heard(job(), bar(), worker(1, since=WALL - 5))
    seat = jobs.seat("w1")
    assert seat is not None and seat.since == pytest.approx(NOW - 5)
    # The same task, told again later.
    jobs.hear(worker(1, since=WALL - 5, counted=3), NOW + 2, WALL + 2)
    seat = jobs.seat("w1")
    assert seat is not None and seat.since == pytest.approx(NOW - 5)
    # Another one, by a clock that is an hour slow, and by one that is fast.
    for wrong in (-3600.0, 3600.0):
        jobs.hear(worker(1, task=5, since=WALL + wrong), NOW + 4, WALL + 4)
        seat = jobs.seat("w1")
        assert seat is not None and NOW < seat.since <= NOW + 4


def test_threads_of_one_process_are_summed_up_once() -> None:
    """What a process uses is told by each of its threads."""
    threads = [worker(n, pid=7, thread=f"t{n}", cpu=1.5, memory=1e8) for n in (1, 2)]
    (shown,) = heard(job(), bar(), *threads).shown(NOW)
    assert shown.crew.cores == 1.5 and shown.crew.memory == 1e8
    unknown = [worker(n, cpu=-1.0, memory=-1.0) for n in (1, 2)]
    (shown,) = heard(job(), bar(), *unknown).shown(NOW)
    assert shown.crew.cores == shown.crew.memory == -1


def test_who_has_a_task_for_longest_is_known() -> None:
    """Of those that have one."""
    waiting = worker(9, state="waiting", task=-1, since=WALL - 900)
    (shown,) = heard(job(), bar(), *EIGHT, waiting).shown(NOW)
    longest = shown.crew.longest
    assert longest is not None and longest.told.number == 3


def test_time_goes_on_between_two_messages() -> None:
    """Of a task of minutes nothing new is told, and the view's clock still runs."""
    jobs = heard(job(), bar(remaining=60.0, elapsed=10.0))
    (shown,) = jobs.shown(NOW)
    assert shown.bar is not None
    assert shown.bar.remaining(NOW + 20) == 40
    assert shown.bar.remaining(NOW + 100) == 0
    assert shown.bar.elapsed(NOW + 20) == 30


def test_workers_that_others_have_replaced_are_out_of_sight() -> None:
    """Their time counts; after the end all are shown."""
    jobs = heard(job(), bar(), worker(1, state="ended"), worker(2))
    (shown,) = jobs.shown(NOW)
    assert [seat.told.number for seat in shown.crew.seats] == [2]
    assert shown.crew.times["working"] == 140
    jobs.hear(worker(2, state="ended"), NOW, WALL)
    assert len(jobs.shown(NOW)[0].crew.seats) == 2


def test_the_record_of_a_run_that_was_killed_tells_nothing_older() -> None:
    """It is told after the end, and was written seconds before."""
    jobs = heard(job(), bar(), *EIGHT, inner("e", 1, 4, 10, "epochs"))
    jobs.hear(WELCOME, NOW, WALL)
    older = [bar(done=900, elapsed=70.0), *(worker(n, done=1) for n in range(1, 7))]
    for message in [job(), *older]:
        jobs.hear(message, NOW, WALL)
    jobs.end("lost")
    (shown,) = jobs.shown(NOW + 60)
    assert shown.bar is not None and shown.bar.told == bar()
    assert [seat.told for seat in shown.crew.seats] == EIGHT
    assert len(shown.inner) == 1


def test_a_bar_of_a_process_of_no_job_stays() -> None:
    """It is named with its process, and is in sight when both have ended."""
    jobs = Jobs()
    process = worker(worker="p.1", job="", number=0, pid=77, state="working")
    own = bar(bar="p.2", worker="p.1", job="", parent="", desc="cells", leave=True)
    jobs.hear(process, 0.0, 0.0)
    jobs.hear(own, 0.0, 0.0)
    assert [each.title for each in jobs.shown(0.0)] == ["cells (77)"]
    jobs.hear(dataclasses.replace(own, state="finished"), 1.0, 0.0)
    going = bar(bar="p.3", worker="p.1", job="", parent="", desc="more", leave=True)
    jobs.hear(going, 1.0, 0.0)
    jobs.hear(dataclasses.replace(process, state="ended"), 1.0, 0.0)
    assert [each.title for each in jobs.shown(1.0)] == ["cells (77)"]
