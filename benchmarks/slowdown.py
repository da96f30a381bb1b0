"""Row: what a live viewer costs three calculations that update in each iteration.

Segments with `update` and with an empty method take turns in one process while an
off-screen viewer really draws; each segment is compared with the mean of the two
around it. The budget is a share of all time, and what is saved up in the segments
without `update` may be spent in those with it: the limit counts this in.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import timeit
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import rivals
from common import Row, isolated, main, median, now, run_files, seconds
from hotpath import Empty
from plotters import plotter_for

__all__ = ["measure"]

BUDGET = 0.01  # share of time, the default of ``overhead``
ON, OFF = 0.3, 0.15  # seconds of a segment
Update = Callable[..., Any]
Loop = Callable[[Update, float], tuple[int, float]]


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure the three loops, each with the rivals beside us."""
    for loop, (_, kind) in LOOPS.items():
        if smoke and loop != "pure Python":
            continue
        yield from _ours(loop, kind, pairs=2 if smoke else 40)
        if not smoke:
            for name in rivals.present():
                yield _rival(name, loop)


def _ours(loop: str, kind: str, pairs: int) -> Iterator[Row]:
    base, added, error, hot, shown = isolated(_measured, loop, kind, pairs, timeout=180)
    allowed = hot + BUDGET * base * (ON + OFF) / ON
    reached: bool | None = added - 2 * error <= allowed
    if 2 * error > max(allowed, 0.02 * base):
        reached = None  # the machine was too busy to tell
    yield Row(
        f"slowdown of a {seconds(base)} {loop} loop",
        f"<= +{seconds(allowed)}",
        f"{_signed(added)} (+- {seconds(error)}), {shown} drawn",
        1 + added / base,
        reached,
        values={
            "iteration": base,
            "added": added,
            "error": error,
            "hot path": hot,
            "allowed": allowed,
            "drawn": shown,
        },
    )


def _measured(
    loop: str, kind: str, pairs: int
) -> tuple[float, float, float, float, int]:
    from async_plot import Server

    run = LOOPS[loop][0]
    with contextlib.ExitStack() as stack:
        stack.enter_context(run_files())
        os.environ["MPLBACKEND"] = "Agg"
        server = stack.enter_context(
            Server(
                plotter_for(kind),
                client_cmd=[sys.executable, "-c"],
                overhead=BUDGET,
                wait_for_client=True,
                on_exit="close",
            )
        )
        empty = Empty()
        run(empty.update, OFF)
        run(server.update, 1.0 if pairs > 5 else OFF)
        if not server.viewers:
            raise RuntimeError("no viewer")
        off = [_time(run, empty.update, OFF)]
        on = []
        for _ in range(pairs):
            on.append(_time(run, server.update, ON))
            off.append(_time(run, empty.update, OFF))
        shown = sum(viewer.frames for viewer in server.viewers)
    hot = _hot()
    added = [
        here - (before + after) / 2 for here, before, after in zip(on, off, off[1:])
    ]
    spread = statistics.stdev(added) if len(added) > 1 else 0.0
    error = 1.25 * spread / len(added) ** 0.5  # of a median
    return median(off), median(added), error, hot, shown


def _time(run: Loop, update: Update, budget: float) -> float:
    iterations, elapsed = run(update, budget)
    return elapsed / iterations


def _hot() -> float:
    """What a call costs more than an empty one when no frame is due."""
    from async_plot import Server

    with run_files(), Server(view=None) as server:
        server.update(1, 2)
        sides = [
            [timeit.timeit(lambda u=u: u(1, 2), number=2000) / 2000 for _ in range(50)]
            for u in (server.update, Empty().update)
        ]
    return max(0.0, median(sides[0]) - median(sides[1]))


def _rival(name: str, loop: str) -> Row:
    what = f"{name}: {loop} loop"
    try:
        base, found = isolated(_rival_measured, name, loop, timeout=30)
    except (RuntimeError, TimeoutError) as error:
        return Row(what, measured=str(error), rival=True)
    return Row(
        what,
        measured=_signed(found - base),
        ratio=found / base,
        rival=True,
        values={"iteration": base, "with": found},
    )


def _rival_measured(name: str, loop: str) -> tuple[float, float]:
    run, kind = LOOPS[loop]
    empty = Empty().update
    last: list[Any] = []
    run(lambda *args: last.append(args) if not last else None, 0.01)
    rival = rivals.start(name, kind, last[0], draw=True)
    # A queue that has grown would slow down what is measured after it: it comes last.
    run(empty, OFF)
    base = median([_time(run, empty, OFF) for _ in range(3)])
    return base, _time(run, rival.update, 3 * ON)


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + seconds(value)


# -- the calculations: each returns (iterations, seconds) --------------------------


def _python(update: Update, budget: float) -> tuple[int, float]:
    """The logistic map: some 1 us an iteration, no call but `update`."""
    x, count, start = 0.3, 0, now()
    end = start + budget * 1e9
    while True:
        for _ in range(64):
            for _ in range(20):
                x = 3.7 * x * (1 - x)
            count += 1
            update(count, x)
        if (time := now()) >= end:
            return count, (time - start) * 1e-9


def _numpy(update: Update, budget: float) -> tuple[int, float]:
    """A string of 10000 points, by leapfrog: some 50 us an iteration."""
    x = np.linspace(0, 1, 10_000)
    y = np.exp(-(((x - 0.5) / 0.05) ** 2))
    speed = np.zeros_like(x)
    bend = np.zeros_like(x)
    count, start = 0, now()
    end = start + budget * 1e9
    while True:
        for _ in range(3):
            np.subtract(y[2:], y[1:-1], out=bend[1:-1])
            bend[1:-1] -= y[1:-1]
            bend[1:-1] += y[:-2]
            speed += 0.2 * bend
            y += 0.2 * speed
        count += 1
        update(x, y)
        if (time := now()) >= end:
            return count, (time - start) * 1e-9


def _split_step(update: Update, budget: float) -> tuple[int, float]:
    """A 2-D wave packet in a harmonic well, 512 x 512, one split Fourier step."""
    points = 512
    x = np.linspace(-10, 10, points, endpoint=False)
    k = 2 * np.pi * np.fft.fftfreq(points, 20 / points)
    step = 1e-2
    kinetic = np.exp(-0.5j * step * (k[:, None] ** 2 + k[None, :] ** 2))
    potential = np.exp(-0.25j * step * (x[:, None] ** 2 + x[None, :] ** 2))
    wave = np.exp(-((x[:, None] - 2) ** 2) - x[None, :] ** 2).astype(complex)
    count, start = 0, now()
    end = start + budget * 1e9
    while True:
        wave *= potential
        wave = np.fft.ifft2(kinetic * np.fft.fft2(wave))
        wave *= potential
        count += 1
        update(np.abs(wave))
        if (time := now()) >= end:
            return count, (time - start) * 1e-9


LOOPS: dict[str, tuple[Loop, str]] = {
    "pure Python": (_python, "scalar"),
    "numpy": (_numpy, "line"),
    "split-step": (_split_step, "image"),
}

if __name__ == "__main__":
    main("slowdown", measure)
