"""Rows: what the terminal view costs: bars ten times a second, scrolling, its start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
from common import Row, installed, interleave, main, median, quantile, seconds

from async_plot import Server

__all__ = ["measure"]

BARS, MANY, RATE = 64, 1000, 10.0
SIZE = 110, 70  # cells
SHARE = 0.15  # of one core
FLUID = 0.1  # seconds from a key to the whole screen: ten screens a second
START = 1.0  # seconds to the first screen

_TOP = [sys.executable, "-m", "async_plot", "top", "bench", "--no-plot"]
# The rival: a display of as many bars, in the process that moves them.
_RICH = f"""
import sys, time
from rich.console import Console
from rich.live import Live
from rich.progress import Progress
bars, rate = int(sys.argv[1]), {RATE}
console = Console(force_terminal=True)
progress = Progress(console=console, auto_refresh=False)
tasks = [progress.add_task(f"bar {{k}}", total=1e6) for k in range(bars)]
with Live(progress, console=console, screen=True, refresh_per_second=rate):
    while True:
        for task in tasks:
            progress.advance(task)
        time.sleep(1 / rate)
"""


class Terminal:
    """A program on a pty, whose output is counted and thrown away."""

    def __init__(self, command: Sequence[str]) -> None:
        self.begun = time.perf_counter()
        self.master, slave = pty.openpty()
        size = struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        environment = {**os.environ, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
        )
        os.close(slave)
        self.known = psutil.Process(self.process.pid)

    def read(self, limit: float) -> bytes:
        """What comes next, or nothing within that time."""
        if select.select([self.master], [], [], limit)[0]:
            with contextlib.suppress(OSError):
                return os.read(self.master, 1 << 16)
        return b""

    def wait_for(self, text: bytes, limit: float = 60.0) -> float:
        """Wait for a text; seconds since the start."""
        found = b""
        deadline = time.perf_counter() + limit
        while text not in found:
            found = found[-1000:] + self.read(0.1)
            if time.perf_counter() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"no {text!r} on the screen: {found[-500:]!r}")
        return time.perf_counter() - self.begun

    def cpu(self, span: float) -> float:
        """Share of a core that it uses in the next seconds."""
        before, begun = self.known.cpu_times(), time.perf_counter()
        while time.perf_counter() - begun < span:
            self.read(0.05)
        after, took = self.known.cpu_times(), time.perf_counter() - begun
        used = after.user + after.system - before.user - before.system
        return used / took

    def scroll(self, key: bytes) -> float:
        """Press a key; seconds until the last of what it brings."""
        while self.read(0.03):
            pass
        begun = last = time.perf_counter()
        os.write(self.master, key)
        came = False
        while time.perf_counter() - begun < 2.0:
            if self.read(0.03):
                last, came = time.perf_counter(), True
            elif came:
                break
        return last - begun

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@contextlib.contextmanager
def _terminal(command: Sequence[str]) -> Iterator[Terminal]:
    terminal = Terminal(command)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def _run(bars: int, rate: float) -> Iterator[None]:
    """A run with so many bars, each of which moves so often; 0: they stand."""
    ended = threading.Event()
    with Server(view=None, name="bench") as server:
        made: list[Any] = []

        def begin(name: str) -> None:
            made.append(server.progress(10**6, desc=name))

        for k in range(bars):  # a thread for each: else one would lie in another
            beginner = threading.Thread(target=begin, args=(f"bar {k}",))
            beginner.start()
            beginner.join()

        def move() -> None:
            while rate and not ended.wait(1 / rate):
                for bar in made:
                    bar.update(1)

        mover = threading.Thread(target=move)
        mover.start()
        try:
            yield
        finally:
            ended.set()
            mover.join()


def measure(smoke: bool = False) -> Iterator[Row]:
    """Measure CPU, then scrolling, then the start."""
    span, rounds = (0.5, 1) if smoke else (4.0, 7)
    rival = not smoke and installed("rich")
    rich = [sys.executable, "-c", _RICH, str(BARS)]
    yield from _cpu(span, rounds, rich if rival else None)
    yield from _scrolling(3 if smoke else 60)
    yield from _start(rounds, rich if rival else None)


def _cpu(span: float, rounds: int, rich: Sequence[str] | None) -> Iterator[Row]:
    with _run(BARS, RATE), contextlib.ExitStack() as stack:
        top = stack.enter_context(_terminal(_TOP))
        top.wait_for(b"bar 60")
        top.cpu(span / 4)
        if rich is None:
            pairs = [(top.cpu(span), 0.0)]
        else:
            other = stack.enter_context(_terminal(rich))
            other.wait_for(b"bar 60")

            def alone(chosen: Terminal, still: Terminal) -> float:
                still.process.send_signal(19)  # SIGSTOP
                try:
                    return chosen.cpu(span)
                finally:
                    still.process.send_signal(18)

            pairs = interleave(
                lambda: alone(top, other), lambda: alone(other, top), rounds
            )
    ours = median([pair[0] for pair in pairs])
    yield Row(
        f"async-plot top: {BARS} bars, {RATE:g} times a second: of a core",
        f"<= {100 * SHARE:.0f} %",
        f"{100 * ours:.1f} %",
        reached=ours <= SHARE,
        values={"pairs": pairs},
    )
    if rich is not None:
        theirs = median([pair[1] for pair in pairs])
        yield Row(
            f"rich Live: {BARS} bars, {RATE:g} times a second: of a core",
            measured=f"{100 * theirs:.1f} %",
            rival=True,
        )


def _scrolling(keys: int) -> Iterator[Row]:
    with _run(MANY, 0.0), _terminal(_TOP) as top:
        top.wait_for(b"bar 60")
        pages = [top.scroll(b"\x1b[6~") for _ in range(min(keys, 12))]
        rows = [top.scroll(b"j") for _ in range(2)]
        pages += [
            top.scroll(b"\x1b[5~" if k // 12 % 2 == 0 else b"\x1b[6~")
            for k in range(keys - len(pages))
        ]
    slow = quantile(pages, 0.9)
    yield Row(
        f"{MANY} bars: from a key to another screen of {SIZE[1]} lines",
        f"<= {seconds(FLUID)}",
        f"{seconds(median(pages))} (9 of 10 within {seconds(slow)})",
        reached=median(pages) <= FLUID,
        values={"pages": pages, "rows": rows},
    )


def _start(rounds: int, rich: Sequence[str] | None) -> Iterator[Row]:
    def started(command: Sequence[str], text: bytes) -> float:
        with _terminal(command) as terminal:
            return terminal.wait_for(text)

    with _run(2, 0.0):
        pairs = interleave(
            lambda: started(_TOP, b"bar 1"),
            (lambda: started(rich, b"bar 1")) if rich else (lambda: 0.0),
            rounds,
        )
    ours = median([pair[0] for pair in pairs])
    yield Row(
        "async-plot top: from the command to a run's bars",
        f"<= {seconds(START)}",
        seconds(ours),
        reached=ours <= START,
        values={"pairs": pairs},
    )
    if rich is not None:
        theirs = median([pair[1] for pair in pairs])
        yield Row(
            "rich Live: from the command to its bars",
            measured=seconds(theirs),
            rival=True,
        )


if __name__ == "__main__":
    main("terminal", measure)
