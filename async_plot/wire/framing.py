"""Message boundaries: messages <-> one byte stream. Knows no socket.

On the wire a message is::

    u32 header length | u16 number of buffers | u8 code | u8 zero    (big-endian)
    u64 length of each buffer
    header: msgpack array of the message's fields, in their order
    buffers, one after the other, raw

Bytes are not fed in: `Reader` lends the memory that the next bytes belong to, so
that arrays arrive in place. Sizes are checked before memory is taken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgpack

from ..errors import MessageTooLargeError, ProtocolError
from .forms import FORMS
from .messages import Frame, Memory, Message

__all__ = [
    "Limits",
    "Reader",
    "assemble",
    "describe",
    "describe_size",
    "encode",
    "head",
    "measure",
    "new_stage",
    "printable",
    "without_buffers",
]

# Fields that stand in a debug log.
_TELLING = (
    *("plotter", "number", "state", "view", "reason", "frame", "name"),
    *("bar", "worker", "job"),
)
_PREFIX = struct.Struct("!IHBB")
_STAGE = 65536  # bytes
_DIRECT = 16384  # bytes still missing from which memory is lent directly
_KNOWN = {kind.code for kind in FORMS}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one message may announce.

    Attributes
    ----------
    header : int
        Bytes of the header.
    buffers : int
        Number of buffers.
    memory : int
        Bytes of all buffers together.
    """

    header: int
    buffers: int
    memory: int


# What a viewer may say is small; what a calculation may say is bounded so that a
# wrong length is an error and not a crash by lack of memory.
FROM_VIEWER_LIMITS = Limits(header=1 << 16, buffers=0, memory=0)
FROM_WORKER_LIMITS = Limits(header=1 << 18, buffers=0, memory=0)
FROM_CALCULATION_LIMITS = Limits(header=1 << 24, buffers=4096, memory=1 << 33)
FROM_RENDERER_LIMITS = Limits(header=1 << 16, buffers=1, memory=1 << 23)


def encode(message: Message) -> list[memoryview]:
    """Write a message as the pieces of memory that follow each other on the wire.

    Parameters
    ----------
    message : Message
        Its buffers are not copied: they must stay as they are until sent.

    Returns
    -------
    list of memoryview
        Of bytes, none empty.

    Raises
    ------
    MessageTooLargeError
        If the message exceeds what the other end takes.
    """
    kind = type(message)
    form = FORMS[kind]
    header: bytes = msgpack.packb(form.get(message), unicode_errors="surrogatepass")
    if not form.buffers:
        if len(header) > FROM_CALCULATION_LIMITS.header:
            _check(len(header), [], FROM_CALCULATION_LIMITS)
        return [memoryview(_PREFIX.pack(len(header), 0, kind.code, 0) + header)]
    buffers = [_bytes(buffer) for buffer in getattr(message, "buffers", ())]
    start = head(kind, len(header), [len(buffer) for buffer in buffers])
    return [memoryview(start + header), *(b for b in buffers if len(b))]


def head(kind: type[Any], header: int, sizes: list[int]) -> bytes:
    """Prefix and table of buffer lengths of a message.

    Parameters
    ----------
    kind : message class
    header : int
        Bytes of its header.
    sizes : list of int
        Bytes of each buffer.

    Raises
    ------
    MessageTooLargeError
        If the message exceeds what the other end takes.
    """
    _check(header, sizes, FROM_CALCULATION_LIMITS)
    form = f"{_PREFIX.format}{len(sizes)}Q"
    return struct.pack(form, header, len(sizes), kind.code, 0, *sizes)


def new_stage() -> memoryview:
    """Make memory in which small messages arrive, together with their kin."""
    return memoryview(bytearray(_STAGE))


class Reader:
    """Cut a byte stream into messages, lending the memory to receive into.

    Parameters
    ----------
    accepts : iterable of message classes
        What the other end may say; any other code is a `ProtocolError`, but codes
        that this version does not know are passed over and counted.
    limits : Limits
        The most that a message may announce.
    allocate : callable, default: bytearray
        ``allocate(n)`` gives writable memory of ``n`` bytes for a buffer.
    stage : memoryview, optional
        From `new_stage`, where small messages arrive. Many readers may share it, if
        each is told what came there before another one lends it.
    """

    # Whether the memory lent last belongs to one part of a message alone.
    direct = False

    def __init__(
        self,
        accepts: Iterable[type[Any]],
        limits: Limits,
        allocate: Callable[[int], Memory] = bytearray,
        stage: memoryview | None = None,
    ) -> None:
        self.unknown = 0
        self._accepts = {kind.code: kind for kind in accepts}
        self._limits = limits
        self._allocate = allocate
        self._stage = new_stage() if stage is None else stage
        self._target = memoryview(b"")
        self._filled = 0
        self._begin()

    def get_buffer(self) -> memoryview:
        """Memory that the next bytes of the stream belong to, never empty."""
        missing = len(self._target) - self._filled
        self.direct = missing >= _DIRECT
        return self._target[self._filled :] if self.direct else self._stage

    def received(self, count: int) -> list[Message]:
        """Take note of bytes that were put into the memory lent last.

        Parameters
        ----------
        count : int
            How many bytes, from the start of that memory.

        Returns
        -------
        list of Message
            Those that are now complete.

        Raises
        ------
        ProtocolError
            If the bytes are no message; the stream cannot be read any further.
        """
        messages: list[Message] = []
        if self.direct:
            self._filled += count
            self._advance(messages)
            return messages
        start = 0
        while start < count:
            if self._sizes is None and not self._filled:
                end = self._read_whole(start, count, messages)
                if end > start:
                    start = end
                    continue
            step = min(count - start, len(self._target) - self._filled)
            end = self._filled + step
            self._target[self._filled : end] = self._stage[start : start + step]
            self._filled = end
            start += step
            self._advance(messages)
        return messages

    @property
    def mid_message(self) -> bool:
        """Whether the stream stands inside a message."""
        return self._sizes is not None or self._filled > 0

    # -- private ---------------------------------------------------------------

    def _begin(self) -> None:
        self._target = memoryview(bytearray(_PREFIX.size))
        self._filled = 0
        self._sizes: list[int] | None = None  # None while the prefix is read
        self._header: bytes | None = None
        self._buffers: list[Memory] = []

    def _advance(self, messages: list[Message]) -> None:
        """Move to the next part while the present one is complete."""
        while self._filled == len(self._target):
            if self._sizes is None:
                self._read_prefix()
            elif self._header is None:
                self._read_header()
            if self._header is None:
                continue
            if len(self._buffers) < len(self._sizes or ()):
                self._next_buffer()
                continue
            self._finish(messages)

    def _read_whole(self, start: int, count: int, messages: list[Message]) -> int:
        """Read a message that lies in the stage from end to end, in few steps.

        Returns
        -------
        int
            Where it ends; `start` if it is not all there, or anything about it is
            unusual: then it is read in parts, which also says what is wrong.
        """
        stage, table = self._stage, start + _PREFIX.size
        if table > count:
            return start
        header, buffers, code, zero = _PREFIX.unpack_from(stage, start)
        begin: int = table + 8 * buffers
        end: int = begin + header
        limits = self._limits
        if zero or not 0 < header <= limits.header or buffers > limits.buffers:
            return start
        if end > count:
            return start
        memories: list[Memory] = []
        data = bytes(stage[begin:end])
        if buffers:
            sizes = struct.unpack_from(f"!{buffers}Q", stage, table)
            total = sum(sizes)
            if total > limits.memory or end + total > count:
                return start
            for size in sizes:
                memory = self._take(size)
                if size:
                    memoryview(memory)[:] = stage[end : end + size]
                memories.append(memory)
                end += size
        self._assemble(code, data, memories, messages)
        return end

    def _read_prefix(self) -> None:
        self._code, header, buffers = _read_prefix(self._target, self._limits)
        self._sizes = [0] * buffers
        self._start(bytearray(8 * buffers + header))

    def _read_header(self) -> None:
        assert self._sizes is not None
        table = 8 * len(self._sizes)
        self._sizes = list(struct.unpack(f"!{len(self._sizes)}Q", self._target[:table]))
        total = len(self._target) - table
        _check(total, self._sizes, self._limits)
        self._header = bytes(self._target[table:])

    def _next_buffer(self) -> None:
        assert self._sizes is not None
        memory = self._take(self._sizes[len(self._buffers)])
        self._buffers.append(memory)
        self._start(memory)

    def _take(self, size: int) -> Memory:
        try:
            return self._allocate(size)
        except MemoryError:
            raise ProtocolError(f"no memory for a buffer of {size} bytes") from None

    def _start(self, memory: Memory) -> None:
        self._target = memoryview(memory)
        self._filled = 0

    def _finish(self, messages: list[Message]) -> None:
        assert self._header is not None
        self._assemble(self._code, self._header, self._buffers, messages)
        self._begin()

    def _assemble(
        self, code: int, header: bytes, buffers: list[Memory], messages: list[Message]
    ) -> None:
        kind = self._accepts.get(code)
        if kind is not None:
            messages.append(assemble(kind, header, buffers))
        elif code in _KNOWN:
            raise ProtocolError(f"message code {code} from the wrong end")
        else:
            self.unknown += 1


def describe(message: Message) -> str:
    """One line for a debug log, buffers elided: ``frame #41 [3 buffers, 1.2 MB]``.

    Whatever the peer put into its texts, the line is short and moves no cursor.
    """
    name = type(message).__name__.lower()
    parts = [name]
    for key in _TELLING:
        value = getattr(message, key, None)
        if value not in (None, ""):
            parts.append(f"#{value}" if key == "number" else printable(str(value)[:80]))
    buffers = getattr(message, "buffers", None)
    if buffers:
        size = sum(len(_bytes(b)) for b in buffers)
        parts.append(f"[{len(buffers)} buffers, {describe_size(size)}]")
    return " ".join(parts)


def printable(text: str, keep: str = "") -> str:
    """Text without control sequences, fit for a terminal.

    Parameters
    ----------
    text : str
        Somebody else's.
    keep : str
        Control characters that may stay, e.g. line ends.
    """
    return "".join(
        c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def describe_size(count: float) -> str:
    """Bytes as people read them: ``1.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _bytes(memory: Memory) -> memoryview:
    view = memoryview(memory)
    if not view.nbytes:  # which `cast` refuses for some shapes
        return memoryview(b"")
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _check(header: int, sizes: list[int], limits: Limits) -> None:
    if header > limits.header:
        raise MessageTooLargeError("header", header, limits.header)
    if len(sizes) > limits.buffers:
        raise MessageTooLargeError("buffer count", len(sizes), limits.buffers)
    if sum(sizes) > limits.memory:
        raise MessageTooLargeError("buffers", sum(sizes), limits.memory)


@dataclass(frozen=True, slots=True)
class Measure:
    """Where the parts of a message are that begins at offset 0.

    Attributes
    ----------
    code : int
        What it is.
    start, end : int
        Offsets of the header and of the first buffer.
    sizes : list of int
        Bytes of each buffer.
    """

    code: int
    start: int
    end: int
    sizes: list[int]


def measure(data: Memory, limits: Limits) -> Measure | int:
    """Find the parts of a message, as long as it holds what comes before its buffers.

    Returns
    -------
    Measure, or int
        How many bytes are wanted to say more, if there are too few.

    Raises
    ------
    ProtocolError
        If this is no message.
    """
    if len(data) < _PREFIX.size:
        return _PREFIX.size
    code, header, buffers = _read_prefix(data, limits)
    start = _PREFIX.size + 8 * buffers
    if len(data) < start + header:
        return int(start + header)
    sizes = list(struct.unpack_from(f"!{buffers}Q", data, _PREFIX.size))
    _check(header, sizes, limits)
    return Measure(code, start, start + header, sizes)


def _read_prefix(data: Memory, limits: Limits) -> tuple[int, int, int]:
    header, buffers, code, zero = _PREFIX.unpack_from(data)
    if zero:
        raise ProtocolError(f"reserved byte of a message prefix is {zero}, not 0")
    if header > limits.header:
        raise MessageTooLargeError("header", header, limits.header)
    if buffers > limits.buffers:
        raise MessageTooLargeError("buffer count", buffers, limits.buffers)
    if header == 0:
        raise ProtocolError("a message without a header")
    return code, header, buffers


def assemble(kind: type[Any], header: bytes, buffers: list[Memory]) -> Message:
    """Make a message of its parts; each field must have the type it declares.

    Fields that a later version appended are passed over; those that an earlier one
    did not have yet get their default.

    Raises
    ------
    ProtocolError
        If the header is another kind's.
    """
    try:
        values = msgpack.unpackb(
            header, unicode_errors="surrogatepass", strict_map_key=True
        )
    except Exception as error:  # msgpack raises a dozen unrelated classes
        raise ProtocolError(f"header of {kind.__name__}: {error!r}") from None
    form = FORMS[kind]
    if type(values) is not list or len(values) < form.required:
        raise ProtocolError(f"header of {kind.__name__} lacks fields")
    values += form.defaults[len(values) - form.required :]
    del values[len(form.checks) :]
    if not form.fits(values):
        form.check(values)
    if form.buffers:
        values.append(buffers)
    elif buffers:
        raise ProtocolError(f"{kind.__name__} carries no buffers")
    message: Message = kind(*values)
    return message


def without_buffers(head: bytes) -> tuple[Frame, list[int]]:
    """Read a frame whose buffers do not follow it.

    Parameters
    ----------
    head : bytes
        The frame as `encode` writes it, up to its buffers.

    Returns
    -------
    frame : Frame
        Still without its buffers.
    sizes : list of int
        Bytes of each.

    Raises
    ------
    ProtocolError
        If it is no frame, or not all of it.
    """
    found = measure(head, FROM_CALCULATION_LIMITS)
    if isinstance(found, int) or found.end != len(head) or found.code != Frame.code:
        raise ProtocolError("what comes before the buffers is no frame's")
    frame = assemble(Frame, head[found.start : found.end], [])
    assert isinstance(frame, Frame)
    return frame, found.sizes
