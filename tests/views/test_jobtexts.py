"""Jobs as text: for a click, and for views that only write."""

from __future__ import annotations

from async_plot.views.jobtexts import act, failure_line, words
from async_plot.views.strip import StripState
from async_plot.views.strip import words as strip_words

from .said import CASES, EIGHT, NOW, SLOWEST, bar, failure, heard, job, worker


def lines(case: str) -> list[str]:
    """The text, line by line."""
    pieces, _ = words(CASES[case], NOW)
    text = "".join("\n" if kind == "line" else f" {text}" for text, kind in pieces)
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_a_job_is_one_line_and_its_newest_failure_another() -> None:
    """With all that the strip says in short."""
    job_line, failed = lines("512 workers")
    assert job_line.startswith("samples 1\u2009234 / 10\u2009000 12 % 16.4 /s")
    assert "512 workers" in job_line and "2 died" in job_line
    assert failed.startswith("▲ LinAlgError: Singular matrix  task 9 on worker 2")


def test_bars_inside_are_indented_with_their_worker() -> None:
    """One line each."""
    told = lines("bars inside")
    assert "1: epochs 4 / 10" in told[1] and "1: batches" in told[2]


def test_the_failures_are_the_whole_text() -> None:
    """A traceback of the run itself goes before."""
    _, whole = words(CASES["troubled"], NOW)
    assert "Singular matrix" in whole and "x must be positive" in whole
    state = StripState(name="n", state="running", jobs=CASES["troubled"])
    assert strip_words(state, NOW)[1] == whole
    state.state, state.state_text = "failed", "Traceback\n  KeyError"
    assert strip_words(state, NOW)[1] == "Traceback\n  KeyError"


def test_failures_of_one_place_are_told_together() -> None:
    """By their tasks, which are many; the trace stands there once."""
    jobs = heard(job(), bar(), *(failure(k) for k in range(80)))
    told = act(jobs, "failures j 0", NOW)
    assert told is not None
    title, text = told
    assert title == "samples: 80 tasks failed"
    assert text.count("Traceback") == 1 and "0, 1, 2, 3" in text and "..." in text
    assert "called with x=7.9" in text


def test_what_is_not_kept_of_the_failures_is_said() -> None:
    """How many there were stands in the bar."""
    jobs = heard(job(), bar(failed=1000), failure(9))
    told = act(jobs, "failures j 0", NOW)
    assert told is not None and "Of 1000 failures 1 are kept." in told[1]


def test_long_texts_are_cut() -> None:
    """A window with a gigabyte of tracebacks helps nobody."""
    long = [failure(k, trace=f"{k}\n" + 90_000 * "x", kind=f"E{k}") for k in range(9)]
    told = act(heard(job(), bar(), *long), "failures j 0", NOW)
    assert told is not None and len(told[1]) <= 200_001


def test_a_failure_on_one_line() -> None:
    """Of which task, on which worker, with what; as far as that is known."""
    assert failure_line(failure(9)) == (
        "LinAlgError: Singular matrix  task 9 on worker 2 (x=0.9)"
    )
    bare = failure(9, number=0, argument="", text="")
    assert failure_line(bare) == "LinAlgError  task 9"


def test_insights_tell_all_slow_tasks_and_each_worker() -> None:
    """In tables."""
    told = act(heard(job(), bar(), *EIGHT, SLOWEST), "insights j", NOW)
    assert told is not None
    text = told[1]
    assert all(f"task {task} " in text for task in SLOWEST.tasks)
    assert "x=0.51, seed=3" in text and "worker 3" in text
    rows = text.partition("Each worker")[2].strip().splitlines()
    assert len(rows) == 9 and rows[1].split()[:2] == ["1", "151"]


def test_a_worker_tells_how_it_died() -> None:
    """With its last task, and its argument."""
    seat = worker(4, state="died", text="killed by SIGKILL: out of memory")
    told = act(heard(job(), bar(), seat), "worker w4", NOW)
    assert told is not None
    title, text = told
    assert title == "Worker 4" and "out of memory" in text and "x=0.68" in text
