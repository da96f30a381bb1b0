"""Stacks of a crash: what `faulthandler` writes goes into the run's directory.

A segmentation fault ends the interpreter without a traceback. `faulthandler` writes
the stacks of all threads first; where the program has not switched it on itself, it
is on while a run lasts, into the file ``fault`` of the run.

That sets handlers for five signals, and yet changes nothing that a user sees: each
of them ends the process anyway, faulthandler's handler puts back what was there
before and raises the signal again, so exit status, core dump and the shell's line are
as without it. It is left alone where somebody else is interested: where faulthandler
is on already (the dump goes where the user wanted it), and where any of the signals
has a handler, as virtual machines of other languages set for their own use. A program
that switches faulthandler on later takes it over, and keeps it when the run ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import weakref
from pathlib import Path

from . import files

__all__ = ["Fault"]

_SIGNALS = ("SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL")


class _Sink:
    """What faulthandler writes into.

    Faulthandler alone holds it, so that it goes when a later file takes its place.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "xb", buffering=0, opener=files.open_private)

    def fileno(self) -> int:
        return self._file.fileno()

    def flush(self) -> None:
        """Faulthandler asks for it."""

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # else it could not be opened
            self._file.close()


_sink: weakref.ref[_Sink] | None = None
_users: list[Fault] = []  # runs of this process; it crashes once for all of them


class Fault:
    """The fault file of one run."""

    def __init__(self) -> None:
        self.path: Path | None = None

    def open(self, path: Path) -> None:
        """Have the stacks of a crash written there, if that disturbs nobody.

        Parameters
        ----------
        path : Path
            Where; there is nothing yet.
        """
        global _sink
        self.path = path
        if not _users:  # an interrupt may have broken off the last one's end
            _let_go()
        try:
            if _current() is not None and _users:
                assert _users[0].path is not None
                os.link(_users[0].path, path)
                _users.append(self)
            elif not faulthandler.is_enabled() and not _anybody_interested():
                sink = _Sink(path)
                _sink = weakref.ref(sink)
                _users[:] = [self]
                faulthandler.enable(sink)
        except (OSError, RuntimeError, ValueError):  # then there is none
            self.close()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Write nothing any more; a second time does nothing."""
        if self in _users:
            _users.remove(self)
        if not _users:
            _let_go()

    def tidy(self) -> None:
        """Remove a file that nothing was written into."""
        with contextlib.suppress(OSError):
            if self.path is not None and not self.path.stat().st_size:
                self.path.unlink()

    def forked(self) -> None:
        """Drop what a forked child inherited: its crash is not that of the run."""
        _users.clear()
        _let_go()


def _current() -> _Sink | None:
    """What is ours of faulthandler, unless it was taken over."""
    return _sink() if _sink is not None else None


def _let_go() -> None:
    global _sink
    sink = _current()
    if sink is not None:
        faulthandler.disable()
        sink.close()
    _sink = None  # last: an interrupt before, and it is done again


def _anybody_interested() -> bool:
    """Whether any of the signals is not left to the system."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_DFL:
            return True
    try:  # what is not set from Python, the kernel tells
        status = Path("/proc/self/status").read_bytes()
    except OSError:
        return False
    taken = 0
    for line in status.splitlines():
        if line.startswith((b"SigCgt:", b"SigIgn:")):
            taken |= int(line.split()[1], 16)
    return any(taken >> (getattr(signal, name) - 1) & 1 for name in _SIGNALS)
