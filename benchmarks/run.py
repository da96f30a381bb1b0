"""Run the benchmarks, each in an interpreter of its own, and write the tables.

``python benchmarks/run.py [--smoke] [--only NAME]... [--write]``. Nothing else should
run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from common import ROOT, Row, machine

__all__ = ["BENCHMARKS", "main"]

HERE = Path(__file__).resolve().parent
TABLES = ROOT / "docs" / "performance_tables.rst"
README = ROOT / "README.rst"
BEGIN, END = ".. measured table: begin", ".. measured table: end"
# What of each table stands in the README, by a part of the row's name.
TELLING = {
    "hotpath": ("update(x, y), no", "one call"),
    "snapshot": ("no viewer",),
    "slowdown": ("pure Python loop",),
    "suspended": ("suspended",),
    "latency": (
        "async_plot: 100 points, loop sleeps",
        "raw TCP: 100 points, loop sleeps",
        "copied: 100 points, loop sleeps",
        "pickled: 100 points, loop sleeps",
        "async_plot: 16 MiB, loop sleeps",
        "raw TCP: 16 MiB, loop sleeps",
        "copied: 16 MiB, loop sleeps",
    ),
    "slots": ("MiB",),
    "frames": ("per second",),
    "viewers": ("100 viewers",),
    "tls": ("TLS",),
    "recording": ("recorded",),
    "workers": ("workers",),
    "maps": ("one task", "1 ms, a viewer"),
    "clusters": ("dask",),
    "imports": ("import",),
    "terminal": ("top:", "another screen"),
    "bars": ("track of", "tqdm of a list", "update(1)", "slow ones", "over the bare"),
}
RESULTS = HERE / "results.json"
LIMIT = 600  # seconds of one benchmark
# File -> title of its table, in the order of the tables.
BENCHMARKS = {
    "hotpath": "A call when no frame is due",
    "snapshot": "A call that takes a snapshot",
    "slowdown": "Slowdown of a calculation with a live viewer",
    "suspended": "A viewer that is suspended",
    "latency": "From the call to the array in the viewer",
    "slots": "Big frames to a viewer on the same machine",
    "frames": "Frames drawn per second",
    "viewers": "Many viewers",
    "tls": "A viewer on another machine",
    "recording": "A run that is recorded",
    "workers": "Workers that report",
    "maps": "A function mapped over many items",
    "clusters": "A job on a cluster",
    "imports": "The first import",
    "bars": "A bar in the loop",
    "terminal": "The view in a terminal",
}
RIVALS = ("pyzmq", "rerun-sdk", "pyqtgraph", "matplotlib", "PySide6-Essentials")


def main() -> int:
    """Measure, print and maybe write; 1 if a benchmark did not end well."""
    parser = argparse.ArgumentParser(description="Measure async_plot and its rivals.")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, no rivals")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME")
    parser.add_argument(
        "--write", action="store_true", help="write the documentation's tables"
    )
    given = parser.parse_args()
    if given.smoke and given.write:
        parser.error("--smoke measures too little to be written")
    facts = machine()
    for name, value in facts.items():
        print(f"{name}: {value}")
    for name in RIVALS:
        if facts[name] == "not installed":
            print(f"{name} is not installed: left out")
    rows: dict[str, list[Row]] = {}
    broken = []
    start = time.monotonic()
    for name in given.only or BENCHMARKS:
        print(f"\n{BENCHMARKS[name]}", flush=True)
        rows[name] = []
        try:
            for row in _measure(name, given.smoke):
                rows[name].append(row)
                print(row.text(), flush=True)
        except RuntimeError as error:
            broken.append(name)
            print(f"{name}: {error}", flush=True)
    aimed = [row for group in rows.values() for row in group if row.reached is not None]
    reached = sum(bool(row.reached) for row in aimed)
    elapsed = time.monotonic() - start
    print(f"\n{reached} of {len(aimed)} targets reached, in {elapsed:.0f} s")
    if given.write and not broken:
        _write(facts, rows)
    return int(bool(broken))


def _measure(name: str, smoke: bool) -> Iterator[Row]:
    command = [sys.executable, str(HERE / f"{name}.py"), "--json"]
    process = subprocess.Popen(
        command + ["--smoke"] * smoke, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + LIMIT
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield Row(**json.loads(line))
            if time.monotonic() > deadline:
                raise RuntimeError(f"no end after {LIMIT} s")
        if process.wait():
            raise RuntimeError(f"exit status {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _write(facts: dict[str, str], rows: dict[str, list[Row]]) -> None:
    """Write tables and numbers; a partial run replaces its own parts alone."""
    kept: dict[str, list[dict[str, object]]] = {}
    if RESULTS.exists():
        kept = json.loads(RESULTS.read_text())["rows"]
    kept.update({name: [vars(row) for row in group] for name, group in rows.items()})
    kept = {name: kept[name] for name in BENCHMARKS if name in kept}
    RESULTS.write_text(json.dumps({"machine": facts, "rows": kept}, indent=1) + "\n")
    lines = [
        "Measured with " + ", ".join(f"{k} {v}" for k, v in facts.items() if _told(k)),
        f"on {facts['system']} with {facts['cores']} cores, {facts['date']}.",
        "",
    ]
    for name, group in kept.items():
        lines += [
            f".. list-table:: {BENCHMARKS[name]}",
            "   :header-rows: 1",
            "   :widths: 38 20 26 8 8",
            "",
            "   * - What",
            "     - Must reach",
            "     - Measured",
            "     - Ratio",
            "     - Reached",
        ]
        for item in group:
            lines += _line(Row(**item))  # type: ignore[arg-type]
        lines.append("")
    TABLES.write_text("\n".join(lines))
    _write_readme(kept)
    print(f"wrote {TABLES}, {RESULTS} and the table of {README}")


def _line(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
    mark = {True: "yes", False: "**no**", None: ""}[row.reached]
    cells = (_cell(row.target), _cell(row.measured), ratio, mark)
    return [
        f"   * - {_cell(row.what)}",
        *(f"     - {cell}".rstrip() for cell in cells),
    ]


def _write_readme(kept: dict[str, list[dict[str, object]]]) -> None:
    """Put the rows that tell most into the README, between its two marks."""
    table = [("what", "measured", "ratio", "must reach", "reached")]
    for name, group in kept.items():
        for item in group:
            row = Row(**item)  # type: ignore[arg-type]
            if any(part in row.what for part in TELLING.get(name, ())):
                ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
                mark = {True: "yes", False: "no", None: ""}[row.reached]
                cells = (row.what, row.measured, ratio, row.target, mark)
                table.append(tuple(_cell(cell) for cell in cells))
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    rule = "  ".join("=" * width for width in widths)
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in table
    ]
    lines = [BEGIN, "", rule, text[0], rule, *text[1:], rule, "", END]
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + "\n".join(lines) + after)


def _told(name: str) -> bool:
    return name not in ("date", "system", "cores")


def _cell(text: str) -> str:
    """Text for a cell: `x` in backquotes is code, as in the terminal."""
    escaped = text.replace("*", r"\*").replace("_", r"\_")
    parts = escaped.split("`")
    return "".join(
        part if index % 2 == 0 else f"``{part}``" for index, part in enumerate(parts)
    )


if __name__ == "__main__":
    sys.exit(main())
