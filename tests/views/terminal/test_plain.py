"""A run as plain lines: one for each event, none for progress between."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import pytest

from async_plot import Client, Server, tqdm
from async_plot.views.terminal.plain import Teller, tell
from async_plot.wire.messages import (
    Failure,
    Job,
    Log,
    Message,
    Missed,
    Progress,
    Stalled,
    State,
    Welcome,
)

from ...wire.samples import SAMPLES


def sample(kind: type[Any], /, **changes: Any) -> Any:
    return replace(SAMPLES[kind], **changes)


def bar(state: str = "running", **changes: Any) -> Progress:
    told = sample(
        Progress,
        **{
            **{"bar": "a.1", "parent": "", "job": "", "worker": "", "desc": "cells"},
            **{"unit": "it", "done": 4.0, "total": 9.0, "failed": 0, "elapsed": 2.0},
            **{"state": state, "postfix": "", "leave": True},
            **changes,
        },
    )
    assert isinstance(told, Progress)
    return told


def lines(*messages: Message) -> list[str]:
    """All lines of them, without the time that they begin with."""
    teller = Teller(clock=lambda: 0.0)
    told = [line for message in messages for line in teller.lines(message)]
    assert all(line[2] == ":" and line[5] == ":" for line in told)
    return [line[9:] for line in told]


def test_a_bar_begins_and_ends() -> None:
    """And nothing between, however often it is told."""
    moves = [bar(done=float(done)) for done in range(9)]
    assert lines(*moves, bar("finished", done=9.0), bar("finished", done=9.0)) == [
        "cells: begins of 9 it",
        "cells: finished, 9/9 it in 2.0 s",
    ]


def test_a_record_has_the_time_when_it_was_made() -> None:
    """And its day, where that is not today's; a clock that lies harms nothing."""
    now = 1e9
    teller = Teller(clock=lambda: now)

    def at(then: float) -> str:
        [line] = teller.lines(sample(Log, time=then, level=20, name="a", text="b"))
        return line.removesuffix(" a: b")

    def when(form: str, then: float) -> str:
        return time.strftime(form, time.localtime(then))

    assert at(now - 600) == when("%H:%M:%S", now - 600)
    assert at(now - 2e5) == when("%Y-%m-%d %H:%M:%S", now - 2e5)
    assert at(1e300) == at(math.nan) == when("%H:%M:%S", now)


def test_bars_inside_of_others_are_not_told() -> None:
    """Nor those that go when they are done, nor those of tasks."""
    assert not lines(
        bar(parent="a.0"), bar(leave=False, bar="a.3"), bar(job="j.1", worker="w.1")
    )


def test_one_that_ended_before_is_told_once() -> None:
    """With its failures; a text of others as it was written."""
    assert lines(
        bar("failed", failed=2, total=-1.0, done=0.5),
        bar("finished", bar="a.2", desc="", total=-1.0, postfix="100% |###|"),
    ) == ["cells: failed, 0.5 it, 2 failed in 2.0 s", "100% |###|"]


def test_a_job_is_told_by_its_name() -> None:
    """That of its function, if it has no other; and its failures."""
    begun = sample(Job, job="j.1", desc="", function="solve")
    told = lines(
        begun,
        bar(bar="j.1", job="j.1", desc="", unit="task"),
        sample(Failure, job="j.1", kind="ValueError", text="no\nroot", task=3),
    )
    assert told[0] == "solve: begins of 9 task"
    assert told[1].startswith("solve: ValueError: no root task 3")


def test_the_run_is_told() -> None:
    """Its begin, a cut, its end with the last line of why."""
    welcome = sample(Welcome, name="waves", pid=7, host="node")
    lost = sample(State, state="lost", text="connection lost")
    failed = sample(State, state="failed", text="Traceback\n ...\nValueError: x")
    assert lines(welcome, lost, lost, welcome, failed) == [
        "waves: running, process 7 on node",
        "waves: lost: connection lost",
        "waves: connected again",
        "waves: failed: ValueError: x",
    ]


def test_records_are_told_from_info_on() -> None:
    """Each of their lines, without what moves a cursor."""
    quiet = sample(Log, level=10, text="nothing")
    loud = sample(Log, level=30, name="solver", text="one\n\x1b[2Jtwo\x07")
    told = lines(quiet, loud, sample(Missed, count=3))
    assert told[0] == "solver: one" and told[1].startswith("solver: ")
    assert "\x1b" not in "".join(told) and "\x07" not in "".join(told)
    assert told[2] == "3 lines were too many for this view"


def test_a_stall_is_told() -> None:
    """Where it stands, and that it goes on again."""
    told = lines(
        sample(Stalled, seconds=60.0, text="in solve\nstacks"),
        sample(Stalled, seconds=90.0, text=""),
    )
    assert told[0].startswith("no sign of life for ") and told[0].endswith(": in solve")
    assert told[1].startswith("goes on again after ")


def test_a_number_that_is_none_is_no_error() -> None:
    """Whatever somebody counts."""
    told = lines(bar("finished", done=math.inf, total=math.nan, elapsed=math.inf))
    assert len(told) == 1
    told = lines(bar("finished", done=4, total=9))  # as another end may pack it
    assert told[0].startswith("cells: finished, 4/9 it")


def test_a_run_is_followed_to_its_end() -> None:
    """A real one, by a client."""
    written: list[str] = []
    with Server(view=None, name="waves") as server:
        for _ in tqdm(range(3), desc="cells"):
            pass
        client = Client(server)
    assert tell(client, written.append) == "finished"
    text = "".join(written)
    assert "cells: finished, 3/3 it" in text
    assert written[-1].endswith("waves: finished\n")


def test_a_closed_pipe_ends_it() -> None:
    """With the error of the pipe, for whoever called."""

    def closed(line: str) -> None:
        raise BrokenPipeError

    with Server(view=None) as server:
        client = Client(server)
        with pytest.raises(BrokenPipeError):
            tell(client, closed)
        client.close()
