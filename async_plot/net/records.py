"""Files of messages: a run's record, a recording, a saved post-mortem.

A file is `MAGIC`, then messages exactly as on the wire, so that a cut at any byte
loses the message that was being written and no other.

Some of what it holds runs code when a viewer opens it, and that a file belongs to
this user says nothing: it may have come by mail. Each user has a secret, and each
message is followed by a `Seal` made with it. The seal covers every byte that pickle
may be fed: all that comes before a message's buffers (a frame's packed arguments
and the pickles in them are there), and the buffers too of a message that is more
than plain arrays - a plotter's code, arguments too big for a header, a pickle with
buffers of its own. The memory of plain arrays is not covered: whoever changes it
changes numbers, and hashing gigabytes would cost the calculation's machine.

What bears no seal of this user, or in another place than it was made for, is
*foreign*: it is shown as far as it needs no code.
"""

from __future__ import annotations

import hmac
import io
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import ForeignError, ProtocolError
from ..wire import codec, framing
from ..wire.framing import FROM_CALCULATION_LIMITS, Measure
from ..wire.messages import (
    FROM_CALCULATION,
    FROM_VIEWER,
    IN_FILES,
    Frame,
    Memory,
    Message,
    PlotterCode,
    Seal,
    Slot,
    SlotFrame,
    Welcome,
)
from . import files, seals
from .writer import MAGIC, Writer, write_whole

__all__ = ["MAGIC", "Entry", "Records", "Writer", "is_records", "write_whole"]

MOST_ENTRIES = 5_000_000  # messages of one file that are looked at; each takes memory

_WINDOW = 1 << 16  # bytes read at once in search of messages
_VIEWERS = {kind.code for kind in FROM_VIEWER}
# Shared memory is not what a file could lead to.
_KINDS = {
    kind.code: kind
    for kind in (*FROM_CALCULATION, *IN_FILES)
    if kind not in (Slot, SlotFrame)
}


@dataclass(slots=True)
class Entry:
    """One message of a file.

    Attributes
    ----------
    kind : message class
        What it is.
    offset, size : int
        Where it is, in bytes.
    plotter, number, time, mid_step
        Those of a frame, and of other kinds where they have them.
    seal : int
        Offset of the seal that follows it, 0 without one; `Records.read` checks it.
    end : int
        Where the next message begins.
    """

    kind: type[Any]
    offset: int
    size: int
    plotter: str = ""
    number: int = 0
    time: float = 0.0
    mid_step: bool = False
    seal: int = 0
    end: int = 0

    @property
    def span(self) -> tuple[int, int]:
        """Begin and end in the file, the seal included."""
        return self.offset, self.end


class Records:
    """Reads a file, in any order, without touching arrays that nobody asked for.

    Nothing in a file makes an exception: whatever is wrong ends the list of what is
    in it, and `damage` says why.

    Parameters
    ----------
    path : str or path
        The file.
    trust : bool, default: False
        Take everything in it for this user's own; it may then run code.
    private : bool, default: False
        Open it only if it is this user's alone, as files in a run's directory are.

    Attributes
    ----------
    entries : list of Entry
        Its messages but the seals, in their order.
    damage : str
        Why the last entry is the last one; empty if the file ends there.
    own : bool
        Whether this user's program wrote it here, or it is trusted. A single message
        may be foreign even so: `read` checks each.

    Raises
    ------
    OSError
        If the file cannot be read; not for its content.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        trust: bool = False,
        private: bool = False,
    ) -> None:
        self.path = Path(path)
        self.entries: list[Entry] = []
        self.damage = ""
        self.own = trust
        self._trust = trust
        self._id = b""
        self._index = 0  # of the newest seal that was in its place
        self._end = 0
        self._window = memoryview(b"")
        self._window_at = 0
        self._told: dict[int, Message] = {}  # what `_newest` read, by its offset
        try:
            self._secret = seals.secret(create=False)
        except OSError:
            self._secret = None
        self._file = (
            files.open_owned(self.path) if private else _open_regular(self.path)
        )
        try:
            self.refresh()
        except BaseException:
            self._file.close()
            raise

    def refresh(self) -> int:
        """Look for what was written since; say how many entries came."""
        before = len(self.entries)
        self._window = memoryview(b"")
        try:
            self.damage = self._scan(os.fstat(self._file.fileno()).st_size)
        except OSError as error:  # a bad sector, a stale network file
            self.damage = f"it cannot be read from byte {self._end} on: {error}"
        return len(self.entries) - before

    def read(self, entry: Entry) -> Message:
        """Read one message, arrays and all, into memory of its own.

        Parameters
        ----------
        entry : Entry
            One of `entries`.

        Returns
        -------
        Message
            A foreign `PlotterCode` comes without its code, a foreign `Welcome`
            without its paths.

        Raises
        ------
        ForeignError
            If it is a frame that only code from a foreign file could unpack.
        ProtocolError
            If the file was changed since, or there is no memory for it.
        OSError
            If the disk fails.
        """
        self._window = memoryview(b"")  # what is checked is what is given
        head, measured = self._measured(entry.offset, entry.offset + entry.size)
        if measured is None or measured.end + sum(measured.sizes) != entry.size:
            raise ProtocolError(f"{self.path} was changed")
        buffers: list[Memory] = []
        offset = entry.offset + measured.end
        for size in measured.sizes:
            buffers.append(self._memory(offset, size))
            offset += size
        header = bytes(head[measured.start :])
        message = framing.assemble(entry.kind, header, buffers)
        if self._trust or self._is_sealed(entry, head, buffers):
            return message
        return _harmless(message)

    @property
    def welcome(self) -> Welcome | None:
        """The newest introduction of the run, if there is one."""
        message = self._newest(Welcome, "")
        return message if isinstance(message, Welcome) else None

    @property
    def codes(self) -> dict[str, PlotterCode]:
        """The newest code of each plotter; see `read` for that of a foreign file."""
        kind = PlotterCode
        names = {e.plotter: None for e in self.entries if e.kind is kind}
        found = {name: self._newest(kind, name) for name in names}
        return {k: v for k, v in found.items() if isinstance(v, PlotterCode)}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- private: what is in it ------------------------------------------------

    def _scan(self, size: int) -> str:
        """Enter the messages from `_end` on; say what ended that, if not the file."""
        if size < self._end:
            return "it was made shorter"
        if not self._end:
            found = bytes(self._peek(0, len(MAGIC))[: len(MAGIC)])
            if found != MAGIC:
                cut = MAGIC.startswith(found)
                return "it is cut at its beginning" if cut else "it is no record"
            self._end = len(MAGIC)
        while self._end < size:
            if len(self.entries) >= MOST_ENTRIES:
                return f"it holds more than {MOST_ENTRIES} messages"
            try:
                whole = self._enter_next(size)
            except ProtocolError as error:
                return f"no message at byte {self._end}: {error}"
            if not whole:
                return f"it is cut inside the message at byte {self._end}"
        return ""

    def _enter_next(self, size: int) -> bool:
        """Enter one message, unless it is cut."""
        start = self._end
        head, measured = self._measured(start, size)
        if measured is None:
            return False
        end = start + measured.end + sum(measured.sizes)
        if end > size:
            return False
        kind = _KINDS.get(measured.code)
        if kind is not None:
            header = bytes(head[measured.start :])
            # Empty ones stand for the buffers: a kind that has none is found out.
            none: list[Memory] = [b""] * len(measured.sizes)
            message = framing.assemble(kind, header, none)
            if isinstance(message, Seal):
                self._note_seal(message, start, end)
            else:
                self.entries.append(_entered(message, start, end - start))
        elif measured.code in _VIEWERS:
            raise ProtocolError("a viewer says it, and no calculation")
        self._end = end
        return True

    def _note_seal(self, seal: Seal, offset: int, end: int) -> None:
        """Give a seal to the message before it, if it may be its own."""
        if not self._id:
            if not self.entries and seal.index == 0 and len(seal.file) == 16:
                self._id = seal.file
                self.own = self._trust or self._is_ours(seal, [])
            return
        last = self.entries[-1] if self.entries else None
        in_place = seal.file == self._id and seal.index > self._index
        if in_place and last and last.offset + last.size == offset:
            last.seal, last.end = offset, end
            self._index = seal.index

    def _is_sealed(self, entry: Entry, head: memoryview, buffers: list[Memory]) -> bool:
        if not self.own or not entry.seal:
            return False
        packed, measured = self._measured(entry.seal, entry.seal + _WINDOW)
        if measured is None or measured.code != Seal.code:
            return False
        seal = framing.assemble(Seal, bytes(packed[measured.start :]), [])
        assert isinstance(seal, Seal)
        # A seal on the head alone says nothing of a pickle behind it.
        if seal.file != self._id or (not seal.whole and seals.needs_whole(head)):
            return False
        return self._is_ours(seal, [head, *buffers] if seal.whole else [head])

    def _is_ours(self, seal: Seal, covered: list[Memory]) -> bool:
        if self._secret is None:
            return False
        mac = seals.mac(self._secret, seal.file, seal.index, seal.whole, covered)
        return hmac.compare_digest(mac, seal.mac)

    def _newest(self, kind: type[Any], plotter: str) -> Message | None:
        for entry in reversed(self.entries):
            if entry.kind is kind and entry.plotter == plotter:
                if entry.offset not in self._told:
                    try:
                        self._told[entry.offset] = self.read(entry)
                    except (ProtocolError, OSError):
                        return None
                return self._told[entry.offset]
        return None

    # -- private: bytes --------------------------------------------------------

    def _measured(self, start: int, end: int) -> tuple[memoryview, Measure | None]:
        """All of a message that comes before its buffers; None if it is cut."""
        wanted = 1
        while True:
            head = self._peek(start, wanted)
            if len(head) < wanted:
                return head, None
            measured = framing.measure(head, FROM_CALCULATION_LIMITS)
            if isinstance(measured, Measure):
                return head[: measured.end], measured
            wanted = measured
            if start + wanted > end:
                return head, None

    def _peek(self, offset: int, wanted: int) -> memoryview:
        """Bytes from an offset on, `wanted` and more if there are so many."""
        skipped = offset - self._window_at
        if not 0 <= skipped <= len(self._window) - wanted:
            self._file.seek(offset)
            parts = []
            missing = max(wanted, _WINDOW)
            while missing > 0 and (part := self._file.read(missing)):
                parts.append(part)
                missing -= len(part)
            self._window = memoryview(b"".join(parts))
            self._window_at, skipped = offset, 0
        return self._window[skipped:]

    def _memory(self, offset: int, size: int) -> Memory:
        try:
            memory = np.empty(size, np.uint8)
        except MemoryError:
            raise ProtocolError(f"no memory for a buffer of {size} bytes") from None
        view = memoryview(memory)
        self._file.seek(offset)
        while len(view):
            count = self._file.readinto(view)
            if not count:
                raise ProtocolError(f"{self.path} was made shorter")
            view = view[count:]
        return memory


def _entered(message: Message, offset: int, size: int) -> Entry:
    return Entry(
        type(message),
        offset,
        size,
        getattr(message, "plotter", ""),
        getattr(message, "number", 0),
        getattr(message, "time", 0.0),
        getattr(message, "mid_step", False),
        end=offset + size,
    )


def _harmless(message: Message) -> Message:
    """A foreign message without what would run code."""
    if isinstance(message, PlotterCode):
        return replace(message, title="", buffers=[])
    if isinstance(message, Welcome):  # a launched viewer imports from these
        return replace(message, cwd="", path=[])
    if isinstance(message, Frame):
        _check_harmless(message)
    return message


def _check_harmless(frame: Frame) -> None:
    """Raise `ForeignError` unless a frame can be unpacked without a pickle.

    Also if that cannot be found out: what fails now might not fail again.
    """

    def refuse(data: bytes, buffers: Sequence[Memory]) -> None:
        raise ProtocolError("a pickle")

    try:
        if codec.holds_pickle(frame.payload):
            codec.decode(frame.payload, frame.buffers, refuse)
    except Exception as error:
        raise ForeignError(f"frame {frame.number}") from error


def is_records(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as these files do."""
    try:
        with _open_regular(Path(path)) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _open_regular(path: Path) -> io.FileIO:
    """Open a file for reading that is one: a pipe would wait for ever."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    # `map` hands the descriptor on without a bytecode of ours between, where Ctrl-C
    # would leave it open.
    file = next(map(io.FileIO, map(os.open, [path], [flags])))
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a regular file")
    except BaseException:
        file.close()
        raise
    return file
