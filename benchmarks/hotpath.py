"""Rows: a call that has nothing to do, against an empty method."""

from __future__ import annotations

import time
import timeit
from collections.abc import Iterator
from typing import Any

import numpy as np
import rivals
from common import Row, interleave, isolated, main, median, now, seconds

__all__ = ["Empty", "measure"]

MOST = 3.0  # times an empty method
CHECKPOINT = 2.0  # the same, of one without arguments
CALLS = {"update(x, y)": "s.update(x, y)", "update(x, y=y)": "s.update(x, y=y)"}


class Empty:
    """What any method that takes these arguments costs."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass

    def checkpoint(self) -> None:
        pass


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure both ways of calling, then one call of each rival."""
    from async_plot import Server

    calls, rounds = (1000, 5) if smoke else (20000, 150)
    x, y = np.zeros((2, 100))
    with Server(view=None) as server:
        server.update(x, y)
        for what, call in CALLS.items():
            names = {"x": x, "y": y}
            row = _row(f"{what}, no frame due", call, server, calls, rounds, **names)
            yield row
        server.checkpoint()
        call = "s.checkpoint()"
        yield _row(
            "checkpoint(), nothing asked", call, server, calls, rounds, most=CHECKPOINT
        )
    if not smoke:
        for name in rivals.present():
            if name.startswith("matplotlib"):
                continue  # they have no other end: the slowdown row tells of them
            yield _rival(name, row.values["empty"])


def _row(
    what: str,
    call: str,
    server: Any,
    calls: int,
    rounds: int,
    most: float = MOST,
    **names: Any,
) -> Row:
    ours = timeit.Timer(call, globals={"s": server, **names})
    empty = timeit.Timer(call, globals={"s": Empty(), **names})
    pairs = interleave(
        lambda: ours.timeit(calls) / calls,
        lambda: empty.timeit(calls) / calls,
        rounds,
    )
    found, floor = (median(side) for side in zip(*pairs))
    return Row(
        what,
        f"<= {most:g}x an empty method",
        f"{seconds(found)} (empty: {seconds(floor)})",
        found / floor,
        found <= most * floor,
        values={"median": found, "empty": floor},
    )


def _rival(name: str, floor: float) -> Row:
    try:
        found, mean = isolated(_calls, name, timeout=30)
    except (RuntimeError, TimeoutError) as error:
        return Row(f"{name}: one call, 100 points", measured=str(error), rival=True)
    return Row(
        f"{name}: one call, 100 points",
        measured=f"{seconds(found)} (mean {seconds(mean)})",
        ratio=found / floor,
        rival=True,
        values={"median": found, "mean": mean},
    )


def _calls(name: str) -> tuple[float, float]:
    x, y = np.zeros((2, 100))
    update = rivals.start(name, "line", (x, y), draw=False).update
    times = []
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        before = now()
        update(x, y)
        times.append((now() - before) * 1e-9)
    return median(times), sum(times) / len(times)


if __name__ == "__main__":
    main("hot path", measure)
