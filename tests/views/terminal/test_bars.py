"""Jobs as lines of cells: whatever a run says, and however wide the terminal is."""

from __future__ import annotations

import pytest

from async_plot.views.jobs import Jobs
from async_plot.views.terminal import bars, ink

from .support import failure, job, progress, worker

NOW = 100.0
WIDTHS = [1, 2, 5, 11, 20, 40, 80, 133, 300]


def told(*messages: object, now: float = NOW) -> Jobs:
    jobs = Jobs()
    for message in messages:
        jobs.hear(message, now, 1e9)  # type: ignore[arg-type]
    return jobs


def text(jobs: Jobs, width: int = 110) -> str:
    lines = [ink.line(each.draw(width), width) for each in bars.items(jobs, NOW)]
    assert all(line.cell_length == width for line in lines)
    assert all(ink.measure(line.text) == width for line in lines)
    return "\n".join(line.text.rstrip() for line in lines)


def sweep(**fields: object) -> Jobs:
    return told(
        job(),
        progress("j1", job="j1", desc="sweep", failed=2, **fields),
        worker(),
        worker("w2", number=2, state="waiting", task=-1, argument=""),
        progress("b2", job="j1", worker="w1", desc="inner steps", done=25.0),
        failure(3),
        failure(4),
    )


def test_a_job_with_its_workers_failures_and_bars() -> None:
    """In their order, each on a line; a worker's own bar stands below it."""
    lines = text(sweep()).splitlines()
    assert "▾ sweep" in lines[0] and "50 / 100" in lines[0] and "2 failed" in lines[0]
    assert "▲ 2\N{MULTIPLICATION SIGN} ValueError: it diverges" in lines[1]
    assert "2 workers" in lines[2]
    assert "● 1   task 7  x=0.3" in lines[3] and "98 % cpu" in lines[3]
    assert "inner steps" in lines[4] and "25 %" in lines[4]
    assert "● 2   waiting" in lines[5]
    assert "solve  solver.py:12  called at main.py:3" in lines[-1]


def test_a_job_that_has_ended_is_folded_up() -> None:
    """Its failures stay in sight."""
    lines = text(sweep(state="finished")).splitlines()
    assert "▸ sweep" in lines[0]
    assert [line for line in lines if "●" in line] == []
    assert "▲" in lines[1]


@pytest.mark.parametrize("width", WIDTHS)
def test_each_line_is_as_wide_as_the_terminal(width: int) -> None:
    """Wide, combining and control characters do not break it."""
    nasty = "\x1b[31m漢字\u0301 e\u0301\t\x9b2J\u202e\u200d x" * 9
    jobs = told(
        job(desc=nasty, function=nasty, call=nasty),
        progress("j1", job="j1", desc=nasty, postfix=nasty, unit=nasty),
        worker(argument=nasty, text=nasty),
        failure(3, text=nasty, argument=nasty),
    )
    shown = text(jobs, width)
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in shown)
    assert "\u202e" not in shown


def test_what_another_library_writes_is_text_alone() -> None:
    """A bar without a total and a name, whose text is a bar already."""
    jobs = told(progress("b1", desc="", total=-1.0, postfix="[####    ] 50 %"))
    assert text(jobs).strip() == "[####    ] 50 %"


@pytest.mark.parametrize("width", [1, 2, 3, 10])
@pytest.mark.parametrize("share", [None, 0.0, 1e-9, 0.5, 0.999, 1.0])
def test_a_bar_has_its_width(width: int, share: float | None) -> None:
    """And only what is done is full."""
    for state in ("running", "finished", "failed"):
        for turns in (0, 7):
            pieces = ink.bar(share, width, state, failed=0.3, turns=turns)
            drawn = "".join(each for each, _ in pieces)
            assert len(drawn) == width
            if share is not None:
                assert (drawn == "━" * width) == (share == 1.0)


def test_thousands_of_bars_are_told_quickly_enough_to_scroll() -> None:
    """Lines are drawn when they are looked at, not before."""
    jobs = told(*(progress(f"b{k}", desc=f"bar {k}") for k in range(3000)))
    found = bars.items(jobs, NOW)
    assert len(found) == 3000
    assert "bar 2999" in ink.line(found[-1].draw(80), 80).text
