"""How a run died that left no word: seen by a viewer, or told from what it left.

Only its parent is told how a process ended, and the parent is somebody's shell. But
Linux, from 6.15 on, tells whoever holds a *pidfd* of it; so each viewer on the same
machine holds one, and notes what it sees in the file ``died`` of the run. Where nobody
watched, the kernel keeps nothing, and another process to watch would be a process too
many for what it is: then what was left is read, and nothing is claimed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..wire.messages import RunState, State
from . import files, runs
from .runs import Run

__all__ = ["Fate", "Witness", "fate", "kernel_says_oom", "last_word"]

UNSEEN = "killed (SIGKILL, SIGTERM?) or left by os._exit: nobody was there to see"
# States that only a list of runs knows; views say lost, and how a run is steered.
KILLED, PAUSED = "killed", "paused"
_PATIENCE = 1.0  # seconds that the process's parent may take to hear of its end
_MOST = 1 << 16  # bytes of a file that are read

# struct pidfd_info and its request, from linux/pidfd.h; 64 bytes in its first version.
_INFO = struct.Struct("=Q52xi")
_GET_INFO = (3 << 30) | (_INFO.size << 16) | (0xFF << 8) | 11
_EXIT = 1 << 3


@dataclass(frozen=True, slots=True)
class Fate:
    """How a run stands or ended.

    Attributes
    ----------
    state : str
        One of `RunState`'s values, ``"killed"`` or ``"paused"``.
    reason : str
        Of a run that was lost, killed or paused, one line.
    time : float
        When that was seen, seconds since the epoch; 0 if nobody saw it.
    """

    state: str
    reason: str = ""
    time: float = 0.0


class Witness:
    """Somebody on the run's machine who sees it end.

    Parameters
    ----------
    run : Run
        Alive. Where it cannot be watched, nothing is ever seen.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._fd = -1
        if sys.platform == "linux" and run.host == files.hostname():
            with contextlib.suppress(OSError, AttributeError):
                self._fd = os.pidfd_open(run.pid)
                # Not of a process that has got the same number since.
                if run.birth is None or runs.birth(run.pid) != run.birth:
                    self.close()

    def close(self) -> None:
        """See no more; a second time does nothing."""
        number, self._fd = self._fd, -1
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        self.close()

    def testify(self) -> Fate | None:
        """Say how it died, and note it for others; None if that was not seen.

        Waits a moment for a process that is just ending.
        """
        status = self._status(time.monotonic() + _PATIENCE)
        self.close()
        if status is None:
            return None
        seen = _judged(self._run, status)
        content = {"status": status, "reason": seen.reason, "time": seen.time}
        content["state"] = seen.state
        path = self._run.directory / "died"
        with contextlib.suppress(OSError):
            if not path.exists():  # another witness may have been quicker
                files.write_file(path, [json.dumps(content).encode()])
        return seen

    def _status(self, deadline: float) -> int | None:
        """Its wait status, as its parent is told."""
        if self._fd < 0:
            return None
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(1000 * _PATIENCE):
            return None
        while True:
            # Before its parent has taken the status it is a zombie, and tells itself;
            # afterwards the kernel does.
            status = _zombie_status(self._run.pid, self._run.birth)
            if status is None:
                status = _exit_status(self._fd)
            if status is not None or time.monotonic() > deadline:
                return status
            time.sleep(0.01)


def fate(run: Run) -> Fate:
    """How a run stands; of one that is gone without a word, as far as can be known.

    Parameters
    ----------
    run : Run
        Of this user on this machine.
    """
    if run.alive:
        by = runs.paused_by(run)
        return Fate(PAUSED, f"by {by}") if by else Fate(RunState.RUNNING.value)
    if run.address is None and run.state != RunState.LOST.value:
        return Fate(run.state)
    said = runs.last_word(run)
    if said is not None:
        return Fate(said.state)
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(_read(run.directory / "died"))
        state, reason = str(content["state"]), str(content["reason"])
        if state in (KILLED, RunState.LOST.value):
            return Fate(state, reason, float(content["time"]))
    if crash := _crash(run):
        return Fate(KILLED, f"crashed: {crash}")
    if _oom_kills_rose(run):
        return Fate(RunState.LOST.value, f"out of memory, it seems; {UNSEEN}")
    return Fate(RunState.LOST.value, UNSEEN)


def last_word(run: Run, witness: Witness | None) -> State:
    """How a run has ended that is not there any more, and has no record that says it.

    Parameters
    ----------
    run : Run
        As it was looked at last.
    witness : Witness, optional
        Who may have seen it end.
    """
    if run.address is None and run.state != RunState.LOST.value:
        return State(run.state, "", time.time())
    seen = (witness and witness.testify()) or fate(run)
    return State(RunState.LOST.value, seen.reason, seen.time or time.time())


# -- private -----------------------------------------------------------------------


def _judged(run: Run, status: int) -> Fate:
    now = time.time()
    if not os.WIFSIGNALED(status):
        code = os.waitstatus_to_exitcode(status)
        return Fate(RunState.LOST.value, f"left by os._exit({code})", now)
    number = os.WTERMSIG(status)
    try:
        reason = f"killed by {signal.Signals(number).name}"
    except ValueError:
        reason = f"killed by signal {number}"
    if number == signal.SIGKILL:
        if kernel_says_oom(run.pid):
            reason += ": out of memory"
        elif _oom_kills_rose(run):
            reason += ": out of memory, by the count of its control group"
    elif crash := _crash(run):
        reason += f": {crash}"
    return Fate(KILLED, reason, now)


def _exit_status(number: int) -> int | None:
    import fcntl

    data = bytearray(_INFO.size)
    _INFO.pack_into(data, 0, _EXIT, 0)
    try:
        fcntl.ioctl(number, _GET_INFO, data)
    except OSError:  # an older kernel, or it is a zombie yet
        return None
    mask, status = _INFO.unpack(data)
    return int(status) if mask & _EXIT else None


def _zombie_status(pid: int, birth: int | None) -> int | None:
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    parts = content.rpartition(b")")[2].split()
    if parts[0] != b"Z" or int(parts[19]) != birth or len(parts) < 50:
        return None
    return int(parts[49])


def _crash(run: Run) -> str:
    """First line of what faulthandler wrote: what happened."""
    with contextlib.suppress(OSError):
        text = _read(run.directory / "fault").decode(errors="replace")
        first = text.partition("\n")[0].strip()
        return first.removeprefix("Fatal Python error: ")[:200]
    return ""


def _oom_kills_rose(run: Run) -> bool:
    before = run.oom_kills
    now = runs.oom_kills(run.memory) if run.memory else None
    return before is not None and now is not None and now > before


def kernel_says_oom(pid: int) -> bool:
    """Whether the kernel's own log says that it killed that process for memory."""
    pattern = re.compile(rb"(?:Out of memory|Memory cgroup).*Killed process %d " % pid)
    flags = os.O_RDONLY | os.O_NONBLOCK
    try:
        number = os.open("/dev/kmsg", flags)
    except OSError:  # most users may not
        return False
    deadline = time.monotonic() + 0.2
    try:
        while time.monotonic() < deadline:
            try:
                if pattern.search(os.read(number, 8192)):
                    return True
            except BrokenPipeError:  # that record was overwritten: on with the next
                continue
            except OSError:  # no more
                return False
    finally:
        os.close(number)
    return False


def _read(path: Path) -> bytes:
    with files.open_owned(path) as file:
        content: Any = file.read(_MOST)
        return bytes(content or b"")
