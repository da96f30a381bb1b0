"""``async-plot runs``: the runs of this user on this machine, as a table or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..net import death, files, runs
from ..wire.framing import printable
from . import ENDED_SHOWN

if TYPE_CHECKING:
    import argparse

    from ..net.runs import Run

__all__ = ["age", "run", "state_of", "table"]


def run(options: argparse.Namespace) -> int:
    """List the runs."""
    found = runs.list_runs()
    alive = [each for each in found if each.alive]
    ended = [each for each in found if not each.alive]
    shown = alive + (ended if options.all else ended[:ENDED_SHOWN])
    now = time.time()
    if options.json:
        print(json.dumps([_described(run) for run in shown], indent=1))
        return 0
    if not shown:
        print(f"no run of this user on {files.hostname()}", file=sys.stderr)
        return 0
    rows = [("NAME", "STATE", "PID", "STARTED", "AGE", "ADDRESS")]
    for run in shown:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
        rows.append(
            (
                printable(run.name),
                state_of(run),
                str(run.pid),
                started,
                age(now - run.started),
                "{}:{}".format(*(run.remote or run.address))
                if run.alive and run.address
                else "-",
            )
        )
    print(*table(rows), sep="\n")
    if len(ended) > ENDED_SHOWN and not options.all:
        print(f"and {len(ended) - ENDED_SHOWN} that ended before: --all")
    return 0


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def state_of(run: Run) -> str:
    """State as it is: a run whose process is gone without a word was killed or lost."""
    return death.fate(run).state


def age(seconds: float) -> str:
    """Two units at most, as a person would say it."""
    left = max(0, int(seconds))
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60)):
        if left >= size:
            return f"{left // size}{unit} {left % size // part}{smaller}"
    return f"{left // 60}m {left % 60}s" if left >= 60 else f"{left}s"


# -- private -----------------------------------------------------------------------


def _described(run: Run) -> dict[str, Any]:
    """What programs are told of a run. Its key is not among it."""
    fate = death.fate(run)
    return {
        "name": run.name,
        "run": run.run,
        "state": fate.state,
        "reason": fate.reason,
        "pid": run.pid,
        "host": run.host,
        "python": run.python,
        "started": run.started,
        "address": list(run.address) if run.alive and run.address else None,
        "remote": list(run.remote) if run.alive and run.remote else None,
        "connection_file": str(run.connection_file),
    }
