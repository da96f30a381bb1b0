"""Row: a run recorded with 30 frames of 1 MiB a second, inside the default budget.

First for a while without a pause, for the rate and the overhead; then segments with
`update` and with an empty method take turns, for the slowdown, as in `slowdown`.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import Row, isolated, main, median, run_files, seconds
from hotpath import Empty

__all__ = ["measure"]

RATE = 30.0
BUDGET = 0.01  # the default of ``overhead``
ON, OFF = 0.3, 0.15  # seconds of a segment
NUMBERS = 1 << 17  # of 8 bytes: 1 MiB


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure one loop that works on the array which it hands over."""
    length, pairs = (1.0, 2) if smoke else (10.0, 40)
    rate, overhead, base, added, error, raw = isolated(
        _measured, length, pairs, timeout=180
    )
    yield Row(
        "frames of 1 MiB recorded per second",
        f">= {0.9 * RATE:g} of {RATE:g}",
        f"{rate:.3g}/s, overhead {100 * overhead:.2g} %",
        rate / RATE,
        rate >= 0.9 * RATE and overhead <= 1.1 * BUDGET,
        values={"rate": rate, "overhead": overhead},
    )
    allowed = BUDGET * base * (ON + OFF) / ON + 200e-9
    reached: bool | None = added - 2 * error <= allowed
    if 2 * error > max(allowed, 0.02 * base):
        reached = None  # the machine was too busy to tell
    yield Row(
        f"slowdown of a {seconds(base)} loop that is recorded",
        f"<= +{seconds(allowed)}",
        f"{'-' if added < 0 else '+'}{seconds(abs(added))} (+- {seconds(error)})",
        1 + added / base,
        reached,
        values={"iteration": base, "added": added, "error": error},
    )
    yield Row(
        "the same bytes written by write(2), processor time",
        measured=f"{seconds(raw)} a frame",
        values={"write": raw},
    )


def _measured(
    length: float, pairs: int
) -> tuple[float, float, float, float, float, float]:
    from async_plot import Recording, Server
    from async_plot.net.records import Records
    from async_plot.wire.messages import Frame

    field = np.zeros(NUMBERS)
    work = np.linspace(0, 1, NUMBERS)

    def step() -> None:
        np.sin(work, out=field)
        np.add(work, 1e-3, out=work)

    def segment(update: object, budget: float) -> float:
        begin, count = time.perf_counter(), 0
        while (now := time.perf_counter()) - begin < budget:
            step()
            update(field)  # type: ignore[operator]
            count += 1
        return (now - begin) / count

    with run_files(), tempfile.TemporaryDirectory() as place:
        path = Path(place) / "run.aplot"
        with Server(view=None, record=Recording(path, rate=RATE)) as server:
            segment(server.update, 1.0)  # what a start costs is not what it takes
            begin, before = time.time(), server.stats
            segment(server.update, length)
            end, after = time.time(), server.stats
            empty = Empty().update
            off = [segment(empty, OFF)]
            on = []
            for _ in range(pairs):
                on.append(segment(server.update, ON))
                off.append(segment(empty, OFF))
        with Records(path) as records:
            frames = sum(
                entry.kind is Frame and begin <= entry.time <= end
                for entry in records.entries
            )
        raw = _raw(Path(place) / "raw", field)
    spent = after.overhead * after.elapsed - before.overhead * before.elapsed
    added = [
        here - (before + after) / 2 for here, before, after in zip(on, off, off[1:])
    ]
    error = 1.25 * statistics.stdev(added) / len(added) ** 0.5
    rate = frames / (end - begin)
    overhead = spent / (end - begin)
    return rate, overhead, median(off), median(added), error, raw


def _raw(path: Path, field: np.ndarray) -> float:
    """Processor seconds of one plain write of a frame's bytes."""
    with open(path, "wb", buffering=0) as file:
        before, times = time.process_time(), 30
        for _ in range(times):
            os.write(file.fileno(), field.data)
        return (time.process_time() - before) / times


if __name__ == "__main__":
    main("recording", measure)
