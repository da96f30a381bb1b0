"""What a calculation prints while something else has its terminal.

Its descriptors lead into memory that has no name: no disk that is full or slow, and no
view that has stopped, holds up a print. What is old is given back to the system.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import tempfile
import threading
from typing import Any

try:
    import fcntl as _fcntl
    import resource as _resource
except ImportError:  # Windows
    _fcntl = _resource = None  # type: ignore[assignment]

__all__ = ["KEPT", "Prints"]

KEPT = 4 << 20  # bytes that are kept of it
_PIECE = 1 << 12  # bytes that are written at once: so it is seen that they are taken
_PAGE = 4096
_PUNCH = 0x03  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE


class Prints:
    """What goes into the descriptors 1 and 2 of this process that are one terminal.

    Parameters
    ----------
    terminal : int
        A descriptor of the terminal.

    Attributes
    ----------
    descriptor : int
        Of what is kept; a view may read it, too.
    written : int
        How much of it the terminal has got.
    terminal : int
        A descriptor of the terminal, of our own.

    Raises
    ------
    OSError
        If the system gives no memory for it, or limits the size of files.
    """

    def __init__(self, terminal: int) -> None:
        if _resource is not None and _fcntl is not None:
            limit = _resource.getrlimit(_resource.RLIMIT_FSIZE)[0]
            if limit != _resource.RLIM_INFINITY:  # it counts what was given back, too
                raise OSError("the size of files is limited here")
        else:
            raise OSError("terminals cannot be shared on this system")
        self._lock = threading.Lock()  # of the descriptor, which may be closed
        self._given = 0  # bytes that are not kept any more
        self.written = 0  # those that the terminal has got
        self._saved: dict[int, int] = {}
        self._owner = os.getpid()
        self.terminal = os.dup(terminal)
        self.descriptor = _memory()

    def divert(self) -> None:
        """Begin to keep what is printed, also by processes that come after."""
        here = os.fstat(self.terminal).st_rdev
        _flush()
        for number in (1, 2):
            with contextlib.suppress(OSError):  # closed
                if os.isatty(number) and os.fstat(number).st_rdev == here:
                    self._saved[number] = os.dup(number)
                    os.dup2(self.descriptor, number)

    def shorten(self) -> None:
        """Give back what is old."""
        with self._lock:  # else another file may have the descriptor's number by now
            if self.descriptor < 0:
                return
            size = os.fstat(self.descriptor).st_size
            keep = max(0, size - KEPT) // _PAGE * _PAGE
            given = self._given
            if keep - given >= KEPT // 4:
                self._given = keep  # first: what is read meanwhile may be gone
                if not _punch(self.descriptor, given, keep - given):
                    self._given = given

    @property
    def open(self) -> bool:
        """Whether it was not closed."""
        return self.descriptor >= 0

    @property
    def waits(self) -> bool:
        """Whether there is anything that the terminal has not got."""
        with self._lock:
            if self.descriptor < 0:
                return False
            return os.fstat(self.descriptor).st_size > self.written

    def put_back(self) -> None:
        """Print to the terminal again. A second time does nothing."""
        if os.getpid() != self._owner:  # a forked child: its prints are kept as before
            return
        _flush()
        for number in list(self._saved):
            saved = self._saved.pop(number, None)
            if saved is not None:  # another thread was quicker
                os.dup2(saved, number)
                os.close(saved)

    def write(self) -> None:
        """Write to the terminal what is kept by now, as far as that was not done.

        Not what comes meanwhile: another process may print faster than it is shown.
        """
        end = os.fstat(self.descriptor).st_size
        while self.written < end:
            size = min(_PIECE, end - self.written)
            data = os.pread(self.descriptor, size, self.written)
            if self._given > self.written:
                lost = self._given - self.written
                text = f"... {lost} bytes printed before are gone\n"
                put(self.terminal, text.encode())
                self.written = self._given
                continue
            put(self.terminal, data)
            self.written += len(data)

    def close(self) -> None:
        """Keep nothing any more. A second time does nothing."""
        with self._lock:
            numbers = {self.terminal, self.descriptor, *self._saved.values()}
            self.terminal = self.descriptor = -1
            self._saved.clear()
            for number in numbers - {-1}:
                os.close(number)


def put(target: int, data: bytes) -> None:
    """Write all of it, also where somebody has it never wait."""
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            select.select((), (target,), ())


# -- private -----------------------------------------------------------------------


def _flush() -> None:
    """Hand on what streams still hold, to where they lead now."""
    for stream in (sys.stdout, sys.stderr):
        # Closed, none at all, or in the midst of a print that was interrupted.
        with contextlib.suppress(Exception):
            stream.flush()


def _memory() -> int:
    """A descriptor of memory that is always written at its end."""
    if hasattr(os, "memfd_create"):
        made = os.memfd_create("async_plot prints")
    else:
        with tempfile.TemporaryFile(buffering=0) as file:
            made = os.dup(file.fileno())
    flags = _fcntl.fcntl(made, _fcntl.F_GETFL)
    _fcntl.fcntl(made, _fcntl.F_SETFL, flags | os.O_APPEND)
    return made


def _punch(descriptor: int, begin: int, length: int) -> bool:
    """Give memory back without moving what comes behind it."""
    try:
        import ctypes  # only where much is printed

        libc: Any = ctypes.CDLL(None, use_errno=True)
        offset, size = ctypes.c_int64(begin), ctypes.c_int64(length)
        return int(libc.fallocate(descriptor, _PUNCH, offset, size)) == 0
    except (OSError, AttributeError):  # not on this system
        return False
