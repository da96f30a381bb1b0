"""A calculation that does what a test says, and a look at the windows it opened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..helpers import (
    AMPLE,
    Deadline,
    end_processes,
    eventually,
    run_script,
    start_script,
)

PILLS = {
    "running": (0, 122, 89),
    "finished": (0, 103, 168),
    "interrupted": (154, 101, 0),
    "failed": (192, 74, 0),
    "lost": (154, 74, 124),
    "stalled": (125, 108, 0),
    "paused": (90, 72, 176),
}
ALARM = (184, 67, 0)
WARNING = (138, 90, 0)
BLUE = (31, 119, 180)  # matplotlib's first line

PRELUDE = """
import gc, logging, os, signal, socket, sys, threading, time
import numpy as np
from async_plot import Plotter, Server
x = np.linspace(0, 1, 50)
records = []
handler = logging.StreamHandler()
handler.addFilter(lambda record: records.append(record.getMessage()) or True)
logging.getLogger("async_plot").addHandler(handler)
"""

# Runs the viewer, and leaves its exit status to be read.
WRAPPER = """
import os, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(status))
os.rename(sys.argv[1] + ".part", sys.argv[1])
"""

WAVE = """
class Wave(Plotter):
    def __init__(self, figure):
        self.axes = figure.add_axes([0, 0, 1, 1])
        self.axes.set(xlim=(0, 1), ylim=(0, 1))
        self.line, = self.axes.plot([], [], lw=6)
    def draw(self, x, y):
        self.line.set_data(x, y)
"""

LOOP = """
with Server({arguments}) as server:
    print("open", flush=True)
    for line in sys.stdin:
        command, _, code = line.partition(" ")
        if command == "ask":
            print("=", eval(code), flush=True)
        else:
            exec(code)
            print("= done", flush=True)
"""


# What a window manager sends: xdotool could only destroy the window, or its client.
CLOSE = """
import ctypes, sys
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XInternAtom.restype = ctypes.c_ulong
x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
display = ctypes.c_void_p(x.XOpenDisplay(None))
atom = lambda name: x.XInternAtom(display, name, 0)

class Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong),
                ("send", ctypes.c_int), ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong), ("kind", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5),
                ("rest", ctypes.c_long * 24)]

window = int(sys.argv[1])
event = Event(type=33, send=1, display=display, window=window,
              kind=atom(b"WM_PROTOCOLS"), format=32)
event.data[0] = atom(b"WM_DELETE_WINDOW")
x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
x.XCloseDisplay(display)
"""


class Calculation:
    """A run in a process of its own that does what it is told, line by line."""

    def __init__(self, process: Any) -> None:
        self.process = process

    def ask(self, expression: str) -> str:
        return self._say(f"ask {expression}")

    def do(self, code: str, *, answers: bool = True) -> None:
        if answers:
            self._say(f"do {code}")
        else:
            self._write(f"do {code}")

    def shown(self) -> int:
        """Number of the newest frame that the viewer says it has shown."""
        return int(self.ask("max([v.shown for v in server.viewers], default=0)"))

    def wait_shown(self, number: int) -> None:
        eventually(lambda: self.shown() >= number, what=f"frame {number} is shown")

    def wait_viewer_gone(self) -> int:
        """Exit status of the launched viewer."""
        status = Path(os.environ["ASYNC_PLOT_HOME"]).parent / "status"
        eventually(status.exists, what="the viewer ends")
        return int(status.read_text())

    def end(self) -> tuple[str, str]:
        """Leave the block; what the run printed and logged."""
        self.process.stdin.close()
        self.process.stdin = None
        return self.process.communicate(timeout=AMPLE)  # type: ignore[no-any-return]

    def _say(self, line: str) -> str:
        self._write(line)
        while answer := self.process.stdout.readline():
            if answer.startswith("="):
                return str(answer[1:].strip())
        raise AssertionError(self.process.stderr.read())

    def _write(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


class Screen:
    """The display, as somebody before it sees it."""

    def __init__(self, display: str, framebuffer: Path) -> None:
        self.env = {**os.environ, "DISPLAY": display}
        self._framebuffer = framebuffer

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=AMPLE,
        )
        return done.stdout.strip()

    def windows(self, title: str) -> list[str]:
        found = self.xdotool("search", "--onlyvisible", "--name", title)
        return found.split()

    def window(self, title: str) -> str:
        return eventually(lambda: self.windows(title), what=f"a window {title!r}")[0]

    def close(self, window: str) -> None:
        """Click on the window's cross, which here is no window manager's to have."""
        run_script(CLOSE, window, name="close.py", env=self.env)

    def size(self, window: str) -> tuple[int, int]:
        return self._geometry(window)[2:]

    def picture(self, window: str) -> np.ndarray[Any, Any]:
        """Pixels of a window, 0 to 255."""
        x, y, width, height = self._geometry(window)
        content = np.memmap(self._framebuffer, np.uint8, "r")
        header = content[:100].view(">u4")
        size, line, colours = int(header[0]), int(header[12]), int(header[19])
        pixels = content[size + 12 * colours :][: line * int(header[5])]
        whole = pixels.reshape(-1, line // 4, 4)
        return whole[y : y + height, x : x + width, 2::-1].astype(int)

    def _geometry(self, window: str) -> tuple[int, int, int, int]:
        told = self.xdotool("getwindowgeometry", "--shell", window)
        facts = dict(line.split("=") for line in told.splitlines())
        x, y, width, height = (int(facts[k]) for k in ("X", "Y", "WIDTH", "HEIGHT"))
        return x, y, width, height

    def count(self, window: str, colour: tuple[int, int, int]) -> int:
        return int(near(self.picture(window), colour).sum())

    def extent(
        self, window: str, colour: tuple[int, int, int]
    ) -> tuple[int, int, int, int]:
        """First row, last row, first and last column of a colour; -1 without it."""
        rows, columns = near(self.picture(window), colour).nonzero()
        if not len(rows):
            return -1, -1, -1, -1
        return rows.min(), rows.max(), columns.min(), columns.max()

    def click(self, window: str, colour: tuple[int, int, int]) -> None:
        """Click in the middle of what has a colour, once it stays where it is."""
        before = near(self.picture(window), colour)

        def stays() -> bool:
            nonlocal before
            time.sleep(0.1)
            last, before = before, near(self.picture(window), colour)
            return bool(before.any()) and np.array_equal(last, before)

        eventually(stays, what=f"colour {colour} in window {window}")
        places = np.argwhere(before)
        y, x = (str(value) for value in places[len(places) // 2])
        self.xdotool("mousemove", "--window", window, x, y, "click", "1")

    def wait_for(
        self, window: str, colour: tuple[int, int, int], seconds: float = AMPLE
    ):
        """Wait until a colour is seen in a window."""
        deadline = Deadline(seconds)
        while self.count(window, colour) < 8:
            deadline.check(f"colour {colour} in window {window}")
            time.sleep(0.02)


def near(picture: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> Any:
    """Where a picture has a colour."""
    return (abs(picture - np.array(colour)) <= 3).all(axis=-1)


@pytest.fixture
def screen(xvfb: str, framebuffer: Path) -> Screen:
    return Screen(xvfb, framebuffer)


@pytest.fixture
def calculate(xvfb: str) -> Iterator[Callable[..., Calculation]]:
    """Start a calculation whose viewer is launched on the display; wait for it."""
    with ExitStack() as stack:

        def start(
            backend: str = "QtAgg",
            source: str = WAVE,
            arguments: str = "Wave",
            *,
            client: list[str] | None = None,
            display: bool = True,
        ) -> Calculation:
            env = {"MPLBACKEND": backend} if backend else {}
            if display:
                env["DISPLAY"] = xvfb
            status = Path(os.environ["ASYNC_PLOT_HOME"]).parent / "status"
            command = [sys.executable, "-c", WRAPPER, str(status)]
            command += client or [sys.executable, "-c"]
            arguments += (
                f", client_cmd={command!r}, wait_for_client={2 * AMPLE}, name='run'"
            )
            arguments += ", overhead=1"
            process = stack.enter_context(
                start_script(
                    PRELUDE + source + LOOP.format(arguments=arguments),
                    env=env,
                    stdin=subprocess.PIPE,
                )
            )
            line = process.stdout.readline()
            if line != "open\n":
                raise AssertionError(process.stderr.read())
            return Calculation(process)

        yield start
    # After the calculation, which would keep a viewer that ended as a zombie.
    end_processes()


def log_of(home: Path) -> str:
    """What the launched viewer printed."""
    return "".join(p.read_text() for p in home.glob("*/*/client.log"))
