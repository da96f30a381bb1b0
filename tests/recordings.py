"""Recordings for tests, written message by message as a run would say them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from async_plot.net import files, records
from async_plot.wire import codec, framing, pickles
from async_plot.wire.messages import (
    Frame,
    Log,
    Message,
    PlotterCode,
    Scalars,
    State,
    Welcome,
)

__all__ = [
    "GONE",
    "STARTED",
    "code",
    "end",
    "frame",
    "log",
    "scalars",
    "story",
    "welcome",
    "write",
]

STARTED = 1.8e9  # seconds since the epoch
GONE = 2**22 + 1  # a process that cannot be: numbers end before


def welcome(*plotters: str, pid: int = GONE, name: str = "wave") -> Welcome:
    return Welcome(
        run="20270115-080000-1-abcd",
        name=name,
        pid=pid,
        host=files.hostname(),
        python="3.11.7",
        started=STARTED,
        plotters=list(plotters or [""]),
        cwd="/somewhere",
        path=[],
        overhead=0.01,
        on_exit="keep",
    )


def code(plotter: type | None = None, name: str = "") -> PlotterCode:
    made = [pickles.dump_plotter(plotter)] if plotter is not None else []
    title = plotter.__name__ if plotter is not None else ""
    return PlotterCode(name, title, list(sys.version_info[:2]), made)


def frame(
    number: int,
    *args: Any,
    at: float = 0.0,
    name: str = "",
    mid_step: bool = False,
    **kwargs: Any,
) -> Frame:
    buffers: list[Any] = []

    def store(array: np.ndarray[Any, Any]) -> int:
        buffers.append(np.ascontiguousarray(array))
        return len(buffers) - 1

    payload = codec.encode(args, kwargs, store, pickles.dumps)
    return Frame(name, number, STARTED + at, mid_step, payload, buffers)


def scalars(name: str, *points: tuple[float, float], whole: bool = False) -> Scalars:
    steps, values = np.array(points, float).reshape(-1, 2).T.copy()
    return Scalars(name, whole, [steps.data, values.data])


def log(text: str, at: float = 0.0, level: int = 20) -> Log:
    return Log(STARTED + at, level, "solver", text)


def end(state: str = "finished", text: str = "", at: float = 0.0) -> State:
    return State(state, text, STARTED + at)


def write(path: Path, messages: Iterable[Message]) -> Path:
    """Write a file of messages."""
    with records.Writer(path) as writer:
        for message in messages:
            writer.append(framing.encode(message))
    return path


def story(
    count: int = 10,
    *,
    plotter: type | None = None,
    names: Sequence[str] = ("",),
    state: str = "finished",
    text: str = "",
    mid_step: bool = False,
    pid: int = GONE,
) -> Iterator[Message]:
    """A run of one frame a second, numbered 1, 2, ..., each an array of its number.

    Before each frame a scalar and a log record of the same number are told.
    """
    yield welcome(*names, pid=pid)
    for name in names:
        yield code(plotter, name)
    for number in range(1, count + 1):
        yield scalars("energy", (number, number / 10))
        yield log(f"step {number}", at=number - 1.0)
        for name in names:
            values = np.full(50, number / 20)
            yield frame(number, values, at=number - 1.0, name=name)
    if mid_step:
        values = np.full(50, 0.9)
        last = count + 1
        yield frame(last, values, at=float(count), name=names[0], mid_step=True)
    if state:
        yield end(state, text, at=float(count))
