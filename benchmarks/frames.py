"""Row: frames drawn per second, against the same canvas drawn in a bare loop.

Both draw one line of 100 points, off-screen and in real windows on a display of its
own (Xvfb), in turns. The viewer's limit of frames per second is lifted. Then: frames
with the strip of a job of eight workers, for a second of the viewer's processor time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from common import (
    Row,
    context,
    installed,
    isolated,
    main,
    median,
    run_files,
    wait_until,
)
from plotters import BlittedLine, Line

__all__ = ["measure"]

SHARE = 0.9  # of the bare loop
BLITTED = {"QtAgg": 5.0, "TkAgg": 3.0}  # times the bare loop that draws all
BESIDE = 0.93  # of the frames without a job, with the strip of one that goes on
SETTLED = 3.5  # seconds after which the strip of an ended job is drawn no more
SEGMENT = 1.0  # seconds; in a smoke test a fifth
NAMES = {"Agg": "off-screen", "QtAgg": "Qt window", "TkAgg": "Tk window"}


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure each canvas, drawn whole and blitted."""
    pairs, segment = (1, SEGMENT / 5) if smoke else (7, SEGMENT)
    with _display() as display:
        for backend in ("Agg",) if smoke else NAMES:
            if backend != "Agg" and not display:
                yield Row(f"{NAMES[backend]}: left out, Xvfb is missing", measured="-")
                continue
            if backend == "QtAgg" and not installed("PySide6-Essentials"):
                yield Row(f"{NAMES[backend]}: left out, no Qt", measured="-")
                continue
            yield from _rows(backend, display, pairs, segment)
            if backend != "Agg":
                yield _beside_a_job(backend, display, pairs, segment)


def _rows(backend: str, display: str, pairs: int, segment: float) -> Iterator[Row]:
    for blitted in (False, True) if backend in BLITTED else (False,):
        ratio, found, floor = isolated(
            _measured, backend, display, blitted, pairs, segment, timeout=90
        )
        least = BLITTED[backend] if blitted else SHARE
        what = "blitted" if blitted else "drawn"
        yield Row(
            f"{NAMES[backend]}: frames {what} per second",
            f">= {least:g}x a bare loop",
            f"{found:.0f} (bare: {floor:.0f})",
            ratio,
            ratio >= least,
            values={"rate": found, "bare": floor},
        )


def _measured(
    backend: str, display: str, blitted: bool, pairs: int, segment: float
) -> tuple[float, float, float]:
    from async_plot import Server

    os.environ["MPLBACKEND"] = backend
    os.environ.update({"DISPLAY": display} if display else {})
    os.environ.pop("QT_QPA_PLATFORM", None)
    x = np.linspace(0, 1, 100)
    with contextlib.ExitStack() as stack:
        stack.enter_context(run_files())
        ours, theirs = context.Pipe()
        bare = context.Process(target=_bare, args=(backend, theirs), daemon=True)
        bare.start()
        stack.callback(bare.kill)
        plotter = BlittedLine if blitted else Line
        server = stack.enter_context(Server(plotter, view=None, overhead=1))
        server.update(x, x)
        viewer = context.Process(
            target=_view, args=(backend, str(server.connection_file)), daemon=True
        )
        viewer.start()
        stack.callback(viewer.kill)
        if not wait_until(lambda: _drawn(server) or not viewer.is_alive(), 40):
            raise RuntimeError("the viewer draws nothing")

        def watched() -> float:
            _update(server, x, 0.2)
            before, start = _drawn(server), time.monotonic()
            _update(server, x, segment)
            return (_drawn(server) - before) / (time.monotonic() - start)

        def alone() -> float:
            time.sleep(0.1)  # the viewer is done with its last frame
            ours.send(segment)
            return float(ours.recv())

        watched(), alone()
        rates = [(watched(), alone()) for _ in range(pairs)]
    return (
        median([a / b for a, b in rates]),
        median([a for a, _ in rates]),
        median([b for _, b in rates]),
    )


def _beside_a_job(backend: str, display: str, pairs: int, segment: float) -> Row:
    ratio, found, floor = isolated(
        _with_a_job, backend, display, pairs, segment, timeout=150
    )
    return Row(
        f"{NAMES[backend]}: frames blitted with a job's strip, per second of CPU",
        f">= {BESIDE:g}x without",
        f"{found:.0f} (without: {floor:.0f})",
        ratio,
        ratio >= BESIDE,
        values={"rate": found, "without": floor},
    )


class _Told:
    """What a job, or one of its workers, says of itself."""

    ended = False

    def __init__(self, message: Any) -> None:
        from async_plot.jobs.desk import desk

        self.key = desk.new_key()
        self.message = message
        desk.add(self)

    def mark(self) -> int:
        return id(self.message)

    def look(self, now: float) -> Any:
        return self.message


def _with_a_job(
    backend: str, display: str, pairs: int, segment: float
) -> tuple[float, float, float]:
    """Measure one window in turns, while a job goes on and after it has ended."""
    import psutil

    from async_plot import Server

    os.environ.update({"MPLBACKEND": backend, "DISPLAY": display})
    os.environ.pop("QT_QPA_PLATFORM", None)
    x = np.linspace(0, 1, 100)
    with contextlib.ExitStack() as stack:
        stack.enter_context(run_files())
        server = stack.enter_context(Server(BlittedLine, view=None, overhead=1))
        server.update(x, x)
        viewer = context.Process(
            target=_view, args=(backend, str(server.connection_file)), daemon=True
        )
        viewer.start()
        stack.callback(viewer.kill)
        if not wait_until(lambda: _drawn(server) or not viewer.is_alive(), 40):
            raise RuntimeError("the viewer draws nothing")
        told = [_Told(_bar()), *(_Told(_worker(number)) for number in range(1, 9))]
        process = psutil.Process(viewer.pid)

        def rate(*, goes_on: bool) -> float:
            state = "running" if goes_on else "finished"
            told[0].message = replace(told[0].message, state=state)
            _update(server, x, 0.3 if goes_on else SETTLED)
            before, start = _drawn(server), sum(process.cpu_times()[:2])
            end = time.monotonic() + segment
            while time.monotonic() < end:
                _update(server, x, 0.05)
                for each in told if goes_on else ():
                    each.message = replace(each.message, done=each.message.done + 1)
            return (_drawn(server) - before) / (sum(process.cpu_times()[:2]) - start)

        rate(goes_on=True)
        rates = [(rate(goes_on=True), rate(goes_on=False)) for _ in range(pairs)]
    return (
        median([a / b for a, b in rates]),
        median([a for a, _ in rates]),
        median([b for _, b in rates]),
    )


def _bar() -> Any:
    from async_plot.wire.messages import Progress

    named = ("j", "", "j", "", "samples", "it")
    return Progress(*named, 10.0, 1e5, 0, 9.0, 9.0, 1e4, "running", "", [], True)


def _worker(number: int) -> Any:
    from async_plot.wire.messages import Worker

    who = (f"w{number}", number, "j", 4000 + number, "node7", "", "working")
    task = (2, 1, number, f"x={number}, seed=3", time.time(), number, 0)
    return Worker(*who, *task, 0.97, 1.2e8, 0.8, 0.3, 2.5, 70.0, 0.0, "")


def _update(server: Any, x: Any, length: float) -> None:
    end = time.monotonic() + length
    while (now := time.monotonic()) < end:
        server.update(x, np.sin(10 * x + now))
        time.sleep(0.0005)


def _drawn(server: Any) -> int:
    """Frames sent: each but the last was drawn, since it was asked for afterwards."""
    return sum(viewer.frames for viewer in server.viewers)


def _view(backend: str, file: str) -> None:
    from async_plot import Client

    if backend == "Agg":
        from async_plot.views import offscreen

        offscreen.run(Client(file), max_rate=1e6)
    else:
        from async_plot.views import window

        window.show(Client(file), max_rate=1e6)


def _bare(backend: str, connection: Any) -> None:
    import matplotlib

    matplotlib.use(backend)
    from matplotlib import pyplot

    figure = pyplot.figure()
    plotter = Line(figure)
    x = np.linspace(0, 1, 100)
    if backend != "Agg":
        figure.show()
        figure.canvas.flush_events()
    while True:
        length = connection.recv()
        count, start = 0, time.monotonic()
        while (now := time.monotonic()) < start + length:
            plotter.draw(x, np.sin(10 * x + now))
            figure.canvas.draw()
            figure.canvas.flush_events()
            count += 1
        connection.send(count / (now - start))


@contextlib.contextmanager
def _display() -> Iterator[str]:
    """Start an X server of our own; gives its name, empty where there is none."""
    program = shutil.which("Xvfb")
    if program is None:
        yield ""
        return
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [program, "-displayfd", str(writing), "-screen", "0", "1280x1024x24"]
        + ["-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main("frames", measure)
