"""Slots: memory that a calculation and the viewers near it both map.

On one machine big arrays need not travel through a socket: the calculation's thread
copies them into a slot anyway, and each viewer copies them out. A slot is a file in
tmpfs that never has a name, so that nothing is left behind however a process ends; a
viewer of the same user opens it through ``/proc``. Its room is reserved when it is
made: where tmpfs is full, that is an error then and not a SIGBUS later. It never
changes its size.

A slot begins with a token, which tells a viewer that it has opened the right file,
and a sequence number: odd while the slot is being written. Viewers hold no slot;
they copy, and look at the number again.
"""

from __future__ import annotations

import hmac
import mmap
import os
import secrets
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ..wire.messages import Slot, SlotFrame
from . import files

if TYPE_CHECKING:
    from ..wire.messages import Memory

__all__ = ["COUNT", "LEAST", "Shared", "SlotReader", "make", "switched_off"]

COUNT = 3  # slots of one feed: the newest, the one before, and the one being written
LEAST = 1 << 18  # bytes of a frame's arrays below which the socket is as quick
HEAD = 4096  # bytes before the arrays: a page
_TOKEN = 32  # bytes
_ROUND = 1 << 20  # bytes; slots are whole numbers of these


def switched_off() -> bool:
    """Whether ``ASYNC_PLOT_SLOTS=off`` sends everything through sockets."""
    return os.environ.get("ASYNC_PLOT_SLOTS", "").lower() in ("off", "0", "no", "false")


def directory() -> str:
    """A directory in the memory of this machine.

    Raises
    ------
    OSError
        If there is none: the text says why.
    """
    if not hasattr(os, "O_TMPFILE"):
        raise OSError(f"{sys.platform} has no files without a name")
    places = ["/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")]
    kinds: dict[str, str] = {}
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, place, kind, *_ = line.split()
            kinds[place] = kind  # the last one mounted there counts
    for place in places:
        # A directory that is no mount may lie on a disk, or on a network.
        if kinds.get(place) == "tmpfs":
            return place
    raise OSError("neither /dev/shm nor XDG_RUNTIME_DIR is a tmpfs")


def _fenced() -> None:
    """Let what was stored be seen before what is stored or loaded from now on.

    Taken and given back twice, a lock does that on every processor. It is nobody
    else's: another thread, a signal's handler or a forked child would wait for it.
    """
    fence = threading.Lock()
    with fence:
        pass
    with fence:
        pass


class Shared:
    """A slot as the calculation holds it.

    Attributes
    ----------
    number : int
        Its number in this run.
    memory : ndarray of uint8
        What arrays are copied into; starts `HEAD` bytes behind the file's start.
    """

    def __init__(self, number: int, descriptor: int, size: int) -> None:
        self.number = number
        self._descriptor = descriptor
        self._token = secrets.token_bytes(_TOKEN)
        whole = np.frombuffer(mmap.mmap(descriptor, HEAD + size), np.uint8)
        # Touched now, by a thread that may take its time: every page costs a fault.
        whole[:: mmap.PAGESIZE] = 0
        whole[:_TOKEN] = np.frombuffer(self._token, np.uint8)
        self.memory = whole[HEAD:]
        self._sequence = whole[_TOKEN : _TOKEN + 8].view(np.uint64)

    def begin(self) -> None:
        """Tell that what is in the slot is void from now on."""
        self._sequence[0] = int(self._sequence[0]) // 2 * 2 + 1
        _fenced()

    def finish(self) -> int:
        """Tell that the slot is whole; give its new sequence number."""
        _fenced()
        number = int(self._sequence[0]) + 1
        self._sequence[0] = number
        return number

    def message(self) -> Slot:
        """What a viewer is told of it."""
        if self._descriptor < 0:
            return Slot(self.number, 0, 0, 0, b"")
        size = HEAD + self.capacity
        return Slot(self.number, os.getpid(), self._descriptor, size, self._token)

    @property
    def capacity(self) -> int:
        """Bytes of arrays that fit."""
        return len(self.memory)

    def close(self) -> None:
        """Let nobody else open it; the memory goes with its last user."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def make(first: int, size: int) -> list[Shared]:
    """Make the slots of one feed. Not for a thread that Ctrl-C may interrupt.

    Parameters
    ----------
    first : int
        Number of the first one.
    size : int
        Bytes of arrays that each has to hold; they get somewhat more.

    Raises
    ------
    OSError
        If there is no tmpfs, or no room in it. Nothing is left of a part of them.
    """
    place = directory()
    size = -(-(size + size // 4) // _ROUND) * _ROUND
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    # Others need room as well: a full tmpfs ends programs that do not reserve theirs.
    if 2 * COUNT * size > free:
        raise OSError(
            f"{place} has {free >> 20} MiB free, and frames like these want twice "
            f"{COUNT * size >> 20} MiB"
        )
    files.check_size(place, HEAD + size)
    made: list[Shared] = []
    try:
        for number in range(first, first + COUNT):
            flags = os.O_TMPFILE | os.O_RDWR | os.O_EXCL
            descriptor = os.open(place, flags, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, HEAD + size)
                made.append(Shared(number, descriptor, size))
            except BaseException:
                os.close(descriptor)
                raise
    except BaseException:
        for each in made:
            each.close()
        raise
    return made


class SlotReader:
    """The slots of a run as a viewer maps them, for reading."""

    _MOST = 64  # of all feeds; a run with more is not served from slots

    def __init__(self) -> None:
        self._slots: dict[int, np.ndarray[Any, Any]] = {}

    def add(self, slot: Slot) -> bool:
        """Map a slot; say whether it is there and the right one.

        A slot of size 0 is one that will not be used any more.
        """
        self._slots.pop(slot.slot, None)
        if not slot.size or len(self._slots) >= self._MOST or switched_off():
            return False
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)  # a pipe may bear that number elsewhere
        try:
            opened = os.open(f"/proc/{slot.pid}/fd/{slot.descriptor}", flags)
        except OSError:  # another machine, or another user's
            return False
        try:
            # Bytes beyond the end of a file end a process that touches them.
            if os.fstat(opened).st_size != slot.size or slot.size <= HEAD:
                return False
            if not hmac.compare_digest(os.pread(opened, _TOKEN, 0), slot.token):
                return False
            memory = mmap.mmap(opened, slot.size, prot=mmap.PROT_READ)
        except (OSError, ValueError):
            return False
        finally:
            os.close(opened)
        self._slots[slot.slot] = np.frombuffer(memory, np.uint8)
        return True

    def holds(self, frame: SlotFrame, sizes: list[int]) -> bool:
        """Whether a slot is mapped and arrays of these sizes, in bytes, lie in it."""
        memory = self._slots.get(frame.slot)
        return (
            memory is not None
            and len(frame.starts) == len(sizes)
            and all(
                start + size <= len(memory) - HEAD
                for start, size in zip(frame.starts, sizes)
            )
        )

    def copy(self, frame: SlotFrame, targets: list[Memory]) -> bool:
        """Copy a frame's arrays out; say whether they are whole.

        Parameters
        ----------
        frame : SlotFrame
            Where they are; the slot `holds` them.
        targets : list of memory
            Writable, of their sizes.
        """
        memory = self._slots[frame.slot]
        sequence = memory[_TOKEN : _TOKEN + 8].view(np.uint64)
        for start, target in zip(frame.starts, targets):
            if int(sequence[0]) != frame.sequence:
                return False
            array = np.frombuffer(target, np.uint8)
            np.copyto(array, memory[HEAD + start : HEAD + start + len(array)])
        _fenced()
        return int(sequence[0]) == frame.sequence

    @property
    def numbers(self) -> list[int]:
        """Numbers of the slots that are mapped."""
        return list(self._slots)

    def clear(self) -> None:
        """Unmap all."""
        self._slots.clear()
