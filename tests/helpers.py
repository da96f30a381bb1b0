"""What many tests need: bounded waiting, scripts in processes of their own."""

from __future__ import annotations

import contextlib
import dis
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil

__all__ = [
    "AMPLE",
    "PATIENT",
    "ROOT",
    "Deadline",
    "best_of",
    "end_processes",
    "eventually",
    "has_ended",
    "on_the_brink",
    "processes",
    "run_script",
    "start_script",
]

ROOT = Path(__file__).resolve().parents[1]
# For ``PYTHONPATH``, so that limits of time are wide: see `tests.patience`.
PATIENT = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "patience")])

# Seconds after which a step hangs. It costs nothing where things work, and a machine
# that is shared may stand still for some seconds at any moment.
AMPLE = 120.0

T = TypeVar("T")


class Deadline:
    """One limit of time over many steps.

    Parameters
    ----------
    seconds : float
        From now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, not below 0."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left == 0

    def check(self, what: str = "") -> None:
        """Fail the test if the time is over."""
        if self.passed:
            raise AssertionError(f"not within {self.seconds:g} s: {what or 'the step'}")


def eventually(
    predicate: Callable[[], T], seconds: float = AMPLE, *, what: str = ""
) -> T:
    """Poll until `predicate` gives something true, and return that.

    Parameters
    ----------
    predicate : callable
        Called without arguments, every few milliseconds.
    seconds : float, default: AMPLE
        After which the test fails.
    what : str, optional
        What is waited for, for the message of the failure.
    """
    deadline = Deadline(seconds)
    pause = 0.001
    while not (value := predicate()):
        if deadline.passed:
            name = what or getattr(predicate, "__name__", repr(predicate))
            raise AssertionError(f"not within {seconds:g} s: {name} (gave {value!r})")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return value


def best_of(tries: Iterable[float], limit: float) -> None:
    """Fail unless one of a few tries stays below the limit.

    What else goes on in the machine makes a try longer and never shorter; so the
    quickest one tells what the code needs. No more are made than that takes.

    Parameters
    ----------
    tries : iterable of float
        Measures when it is iterated over; seconds.
    limit : float
        Seconds.
    """
    took = []
    for seconds in tries:
        if seconds < limit:
            return
        took.append(round(seconds, 3))
    raise AssertionError(f"none of {took} s is below {limit:g} s")


def on_the_brink(frame: Any) -> bool:
    """Whether the next bytecode enters or leaves an exception handler.

    No signal is delivered there, and Python trusts that nothing is raised: else the
    handled exception would stay the thread's current one, and the context of every
    later one.
    """
    opcode = frame.f_code.co_code[frame.f_lasti]
    return dis.opname[opcode] in ("PUSH_EXC_INFO", "POP_EXCEPT")


# -- scripts -----------------------------------------------------------------------


@contextlib.contextmanager
def start_script(
    source: str,
    *argv: str,
    name: str = "script.py",
    directory: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: list[str] | None = None,
    patient: bool = True,
    **options: Any,
) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process and a session of its own; it is ended at the exit.

    Parameters
    ----------
    source : str
        Its text.
    *argv : str
        Its arguments.
    name : str
        Its file name.
    directory, cwd : Path, optional
        Where its file is put; where it runs. Default: the test's own directory.
    env : dict, optional
        Added to the environment; the repository is on ``PYTHONPATH``.
    python : list of str, optional
        The interpreter's command line.
    patient : bool, default: True
        Whether the ends of its runs may take longer than promised, on a machine that
        stands still now and then. False where that is what is tested, or where a
        start is broken off and then waited for.
    **options
        For `subprocess.Popen`.
    """
    directory = directory or Path(os.environ["ASYNC_PLOT_HOME"]).parent
    script = directory / name
    script.write_text(source)
    options = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "start_new_session": True,
        **options,
    }
    with subprocess.Popen(
        [*(python or [sys.executable]), str(script), *argv],
        cwd=cwd or directory,
        env={
            **os.environ,
            "PYTHONPATH": PATIENT if patient else str(ROOT),
            **(env or {}),
        },
        text=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            # Its group, so that children which hold its pipes go with it.
            with contextlib.suppress(ProcessLookupError):
                if process.poll() is None and options["start_new_session"]:
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()


def run_script(
    source: str,
    *argv: str,
    timeout: float = 2 * AMPLE,
    check: bool = True,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; the test fails if it fails or takes too long.

    Parameters
    ----------
    source, *argv, **options
        As for `start_script`.
    timeout : float, default: 2 * AMPLE
        Seconds.
    check : bool, default: True
        Whether another exit status than 0 fails the test.
    """
    with start_script(source, *argv, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # faulthandler, if on, says where
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"the script ran longer than {timeout:g} s\n{out}\n{err}"
            ) from None
    if check and process.returncode != 0:
        raise AssertionError(f"exit status {process.returncode}\n{out}\n{err}")
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


# -- processes ---------------------------------------------------------------------


def processes(others: Container[str] = ()) -> list[psutil.Process]:
    """Processes that this test started, directly or not, orphans included.

    They are known by their environment: every test has an ``ASYNC_PLOT_HOME`` of
    its own.

    Parameters
    ----------
    others : container of str
        What there was in ``/proc`` before the test: it is not looked at.
    """
    home = f"ASYNC_PLOT_HOME={os.environ['ASYNC_PLOT_HOME']}".encode()
    found = []
    for name in os.listdir("/proc"):  # ten times as quick as asking psutil
        if not name.isdigit() or int(name) == os.getpid() or name in others:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            # That of a zombie is empty.
            if home in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(name)))
    return found


def end_processes(seconds: float = AMPLE) -> None:
    """End whatever `processes` finds, such as windows that stay open after a run."""
    found = processes()
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: all(has_ended(p.pid) for p in found), seconds, what="their end")


def has_ended(pid: int) -> bool:
    """Whether a process has, also one that nobody has waited for.

    Orphans stay zombies until process 1 finds the time for them.
    """
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
