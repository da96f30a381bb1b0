"""Rows: what a bar costs in the loop, and how late it shows what is done."""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common import Row, installed, isolated, main, median, seconds

__all__ = ["measure"]

POLLED, COUNTED = 3e-9, 15e-9  # seconds over the bare loop
MOST = 1.7  # times an empty method
LATEST = 0.2  # seconds from the end of a step to its count
RIVALS = ("tqdm", "rich", "progressbar2", "alive-progress", "enlighten")


class Empty:
    """What any method that takes this argument costs."""

    def update(self, n: float = 1) -> None:
        pass


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure loops, then ``update``, then slow steps after quick ones."""
    rivals = () if smoke else tuple(filter(installed, RIVALS))
    items, rounds = (2000, 3) if smoke else (100_000, 200)
    # A process for each: their threads and what they allocate meet nobody else.
    for name in ("", *rivals):
        times = isolated(_loop_times, items, _rounds(name, rounds), name, timeout=240)
        yield from _loops(times)
    calls, rounds = (500, 3) if smoke else (20_000, 200)
    for name in ("", *rivals):
        times = isolated(_update_times, calls, _rounds(name, rounds), name, timeout=240)
        yield from _updates(times)
    quick, steps = (50_000, 1) if smoke else (5_000_000, 5)
    for name in ("async_plot", *(name for name in rivals if name == "tqdm")):
        late = isolated(_lateness, name, quick, steps, timeout=120)
        ours = name == "async_plot"
        yield Row(
            f"{name}: {quick:,} quick steps, then slow ones: seen after",
            f"<= {seconds(LATEST)}" if ours else "",
            f"{seconds(median(late))} (worst {seconds(max(late))})",
            reached=max(late) <= LATEST if ours else None,
            rival=not ours,
            values={"late": late},
        )


def _rounds(rival: str, rounds: int) -> int:
    """Rivals need fewer: they are far from any limit."""
    return max(3, rounds // 5) if rival else rounds


def _loops(found: dict[str, list[float]]) -> Iterator[Row]:
    bare = {name[5:]: times for name, times in found.items() if name[:5] == "bare "}
    rival = len(bare) == 1
    for name, times in found.items():
        what = next((kind for kind in bare if name.endswith(kind)), "range")
        over = median([each - floor for each, floor in zip(times, bare[what])])
        ours = name.startswith(("track", "async_plot"))
        limit = COUNTED if what == "generator" else POLLED
        if name.startswith("bare"):
            if rival:
                continue
            yield Row(f"{name}, per item", measured=seconds(median(times)))
            continue
        yield Row(
            f"{name}, over the bare loop",
            f"<= {seconds(limit)}" if ours else "",
            seconds(over),
            reached=over <= limit if ours else None,
            rival=rival and not ours,
            values={"over": over},
        )


def _updates(found: dict[str, list[float]]) -> Iterator[Row]:
    empty = found.pop("empty")
    floor = median(empty)
    for name, times in found.items():
        ratio = median([each / beside for each, beside in zip(times, empty)])
        ours = name.startswith("async_plot")
        yield Row(
            f"{name}: update(1)",
            f"<= {MOST:g}x an empty method" if ours else "",
            f"{seconds(median(times))} (empty: {seconds(floor)})",
            ratio,
            ratio <= MOST if ours else None,
            rival=not ours,
        )


# -- in a process of its own -------------------------------------------------------


def _silent() -> Any:
    # What is drawn goes nowhere, for all alike.
    sys.stderr = sys.stdout = open(os.devnull, "w")
    return sys.stderr


def _loop_times(items: int, rounds: int, rival: str) -> dict[str, list[float]]:
    from async_plot import tqdm, track

    nowhere = _silent()
    numbers, many = range(items), list(range(items))

    def generator() -> Iterator[int]:
        yield from numbers

    cases: dict[str, Callable[[], Iterable[Any]]] = {
        "bare range": lambda: numbers,
        rival: _iterating(rival, numbers, nowhere) if rival else generator,
    }
    ours: dict[str, Callable[[], Iterable[Any]]] = {
        "bare range": lambda: numbers,
        "bare list": lambda: many,
        "bare generator": generator,
        "itertools.chain of a range": lambda: itertools.chain(numbers),  # what it is
        "track of a range": lambda: track(numbers),
        "async_plot.tqdm of a list": lambda: tqdm(many),
        "track of a generator": lambda: track(generator(), items),
    }
    cases = cases if rival else ours
    found: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        # One order and the other, so that nobody profits from it.
        for name in list(cases) if number % 2 else reversed(cases):
            found[name].append(_loop(cases[name](), items - 1) / items)
    return found


def _loop(iterable: Iterable[Any], last: int) -> float:
    iterator = iter(iterable)
    before = time.perf_counter()
    for item in iterator:
        if item == last:  # the end of a bar is no cost of an item
            after = time.perf_counter()
    return after - before


def _iterating(name: str, numbers: range, nowhere: Any) -> Callable[[], Iterable[Any]]:
    if name == "tqdm":
        from tqdm import tqdm

        return lambda: tqdm(numbers, file=nowhere)
    if name == "rich":
        from rich.console import Console
        from rich.progress import track

        return lambda: track(numbers, console=Console(file=nowhere))
    if name == "progressbar2":
        import progressbar

        return lambda: progressbar.progressbar(numbers, fd=nowhere)
    if name == "alive-progress":
        from alive_progress import alive_it

        return lambda: alive_it(numbers, file=nowhere)
    import enlighten

    manager = enlighten.get_manager(stream=nowhere, enabled=False)
    return lambda: manager.counter(total=len(numbers))(numbers)


def _update_times(calls: int, rounds: int, rival: str) -> dict[str, list[float]]:
    import async_plot

    nowhere = _silent()
    owners: dict[str, Any] = {"empty": Empty()}
    if not rival:
        owners["async_plot.progress"] = async_plot.progress(total=1e12)
        owners["async_plot.tqdm"] = async_plot.tqdm(total=1e12)
    if rival == "tqdm":
        from tqdm import tqdm

        owners["tqdm"] = tqdm(total=1e12, file=nowhere)
    if rival == "rich":
        from rich.console import Console
        from rich.progress import Progress

        progress = Progress(console=Console(file=nowhere))
        progress.start()
        task = progress.add_task("", total=1e12)
        owners["rich"] = Empty()
        owners["rich"].update = lambda n: progress.advance(task, n)
    if rival == "progressbar2":
        import progressbar

        bar = progressbar.ProgressBar(max_value=1e12, fd=nowhere).start()
        owners["progressbar2"] = Empty()
        owners["progressbar2"].update = bar.increment
    steps = {
        name: timeit.Timer("owner.update(1)", globals={"owner": owner})
        for name, owner in owners.items()
    }
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds):
        for name in list(steps) if number % 2 else reversed(steps):
            found[name].append(steps[name].timeit(calls) / calls)
    return found


class _Watched(io.StringIO):
    """A terminal that notes when which count was on it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, float] = {}

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        now = time.perf_counter()
        for count in re.findall(r" (\d+)/\d+ \[", text):
            self.seen.setdefault(int(count), now)
        return len(text)


def _lateness(name: str, quick: int, steps: int) -> list[float]:
    if name == "tqdm":
        from tqdm import tqdm
    else:
        from async_plot import tqdm  # type: ignore[assignment]

    terminal = _Watched()
    done: dict[int, float] = {}
    for index in tqdm(range(quick + steps), file=terminal, ncols=70):
        if index > quick:
            done[index] = time.perf_counter()  # so many are done as this one begins
        if index >= quick:
            time.sleep(0.5)
    end = time.perf_counter()
    return [
        max(
            0.0,
            min((at for n, at in terminal.seen.items() if n >= count), default=end)
            - at,
        )
        for count, at in done.items()
    ] or [0.0]


if __name__ == "__main__":
    main("bars", measure)
