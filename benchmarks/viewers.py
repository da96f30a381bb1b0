"""Row: what 100 viewers instead of one cost the calculation."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import (
    Row,
    context,
    isolated,
    main,
    median,
    now,
    run_files,
    seconds,
    wait_until,
)

__all__ = ["measure"]

MOST = 1.2
SEGMENT = 0.2  # seconds
MANY = 100


def measure(smoke: bool = False) -> Iterator[Row]:
    """Compare two servers of one process in turns, one viewer here and 100 there."""
    many, pairs = (5, 3) if smoke else (MANY, 40)
    found, floor, ratio, error = isolated(_measured, many, pairs, timeout=120)
    yield Row(
        f"{many} viewers instead of 1: one `update`, 100 points",
        f"<= {MOST}x",
        f"{seconds(found)} (1: {seconds(floor)}), +- {error:.2g}",
        ratio,
        ratio <= MOST,
        values={"many": found, "one": floor, "ratio": ratio, "error": error},
    )


def _measured(many: int, pairs: int) -> tuple[float, float, float, float]:
    from async_plot import Server

    x, y = np.zeros((2, 100))
    with contextlib.ExitStack() as stack:
        stack.enter_context(run_files())
        servers = []
        for viewers in (1, many):
            server = stack.enter_context(Server(view=None))
            process = context.Process(
                target=_viewers,
                args=(str(server.connection_file), viewers),
                daemon=True,
            )
            process.start()
            stack.callback(process.kill)
            servers.append(server)
            server.update(x, y)

            def connected(server: Any = server, viewers: int = viewers) -> bool:
                server.update(x, y)
                shown = [viewer for viewer in server.viewers if viewer.frames]
                return len(shown) == viewers

            if not wait_until(connected, 60, 0.02):
                raise RuntimeError(f"{len(server.viewers)} of {viewers} viewers came")
        one, all_of_them = servers
        costs = []
        for _ in range(pairs):
            costs.append((_cost(one, x, y), _cost(all_of_them, x, y)))
    ratios = [b / a for a, b in costs]
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    return (
        median([b for _, b in costs]),
        median([a for a, _ in costs]),
        median(ratios),
        1.25 * spread / len(ratios) ** 0.5,
    )


def _cost(server: Any, x: Any, y: Any) -> float:
    """Mean time of a call, in a loop that does nothing else."""
    count, start = 0, now()
    end = start + SEGMENT * 1e9
    while now() < end:
        for _ in range(100):
            server.update(x, y)
        count += 100
    return (now() - start) * 1e-9 / count


def _viewers(file: str, count: int) -> None:
    from async_plot import Client

    def look() -> None:
        for _ in Client(file):
            time.sleep(0.05)  # as one that draws 20 frames a second

    threads = [threading.Thread(target=look, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main("many viewers", measure)
