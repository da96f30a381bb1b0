"""Chunks that every engine can perform, and what they leave for a test to wait for."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

__all__ = ["choke", "die", "divide", "here", "hold", "identity", "leave", "spin"]


def identity(value: object) -> object:
    return value


def divide(value: float) -> float:
    return 1 / value


def here() -> int:
    """Process that performs it."""
    return os.getpid()


def leave(path: str) -> None:
    """Tell by a file that it has begun."""
    Path(path, f"{time.monotonic_ns()}-{os.getpid()}").touch()


def hold(path: str, until: str) -> int:
    """Tell that it has begun, and end when a file is there; its process."""
    leave(path)
    while not os.path.exists(until):
        time.sleep(0.005)
    return os.getpid()


def spin(path: str) -> None:
    """Tell that it has begun, and stay for ever where no Python is run."""
    leave(path)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT})
    while True:
        time.sleep(1000)


def die(number: int) -> None:
    """End this process by a signal, or with an exit status if that is positive."""
    if number > 0:
        os._exit(number)
    faulthandler.disable()
    os.kill(os.getpid(), -number)
    time.sleep(1000)


def choke(alive: bool = False) -> NoReturn:
    """Die, or stay, as a worker that is caught in the middle of sending a result."""
    frame = sys._getframe()
    while not (found := {"outqueue", "result_queue"} & frame.f_locals.keys()):
        assert frame.f_back is not None
        frame = frame.f_back
    queue = frame.f_locals[found.pop()]
    queue._wlock.acquire()
    os.write(queue._writer.fileno(), b"\0\0\1\0half")
    while alive:
        time.sleep(1000)
    time.sleep(0.1)  # the reader begins to wait for the rest
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it lives")
