"""Writing files of messages; `async_plot.net.records` says what they are."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from . import files, seals

__all__ = ["MAGIC", "Writer", "write_whole"]

MAGIC = b"\x89APLOTREC1\r\n"
_PIECES = 512  # of memory in one call; the kernel's limit is 1024
_CHUNK = 1 << 24  # bytes copied by one call


class Writer:
    """Writes a new file, message after message; whole ones are never torn.

    Neither a full disk nor an interrupt at any instruction leaves half a message
    inside: the next one is written over it. Not for several threads at once.

    Parameters
    ----------
    path : str or path
        Where; there must be nothing yet.

    Attributes
    ----------
    beside : float
        Processor seconds spent so far without the GIL, beside other threads.

    Raises
    ------
    OSError
        If it cannot be made there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.beside = 0.0
        self._id = secrets.token_bytes(16)
        try:
            self._secret = seals.secret(create=True) or b""
        except OSError:  # then nobody can tell the file from a foreign one
            self._secret = seals.new_secret()
        # Bytes that are whole, and seals in them: one object, so that an interrupt
        # cannot come between the two.
        self._done = 0, 0
        self._file: io.FileIO = open(
            self.path, "x+b", buffering=0, opener=files.open_private
        )
        try:
            if hasattr(os, "fchmod"):  # whatever the umask
                os.fchmod(self._file.fileno(), 0o600)
            files.mark_in_use(self._file)
            first = [memoryview(MAGIC), self._seal(0, False, [])]
            self._done = self._write(first, 0), 1
        except BaseException:
            self._file.close()
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._file.closed

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._done[0]

    def append(
        self,
        parts: Sequence[memoryview],
        *,
        seal: bool = True,
        plain: bool | None = None,
    ) -> int:
        """Write one message at the end.

        Parameters
        ----------
        parts : sequence of memoryview
            The message as `async_plot.wire.framing.encode` or a snapshot gives it:
            all that comes before its buffers is the first part. Nothing is copied.
        seal : bool, default: True
            Whether this user stands for it. False for what came from a foreign file.
        plain : bool, optional
            Whether pickle is fed none of its buffers, if that is known already.

        Returns
        -------
        int
            Bytes written.

        Raises
        ------
        OSError
            If there is no room, or no disk any more; the file then ends with the
            message before, and a later call may try again.
        """
        end, index = self._done
        pieces = list(parts)
        if seal:
            whole = seals.needs_whole(parts[0]) if plain is None else not plain
            pieces.append(self._seal(index, whole, parts))
        size = self._write(pieces, end)
        self._done = end + size, index + seal
        return size

    def rename(self, path: str | os.PathLike[str]) -> None:
        """Put the file in the place of another one, in one step."""
        self.path.replace(path)
        self.path = Path(path)

    def copy_without(self, temporary: Path, spans: Iterable[tuple[int, int]]) -> None:
        """Leave out parts of the file: it becomes a copy without them, in one step.

        Parameters
        ----------
        temporary : Path
            Where the copy is made, on the same file system.
        spans : iterable of (int, int)
            Begin and end of each part, in bytes, in their order: messages with their
            seals.

        Raises
        ------
        OSError
            If there is no room; the file is as before.
        """
        end, index = self._done
        cpu = time.thread_time()
        files.check_size(temporary, end)
        with contextlib.ExitStack() as undo:
            copy = open(temporary, "x+b", buffering=0, opener=files.open_private)
            undo.callback(_discard, copy, temporary)
            files.mark_in_use(copy)
            start = size = 0
            for begin, stop in itertools.chain(spans, [(end, end)]):
                _copy(self._file, copy, start, begin)
                size += begin - start
                start = stop
            temporary.replace(self.path)
            undo.pop_all()
        old, self._file = self._file, copy
        self._done = size, index
        old.close()
        self.beside += time.thread_time() - cpu

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._file.closed:
            return
        try:
            with contextlib.suppress(OSError):  # half a message may stand at its end
                if self._file.seek(0, os.SEEK_END) > self.size:
                    self._file.truncate(self.size)
        finally:
            self._file.close()

    def forked(self) -> None:
        """Drop the descriptor that a forked child inherited; write nothing."""
        self._file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _seal(self, index: int, whole: bool, parts: Sequence[memoryview]) -> memoryview:
        cpu = time.thread_time() if whole else 0.0
        covered = parts if whole else parts[:1]
        mac = seals.mac(self._secret, self._id, index, whole, covered)
        if whole:
            self.beside += time.thread_time() - cpu
        return memoryview(seals.pack(self._id, index, whole, mac))

    def _write(self, pieces: list[memoryview], offset: int) -> int:
        """Write everything at that place of the file; the GIL is free meanwhile."""
        start, cpu = offset, time.thread_time()
        files.check_size(self.path, offset + sum(map(len, pieces)))
        if os.name == "posix" and not os.fstat(self._file.fileno()).st_nlink:
            # The system would take it, and nobody could ever read it.
            raise FileNotFoundError(errno.ENOENT, "it was removed", str(self.path))
        while pieces:
            some = pieces[:_PIECES]
            if hasattr(os, "pwritev"):
                count = os.pwritev(self._file.fileno(), some, offset)
            else:
                self._file.seek(offset)
                count = self._file.write(some[0]) or 0
            if count == 0:
                raise OSError(f"nothing more can be written to {self.path}")
            offset += count
            while pieces and count >= len(pieces[0]):
                count -= len(pieces[0])
                del pieces[0]
            if count:
                pieces[0] = pieces[0][count:]
        self.beside += time.thread_time() - cpu
        return offset - start


def _copy(source: io.FileIO, target: io.FileIO, start: int, end: int) -> None:
    """Append a part of a file to another one."""
    while start < end:
        count = min(end - start, _CHUNK)
        if sys.platform == "linux":
            count = os.sendfile(target.fileno(), source.fileno(), start, count)
        else:
            source.seek(start)
            count = target.write(source.read(count)) or 0
        if not count:
            raise OSError(f"nothing more can be copied of {source.name}")
        start += count


def _discard(file: io.FileIO, path: Path) -> None:
    file.close()
    with contextlib.suppress(OSError):
        path.unlink()


def write_whole(
    path: str | os.PathLike[str], messages: Iterable[Sequence[memoryview]]
) -> int:
    """Write a file in the place of another one, which stays until this one is whole.

    Parameters
    ----------
    path : str or path
        Where.
    messages : iterable of sequences of memoryview
        Each as for `Writer.append`.

    Returns
    -------
    int
        Its bytes.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left of it.
    """
    temporary = files.beside(Path(path))
    try:
        with Writer(temporary) as writer:
            for parts in messages:
                writer.append(parts)
            writer.rename(path)
            return writer.size
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
