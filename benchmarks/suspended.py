"""Rows: memory, the worst `update` and the exit while the viewer is suspended.

The calculation makes a new array of 1 MiB for each frame. Its process is measured
from outside, since one that is blocked cannot tell.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import rivals
from common import (
    Row,
    context,
    isolated,
    main,
    now,
    run_files,
    seconds,
    wait_until,
)
from receivers import Receiver

__all__ = ["measure"]

FRAME = 1 << 20  # bytes
MORE = 3  # frames of growth
EXIT = 0.5  # seconds
# A process that waits for its core shows here with or without a viewer.
NOISE, PLUS = 1.5, 5e-3


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure ourselves for a minute, the rivals for three seconds each."""
    length = 1.0 if smoke else 60.0
    growth, with_it, live, without, ends = isolated(
        _ours, length, 1 if smoke else 5, timeout=4 * length + 60
    )
    frames = with_it[3]
    yield Row(
        f"memory, viewer suspended {length:g} s, 1 MiB frames",
        f"<= +{MORE} frames",
        f"+{growth / FRAME:.2f} frames of {frames}",
        reached=growth <= MORE * FRAME,
        values={"growth": growth, "frames": frames},
    )
    # One call in ten thousand takes a snapshot, but only while somebody watches: the
    # tail is compared with that of a viewer which reads, the worst with none at all.
    for what, index, other, name, plus in (
        ("99.99 %", 1, live, "one that reads", 50e-6),
        ("worst", 2, without, "none", PLUS),
    ):
        found, floor = with_it[index], other[index]
        yield Row(
            f"{what} of `update`, suspended viewer",
            f"<= {NOISE}x {name} + {seconds(plus)}",
            f"{seconds(found)} ({name}: {seconds(floor)})",
            found / floor,
            found <= NOISE * floor + plus,
            values={"with": with_it, "reading": live, "without": without},
        )
    yield Row(
        "exit with a suspended viewer",
        f"<= {seconds(EXIT)}",
        f"{seconds(max(ends))} (of {len(ends)}, least {seconds(min(ends))})",
        reached=max(ends) <= EXIT,
        values={"ends": ends},
    )
    if not smoke:
        for name in rivals.present():
            if not name.startswith("matplotlib"):
                yield _rival(name)


# -- ours --------------------------------------------------------------------------


def _ours(length: float, exits: int) -> tuple[Any, ...]:
    with run_files():
        growth, with_it, live, without, first = _minute(length)
        ends = [first, *(_exit() for _ in range(exits - 1))]
    return growth, with_it, live, without, ends


def _minute(length: float) -> tuple[Any, ...]:
    from async_plot import Server

    frame = np.linspace(0, 1, FRAME // 8)
    with Server(view=None) as server:
        without, _ = _calls(server.update, frame, length / 2)
        with _viewer(server) as receiver:
            live, _ = _calls(server.update, frame, length / 2)
            os.kill(receiver.process.pid, signal.SIGSTOP)
            time.sleep(0.1)
            before = _resident()
            with_it, most = _calls(server.update, frame, length)
            ending = time.perf_counter()
            server.close()
            ended = time.perf_counter() - ending
    return most - before, with_it, live, without, ended


def _exit() -> float:
    """Time that `close` takes with a suspended viewer in the middle of a frame."""
    from async_plot import Server

    frame = np.linspace(0, 1, 1 << 21)
    with Server(view=None, overhead=1) as server:
        server.update(frame)
        with _viewer(server) as receiver:
            os.kill(receiver.process.pid, signal.SIGSTOP)
            for _ in range(20):
                server.update(frame)
                time.sleep(0.01)
            before = time.perf_counter()
            server.close()
            return time.perf_counter() - before


@contextlib.contextmanager
def _viewer(server: Any) -> Iterator[Receiver]:
    receiver = Receiver("async_plot", str(server.connection_file))
    try:

        def arrived() -> bool:
            server.update(np.zeros(FRAME // 8))
            return receiver.count >= 2

        if not wait_until(arrived, step=0.02):
            raise RuntimeError("the viewer gets no frame")
        yield receiver
    finally:
        receiver.end()


def _calls(
    update: Callable[..., Any], frame: Any, length: float
) -> tuple[tuple[float, float, float, int], int]:
    """Median, 99.99 percentile, worst and number of the calls; the most memory."""
    times, count = _times, 0
    most = _resident()
    end = time.monotonic() + length
    while (left := end - time.monotonic()) > 0 and count < len(times):
        new = frame + left
        before = now()
        update(new)
        times[count] = now() - before
        count += 1
        if count % 200 == 0:
            most = max(most, _resident())
    most = max(most, _resident())
    found = np.sort(times[:count]) * 1e-9
    middle, tail, worst = found[count // 2], found[int(0.9999 * count)], found[-1]
    return (float(middle), float(tail), float(worst), count), most


# Resident from the start: what it holds must not look like growth.
_times = np.full(4_000_000, 1, np.int64)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


# -- rivals ------------------------------------------------------------------------

_PID, _READY, _FRAMES, _WORST, _SINCE = range(5)


def _rival(name: str) -> Row:
    shared = context.RawArray("q", 5)
    what = f"{name}: viewer suspended 3 s"
    try:
        growth, blocked = isolated(_watch, name, shared, timeout=60)
    except (RuntimeError, TimeoutError) as error:
        return Row(what, measured=str(error), rival=True)
    worst = max(shared[_WORST] * 1e-9, blocked)
    text = f"+{growth / FRAME:.0f} frames of {shared[_FRAMES]}, worst {seconds(worst)}"
    if blocked > 0.5:
        text += ", blocked"
    return Row(
        what,
        measured=text,
        rival=True,
        values={"growth": growth, "worst": worst, "blocked": blocked > 0.5},
    )


def _watch(name: str, shared: Any) -> tuple[int, float]:
    """Look at a calculation with a suspended rival from beside it."""
    process = context.Process(target=_calculate, args=(name, shared))
    process.start()
    if not wait_until(lambda: shared[_READY] or not process.is_alive(), 30):
        raise RuntimeError("it does not start")
    if not process.is_alive():
        raise RuntimeError("its process died")
    memory = psutil.Process(process.pid)
    before = most = memory.memory_info().rss
    end = time.monotonic() + 3
    while time.monotonic() < end and most - before < 1 << 30 and process.is_alive():
        with contextlib.suppress(psutil.Error):
            most = max(most, memory.memory_info().rss)
        time.sleep(0.01)
    since = shared[_SINCE]
    return most - before, (now() - since) * 1e-9 if since else 0.0


def _calculate(name: str, shared: Any) -> None:
    frame = np.linspace(0, 1, FRAME // 8).reshape(256, -1)
    rival = rivals.start(name, "image", (frame,), draw=False)
    os.kill(rival.pid, signal.SIGSTOP)
    time.sleep(0.2)
    shared[_READY] = 1
    while True:
        new = frame + 0.0
        shared[_SINCE] = before = now()
        rival.update(new)
        shared[_WORST] = max(shared[_WORST], now() - before)
        shared[_SINCE] = 0
        shared[_FRAMES] += 1
        time.sleep(0.001)


if __name__ == "__main__":
    main("suspended viewer", measure)
