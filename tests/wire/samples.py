"""One message of each kind, and the memory that stands for an arena's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from async_plot.wire import framing
from async_plot.wire.messages import (
    FROM_CALCULATION,
    FROM_VIEWER,
    FROM_WORKER,
    TO_WORKER,
    Drawn,
    Failure,
    Frame,
    Goodbye,
    Job,
    Log,
    Look,
    Mapped,
    Memory,
    Message,
    Missed,
    Opened,
    Pace,
    Parameter,
    Picture,
    PlotterCode,
    Points,
    Progress,
    Ready,
    Scalars,
    Seal,
    Slot,
    SlotFrame,
    Slowest,
    Stalled,
    State,
    Stats,
    Steer,
    Steering,
    Trouble,
    Welcome,
    Words,
    Worker,
)

__all__ = [
    "KINDS",
    "SAMPLES",
    "CountingStore",
    "feed",
    "plain",
    "reader_for",
    "stream",
]

KINDS = tuple(
    dict.fromkeys((*FROM_CALCULATION, *FROM_VIEWER, *FROM_WORKER, *TO_WORKER))
)

SAMPLES: dict[type[Any], Message] = {
    Welcome: Welcome(
        run="r1",
        name="wave",
        pid=7,
        host="box",
        python="3.11.2",
        started=1.5,
        plotters=["", "b"],
        cwd="/d",
        path=["/p"],
        overhead=0.01,
        on_exit="keep",
    ),
    PlotterCode: PlotterCode("", "Wave", [3, 11], [b"pickle"]),
    Frame: Frame("", 41, 2.5, False, b"\x92\x90\x80", [b"abcd", b"", b"xy"]),
    Stats: Stats("", 1000, 10, 0, 0.25, 4.0, 1),
    State: State("failed", "Traceback", 3.0),
    Log: Log(1.0, 30, "lib", "said \ud800", 4),
    Scalars: Scalars("loss", True, [b"12345678", b"abcdefgh"]),
    Missed: Missed(3),
    Slot: Slot(4, 7, 12, 8192, b"token"),
    SlotFrame: SlotFrame(4, 2, [0, 64], b"head"),
    Mapped: Mapped([4, 5]),
    Stalled: Stalled(35.0, 1.5, "in step"),
    Seal: Seal(b"f" * 16, 3, True, b"m" * 32),
    Ready: Ready("", 41),
    Opened: Opened("window"),
    Trouble: Trouble("", 41, "no"),
    Goodbye: Goodbye("window closed"),
    Picture: Picture("", 0, 640, 480, "frame 41", [b"png"]),
    Words: Words(["running"], ["name"], "whole", True),
    Look: Look(2, 1, 60, 15, 10, 20, "sixel", 256),
    Drawn: Drawn(
        2, "sixel", 60, 14, "Wave", 1, 3, 41, 2.5, 0, "", "x", "Trace", [b"six"]
    ),
    Job: Job(
        "j.1", "", "sums", "f", "a.py", 3, "Adds.", "b.py", 9, "map(f)", "loky", 2, 1.5
    ),
    Progress: Progress(
        bar="j.1",
        parent="",
        job="j.1",
        worker="",
        desc="sums",
        unit="it",
        done=3.0,
        total=-1.0,
        failed=1,
        elapsed=2.0,
        rate=1.5,
        remaining=float("inf"),
        state="running",
        postfix="loss=1",
        place=[0, 3],
        leave=True,
    ),
    Worker: Worker(
        worker="w.1",
        number=1,
        job="j.1",
        pid=8,
        host="box",
        thread="",
        state="working",
        chunk=2,
        counted=1,
        task=17,
        argument="x=17",
        since=2.5,
        done=16,
        failed=1,
        cpu=0.5,
        memory=1e6,
        startup=0.25,
        init=0.125,
        waiting=0.5,
        working=1.0,
        ending=0.0,
        text="",
    ),
    Failure: Failure("j.1", "w.1", 1, 9, "x=9", "ValueError", "no", "Traceback", 2.5),
    Slowest: Slowest("j.1", [9, 4], [1.5, 0.5], ["x=9", "x=4"], [1, 2]),
    Points: Points("w.1", 1.0, ["loss"], [0.5]),
    Pace: Pace(0.25),
    Steering: Steering("paused", 2.5, "anna@box, top", True, 7, ""),
    Parameter: Parameter(
        name="dt",
        order=1,
        kind="float",
        value="0.5",
        wanted="0.25",
        default="1.0",
        minimum=0.0,
        maximum=float("inf"),
        unit="s",
        text="step",
        choices=[],
        undo=2,
    ),
    Steer: Steer("set", "dt", "0.25", "anna@box, top", ""),
}


def plain(message: Message) -> Message:
    """The same message with its buffers as bytes, so that it can be compared."""
    if not hasattr(message, "buffers"):
        return message
    fields = {
        item.name: getattr(message, item.name) for item in dataclasses.fields(message)
    }
    fields["buffers"] = [bytes(memoryview(each)) for each in fields["buffers"]]
    return type(message)(**fields)


def stream(*messages: Message) -> bytes:
    """Bytes of messages on the wire."""
    return b"".join(bytes(p) for m in messages for p in framing.encode(m))


def reader_for(kind: type[Any], **options: Any) -> framing.Reader:
    """Make a reader at the end that may be told this kind of message."""
    if kind in TO_WORKER:
        return framing.Reader(TO_WORKER, framing.FROM_VIEWER_LIMITS, **options)
    if kind is Points:
        return framing.Reader(FROM_WORKER, framing.FROM_WORKER_LIMITS, **options)
    if kind in FROM_VIEWER:
        return framing.Reader(FROM_VIEWER, framing.FROM_VIEWER_LIMITS, **options)
    return framing.Reader(FROM_CALCULATION, framing.FROM_CALCULATION_LIMITS, **options)


def feed(machine: Any, data: bytes, step: int | None = None) -> list[Message]:
    """Put bytes where a reader or connection wants them, at most `step` at a time."""
    messages = []
    while data:
        buffer = machine.get_buffer()
        assert len(buffer) > 0
        count = min(len(buffer), len(data), step or len(data))
        buffer[:count] = data[:count]
        messages += machine.received(count)
        data = data[count:]
    return messages


class CountingStore:
    """Keeps copies of arrays as an arena does, each in memory of its own."""

    def __init__(self) -> None:
        self.buffers: list[Memory] = []

    def __call__(self, array: np.ndarray[Any, Any]) -> int:
        order = "F" if array.flags.fnc else "C"
        self.buffers.append(bytearray(array.tobytes(order)))
        return len(self.buffers) - 1
