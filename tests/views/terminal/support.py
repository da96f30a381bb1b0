"""Runs and messages for the terminal view's tests, and the view without a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from textual.pilot import Pilot

from async_plot.views.terminal.app import Top
from async_plot.wire.messages import Failure, Job, Progress, Worker

from ...helpers import AMPLE, Deadline

__all__ = ["failure", "job", "opened", "progress", "run", "screen", "shows", "worker"]

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine."""
    return asyncio.run(coroutine)


@asynccontextmanager
async def opened(
    app: Top, width: int = 100, height: int = 30
) -> AsyncIterator[Pilot[int]]:
    """Open the view without a terminal, and leave its runs in the end."""
    try:
        async with app.run_test(size=(width, height)) as pilot:
            yield pilot
    finally:
        app.runs.close()


def screen(app: Top) -> str:
    """What stands on the screen."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.text.rstrip() for strip in strips)


async def shows(
    app: Top, pilot: Pilot[int], *wanted: str | Callable[[str], bool]
) -> str:
    """Wait until all of that stands on the screen."""
    deadline = Deadline(AMPLE)
    while True:
        text = screen(app)
        if all(w(text) if callable(w) else w in text for w in wanted):
            return text
        deadline.check(f"{wanted} on\n{text}")
        await pilot.pause(0.02)


# -- messages ----------------------------------------------------------------------


def progress(bar: str = "b1", **fields: Any) -> Progress:
    """Make a bar, half done."""
    known: dict[str, Any] = {
        **dict.fromkeys(("parent", "job", "worker", "desc", "postfix"), ""),
        **{"bar": bar, "unit": "it", "done": 50.0, "total": 100.0, "failed": 0},
        **{"elapsed": 10.0, "rate": 5.0, "remaining": 10.0, "state": "running"},
        **{"place": [], "leave": True},
    }
    return Progress(**{**known, **fields})


def job(name: str = "j1", **fields: Any) -> Job:
    """Make the begin of a job."""
    known: dict[str, Any] = {
        **{"job": name, "worker": "", "desc": "", "function": "solve"},
        **{"file": "/home/a/solver.py", "line": 12, "doc": "Solve one case."},
        **{"caller": "/home/a/main.py", "caller_line": 3, "call": "map(solve, cases)"},
        **{"engine": "loky", "workers": 4, "started": 1.0},
    }
    return Job(**{**known, **fields})


def worker(name: str = "w1", **fields: Any) -> Worker:
    """Make a worker in the middle of a task."""
    known: dict[str, Any] = {
        **{"worker": name, "number": 1, "job": "j1", "pid": 4242, "host": "node1"},
        **{"thread": "", "state": "working", "chunk": 1, "counted": 0, "task": 7},
        **{"argument": "x=0.3", "since": time.time() - 5, "done": 6, "failed": 0},
        **{"cpu": 0.98, "memory": 1.2e8, "startup": 1.0, "init": 0.0, "waiting": 1.0},
        **{"working": 8.0, "ending": 0.0, "text": ""},
    }
    return Worker(**{**known, **fields})


def failure(task: int = 3, **fields: Any) -> Failure:
    """Make a task that failed."""
    known: dict[str, Any] = {
        **{"job": "j1", "worker": "w1", "number": 1, "task": task, "argument": "0.3"},
        **{"kind": "ValueError", "text": "it diverges", "time": 1.0},
        "trace": 'Traceback (most recent call last):\n  File "solver.py", line 12\n'
        "ValueError: it diverges",
    }
    return Failure(**{**known, **fields})
