"""Silence: noticed by the view alone, and not where it was the view that slept."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from async_plot.views import silence
from async_plot.views.silence import Silence, explain, is_here
from async_plot.wire.messages import Welcome

from ..helpers import eventually


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watched() -> tuple[Silence, Clock, Any]:
    """A silence, its clock, and the client that it is about."""
    clock = Clock()
    client: Any = SimpleNamespace(heard_at=clock.now)
    return Silence(client, clock), clock, client


def after(watched: tuple[Silence, Clock, Any], seconds: float) -> float:
    """What it says then, having been asked all the time."""
    silent, clock, _ = watched
    told = 0.0
    for _ in range(round(seconds / 0.25)):
        clock.now += 0.25
        told = silent.seconds()
    return told


def test_it_is_told_from_some_seconds_on(watched: tuple[Silence, Clock, Any]) -> None:
    """And no more as soon as something comes."""
    assert after(watched, silence.AFTER - 0.25) == 0
    assert after(watched, 0.25) == silence.AFTER
    assert after(watched, 5.0) == silence.AFTER + 5
    watched[2].heard_at = watched[1].now
    assert after(watched, 0.25) == 0


def test_without_a_connection_nothing_is_told(
    watched: tuple[Silence, Clock, Any],
) -> None:
    """That is told by the state, and a big array that comes slowly is none."""
    watched[2].heard_at = math.inf
    assert after(watched, 60.0) == 0


def test_a_view_that_slept_has_not_listened(
    watched: tuple[Silence, Clock, Any],
) -> None:
    """The time counts from when it wakes."""
    silent, clock, _ = watched
    clock.now += 3600
    assert silent.seconds() == 0
    assert after(watched, silence.AFTER) == silence.AFTER


def welcome(**changes: Any) -> Welcome:
    facts: dict[str, Any] = {"pid": 1, "host": "elsewhere.example"}
    return Welcome(
        **{
            **facts,
            "run": "r",
            "name": "n",
            "python": "3.11",
            "started": 0.0,
            "plotters": [""],
            "cwd": "/",
            "path": [],
            "overhead": 0.01,
            "on_exit": "keep",
            **changes,
        }
    )


def test_of_a_far_process_both_are_possible() -> None:
    """It may be stopped, or busy."""
    told = explain(welcome())
    assert told.startswith("C code keeps its Python from running, or the process is")
    assert "py-spy dump --native --pid 1" in told
    assert not is_here(welcome())


def test_beyond_a_network_that_may_be_the_silent_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process of this machine with the same number is not looked at."""
    monkeypatch.setattr(silence, "is_here", lambda welcome: True)
    told = explain(welcome(pid=os.getpid()), far=True)
    assert told.startswith("the connection is cut, or C code keeps its Python from")


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_of_a_near_process_the_system_knows_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether it is stopped, waits, or runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        monkeypatch.setattr(silence, "is_here", lambda welcome: True)
        near = welcome(pid=process.pid)
        eventually(lambda: "C code keeps" in explain(near).partition("\n")[0])
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: "is stopped\n" in explain(near))
        monkeypatch.setattr(silence, "_process_state", lambda pid: "D")
        assert "waits for a disk" in explain(near)
        process.kill()
