"""Viewers for the tests of the promise: in a thread, or in a process to be hurt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psutil

from async_plot.client import Client
from async_plot.wire.messages import Message

from ..helpers import AMPLE, ROOT, eventually

__all__ = ["FAKE_VIEWER", "Messages", "ProcessViewer", "Watcher"]

# Prints number, first element, whether elements differ; then takes its time.
_VIEWER = """
import sys, time
import numpy as np
from async_plot.client import Client
pause = float(sys.argv[2])
print("ready", flush=True)
for frame in Client(sys.argv[1]):
    values = np.asarray(frame.args[0])
    first = values.flat[0]
    print(frame.number, float(first), int((values != first).any()), flush=True)
    time.sleep(pause)
print("end", flush=True)
"""

# Stands for the viewer's interpreter: ignores the code that it is handed and, with
# the connection file of that code, says that a figure is open, until the run ends.
FAKE_VIEWER = """
import os, re, sys
from async_plot.client import Client
from async_plot.wire.messages import Opened, Welcome
path = re.search(r"main\\('(.*?)'\\)", sys.argv[-1]).group(1)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.getpid()} {os.getsid(0)}\\n")
client = Client(path)
for message in client.messages():
    if isinstance(message, Welcome):
        client.say(Opened("fake"))
"""


class Watcher:
    """A client that iterates in a thread and keeps what it got.

    Attributes
    ----------
    frames : list of ReceivedFrame
    times : list of float
        When each came, on the monotonic clock.
    error : BaseException or None
        What ended the iteration early.
    """

    def __init__(self, run: Any, **options: Any) -> None:
        self.client = Client(run, **options)
        self.frames: list[Any] = []
        self.times: list[float] = []
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="watcher")
        self.thread.start()

    def _run(self) -> None:
        try:
            for item in self._items():
                self.times.append(time.monotonic())
                self.frames.append(item)
        except Exception as error:
            self.error = error

    def _items(self) -> Any:
        return self.client

    @property
    def newest(self) -> int:
        """Number of the newest frame."""
        return self.frames[-1].number if self.frames else 0

    def wait_for(self, number: int, seconds: float = AMPLE) -> None:
        """Wait for a frame of at least that number."""
        eventually(lambda: self.newest >= number, seconds, what=f"frame {number}")

    def join(self, seconds: float = AMPLE) -> None:
        """Wait for the end of the run."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the client did not end"
        if self.error is not None:
            raise self.error

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.thread.join(AMPLE)
        assert not self.thread.is_alive(), "the client did not end"


class Messages(Watcher):
    """The same for all messages; asks for frames of every plotter."""

    def _items(self) -> Any:
        for message in self.client.messages():
            yield message
            for name in getattr(message, "plotters", []):
                self.client.ready(name)
            if type(message).__name__ == "Frame":
                self.client.ready(message.plotter, message.number)

    def of(self, kind: type[Message]) -> list[Any]:
        """Messages of one kind so far."""
        return [item for item in list(self.frames) if isinstance(item, kind)]


class ProcessViewer:
    """A viewer in a process that can be killed, frozen and thawed.

    Attributes
    ----------
    seen : list of (float, int, float, bool)
        For each frame: when the test read of it (monotonic), its number, its first
        element, whether its elements differ.
    """

    def __init__(self, run: Any, pause: float = 0.0) -> None:
        path = str(getattr(run, "connection_file", run))
        self.seen: list[tuple[float, int, float, bool]] = []
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _VIEWER, path, str(pause)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, name="viewer's output")
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith("\n"):  # it was killed in the middle of it
                break
            if line[0].isdigit():
                number, first, torn = line.split()
                self.seen.append(
                    (time.monotonic(), int(number), float(first), torn != "0")
                )
            else:
                self.said.append(line.strip())

    @property
    def newest(self) -> int:
        """Number of the newest frame that it has shown."""
        return self.seen[-1][1] if self.seen else 0

    def freeze(self) -> None:
        """Stop it, and read what it had said before."""
        self.process.send_signal(signal.SIGSTOP)
        process = psutil.Process(self.process.pid)
        eventually(lambda: process.status() == psutil.STATUS_STOPPED)
        before = -1
        while before != len(self.seen):
            before = len(self.seen)
            time.sleep(0.05)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float = AMPLE) -> None:
        """Wait for its end."""
        self.process.wait(seconds)
        self._thread.join(seconds)

    def __enter__(self) -> ProcessViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(AMPLE)
        self._thread.join(AMPLE)
        assert self.process.stdout is not None
        self.process.stdout.close()
