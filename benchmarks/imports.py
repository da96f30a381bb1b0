"""Row: the first import, in fresh interpreters, against numpy's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from common import Row, interleave, main, median, seconds

__all__ = ["measure"]

MOST = 1.3
_CODE = """\
import time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
import sys
print("matplotlib" in sys.modules)
"""
OURS = "from async_plot import Server, Plotter"


def measure(smoke: bool = False) -> Iterator[Row]:
    """Import both in turns."""
    _run(OURS)  # writes the bytecode, reads the disk
    _run("import numpy")
    pairs = interleave(
        lambda: _run(OURS)[0], lambda: _run("import numpy")[0], 2 if smoke else 25
    )
    found, floor = (median(side) for side in zip(*pairs))
    yield Row(
        OURS,
        f"<= {MOST}x import numpy",
        f"{seconds(found)} (numpy: {seconds(floor)})",
        found / floor,
        found <= MOST * floor,
        values={"median": found, "numpy": floor},
    )
    loaded = _run(OURS)[1]
    yield Row(
        "matplotlib loaded by it",
        "no",
        "yes" if loaded else "no",
        reached=not loaded,
        values={"loaded": loaded},
    )


def _run(statement: str) -> tuple[float, bool]:
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
    )
    elapsed, loaded = done.stdout.split()
    return float(elapsed), loaded == "True"


if __name__ == "__main__":
    main("import", measure)
