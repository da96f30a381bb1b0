"""Fixtures of all tests: a private home, a leak check, a display."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import itertools
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from async_plot.net import surroundings

from .helpers import AMPLE, PATIENT, Deadline, processes
from .patience.sitecustomize import CONSTANTS
from .ssh import answering, fake  # noqa: F401 - fixtures

collect_ignore = ["ssh_standin.py", "patience"]  # programs, with no examples in them
LEAK_WAIT = 30.0  # seconds that something may take to go away after a test

_CLEARED = (
    "ASYNC_PLOT",
    "ASYNC_PLOT_DEBUG",
    "ASYNC_PLOT_RUN",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "MPLBACKEND",
    "SSH_CONNECTION",
    *surroundings._RANKS,
)


# A machine that stands still for a while makes no example wrong. The examples are the
# same each time, so that a run tells of what was changed; `make test-all` looks for
# others.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, database=None, **_UNTIMED)
settings.register_profile("explore", **_UNTIMED)
settings.load_profile("steady")


def pytest_configure() -> None:
    """End what tests have started also when the run is told to end, by a limit."""
    run = os.getpid()

    def end(number: int, _: object) -> None:
        if os.getpid() == run:
            raise KeyboardInterrupt
        os._exit(128 + number)  # a forked child

    signal.signal(signal.SIGTERM, end)


@pytest.fixture(scope="session", autouse=True)
def _resource_tracker() -> None:
    """Start multiprocessing's helper now: it stays, and is no test's leak."""
    resource_tracker.ensure_running()


@pytest.fixture(autouse=True)
def leaks(_resource_tracker: None) -> Iterator[None]:
    """Fail the test if it leaves a thread, a process, a socket or a pipe behind."""
    before = _held()
    yield
    deadline = Deadline(LEAK_WAIT)
    left = _held() - before
    pause = threading.Event()
    looks = itertools.count()
    while left and not deadline.passed:
        # Again and again: threads that end meanwhile leave cycles of their own.
        if next(looks) % 30 == 0:
            gc.collect()
        pause.wait(0.01)
        left = _held() - before
    if left:
        pytest.fail("left behind: " + ", ".join(sorted(str(item[-1]) for item in left)))


@pytest.fixture(autouse=True)
def home(
    leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Private directory for run files, in an environment that has nothing special.

    A process started by the test that still runs at its end fails it, and is ended.
    """
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    for name in _CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASYNC_PLOT_HOME", str(directory))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", PATIENT)
    others = set(os.listdir("/proc"))
    yield directory
    deadline = Deadline(LEAK_WAIT)
    pause = threading.Event()
    while (left := processes(others)) and not deadline.passed:
        pause.wait(0.02)
    said = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            said.append(f"{process.pid}: {' '.join(process.cmdline())[:200]}")
            process.kill()
    if said:
        pytest.fail("processes left behind: " + "; ".join(said))


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ends take longer than promised, on a machine that stands still now and then.

    What a run says last is on disk when its server has been closed, then too.
    """
    for module, constant, seconds in _patient():
        monkeypatch.setattr(module, constant, seconds)


@functools.cache
def _patient() -> list[tuple[object, str, float]]:
    return [
        (importlib.import_module(name), constant, seconds)
        for name, constants in CONSTANTS.items()
        for constant, seconds in constants.items()
    ]


@pytest.fixture(scope="session")
def framebuffer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File with all that is on the display `xvfb` just now, in the format of xwd."""
    return tmp_path_factory.mktemp("display") / "Xvfb_screen0"


@pytest.fixture(scope="session")
def xvfb(framebuffer: Path) -> Iterator[str]:
    """Name of a display that nobody sees, such as ``":7"``.

    Set ``DISPLAY`` to it in the test, or in the environment of its processes.
    """
    reading, writing = os.pipe()
    with open(reading) as answer:
        server = subprocess.Popen(
            [
                *("Xvfb", "-displayfd", str(writing), "-noreset"),
                *("-nolisten", "tcp", "-screen", "0", "1600x1200x24"),
                *("-fbdir", str(framebuffer.parent)),
            ],
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        try:
            ready, _, _ = select.select([answer], [], [], AMPLE)
            number = answer.readline().strip() if ready else ""
            assert number, "Xvfb did not start"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(AMPLE)


def _held() -> set[tuple[object, ...]]:
    """Threads, child processes, sockets and pipes of this process."""
    held: set[tuple[object, ...]] = {
        (thread.native_id, f"thread {thread.name}") for thread in threading.enumerate()
    }
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # that thread has ended
            for pid in _read(f"/proc/self/task/{task}/children").split():
                held |= _living(int(pid))
    with contextlib.suppress(OSError):
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{number}")
                if target.startswith(("socket:", "pipe:", "anon_inode:[event")):
                    held.add((number, target, f"descriptor {number} ({target})"))
    return held


def _living(pid: int) -> set[tuple[object, ...]]:
    """A child process; nothing if it has ended."""
    try:
        # Behind its name: the state first, and when it began.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return set()
    # A viewer that ended is waited for when the next one is launched.
    return set() if fields[0] in (b"Z", b"X") else {(pid, fields[19], f"process {pid}")}


def _read(path: str) -> bytes:
    """Content of one of the kernel's files, in a tenth of psutil's time."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
