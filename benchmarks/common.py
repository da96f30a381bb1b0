"""What the benchmarks share: timing, pairing, rows of results. Knows no rival."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

# For the processes that are started from here: the second core is the viewer's.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # a benchmark measures the tree that it lies in
    sys.path.insert(0, str(ROOT))
_PATH = os.environ.get("PYTHONPATH", "")
if str(ROOT) not in _PATH.split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), _PATH)))

__all__ = [
    "ROOT",
    "Row",
    "context",
    "installed",
    "interleave",
    "isolated",
    "machine",
    "main",
    "median",
    "quantile",
    "run_files",
    "seconds",
    "wait_until",
]

context = multiprocessing.get_context("spawn")
median = statistics.median
now = time.perf_counter_ns  # one clock for all processes of a machine


@dataclass
class Row:
    """One measured line of a table.

    Attributes
    ----------
    what : str
        What was measured.
    target : str
        What must be reached, in words; empty where this line only informs.
    measured : str
        What was found, with its unit.
    ratio : float or None
        Measured / floor, where the target is one of ratios.
    reached : bool or None
        None where there is no target.
    group : str
        Name of the benchmark.
    rival : bool
        The line is about another package.
    values : dict
        The numbers behind the text.
    """

    what: str
    target: str = ""
    measured: str = ""
    ratio: float | None = None
    reached: bool | None = None
    group: str = ""
    rival: bool = False
    values: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The line as a terminal shows it."""
        mark = {True: "yes", False: "NO", None: ""}[self.reached]
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}x"
        name = f"  {self.what}" if self.rival else self.what
        return f"{name:<58} {self.target:<22} {self.measured:<30} {ratio:>8} {mark}"

    def as_json(self) -> str:
        """The line as one JSON object."""
        return json.dumps(asdict(self))


def seconds(value: float) -> str:
    """A duration with three digits and a unit that fits."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if abs(value) * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleave(
    first: Callable[[], float], second: Callable[[], float], rounds: int
) -> list[tuple[float, float]]:
    """Run two measurements in turns, so that a noisy moment meets both.

    The order changes each round, so that neither profits from coming second.
    """
    pairs = []
    for index in range(rounds):
        if index % 2:
            b = second()
            a = first()
        else:
            a = first()
            b = second()
        pairs.append((a, b))
    return pairs


def wait_until(
    condition: Callable[[], Any], limit: float = 20.0, step: float = 0.005
) -> bool:
    """Poll until the condition holds, at most `limit` seconds; say whether it did."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


@contextlib.contextmanager
def run_files() -> Iterator[Path]:
    """Keep the run files of a benchmark away from the user's own."""
    before = os.environ.get("ASYNC_PLOT_HOME")
    with tempfile.TemporaryDirectory(prefix="async-plot-bench-") as path:
        os.environ["ASYNC_PLOT_HOME"] = path
        try:
            yield Path(path)
        finally:
            if before is None:
                del os.environ["ASYNC_PLOT_HOME"]
            else:
                os.environ["ASYNC_PLOT_HOME"] = before


def isolated(function: Callable[..., Any], *args: Any, timeout: float) -> Any:
    """Run a function of a module in a process group of its own; all of it ends.

    Raises
    ------
    TimeoutError
        If it takes longer than `timeout` seconds.
    RuntimeError
        If it raised something, or its process died.
    """
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_isolated, args=(sending, function, args))
    process.start()
    sending.close()
    try:
        if not receiving.poll(timeout):
            raise TimeoutError(f"no result after {timeout:g} s")
        try:
            failed, result = receiving.recv()
        except EOFError:
            raise RuntimeError("the process died") from None
        if failed:
            raise RuntimeError(result)
        return result
    finally:
        receiving.close()
        process.kill()
        # What it started, stopped or blocked as it may be, is in its group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()


def _isolated(
    sending: Any, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    os.setpgid(0, 0)
    if not sys.flags.dev_mode:
        # Rivals and what they start complain when they are ended. Errors of ours
        # come back through the pipe; ``python -X dev`` shows the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        answer = False, function(*args)
    except BaseException as error:  # told by the other side
        answer = True, f"{type(error).__name__}: {error}"
    sending.send(answer)
    sending.close()
    time.sleep(3600)  # no exit hook of a rival delays us: the other side ends this


def installed(package: str) -> str | None:
    """Version of a package that may be missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, str]:
    """Where and with what this was measured."""
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0)))
        if hasattr(os, "sched_getaffinity")
        else str(os.cpu_count()),
        "Python": platform.python_version(),
    }
    for package in (
        "numpy",
        "matplotlib",
        "msgpack",
        "PySide6-Essentials",
        "pyzmq",
        "rerun-sdk",
        "pyqtgraph",
    ):
        facts[package] = installed(package) or "not installed"
    return facts


def main(name: str, measure: Callable[[bool], Iterable[Row]]) -> None:
    """Run one benchmark as a script; it knows ``--smoke`` and ``--json``."""
    smoke = "--smoke" in sys.argv[1:]
    with run_files():
        for row in measure(smoke):
            row.group = name
            print(row.as_json() if "--json" in sys.argv[1:] else row.text(), flush=True)
