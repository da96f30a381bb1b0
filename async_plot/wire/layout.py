"""Frames that look alike: written by one call of `struct` instead of by packing.

Most calculations hand over arrays of the same shapes and a few numbers again and
again. Everything but the numbers then is constant, down to the byte. A calculation
that waits between two frames finds its caches cold, where each library that is
called costs 20 us before it does anything; so few are called. Knows the format of
`codec` and `framing`, and adds nothing to it.
"""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import numpy as np

from . import codec, framing
from .messages import Frame

__all__ = ["Layout", "likeness"]

_MOST = 4000  # arguments; a message takes 4096 buffers
Likeness = tuple[Any, ...]
Array = np.ndarray[Any, Any]


def likeness(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Likeness, list[Array], list[float]] | None:
    """Split the arguments of a frame into what stays the same and what may not.

    Returns
    -------
    likeness : tuple
        Equal for frames that one `Layout` can write.
    arrays : list of ndarray
        The arrays, in their order.
    numbers : list of float or int
        The numbers, in their order.

    None if there is anything but plain arrays, floats, ints and bools at the top
    level: such a frame is packed.
    """
    looks: list[Any] = [len(args), *kwargs]
    arrays: list[Array] = []
    numbers: list[float] = []
    for value in (*args, *kwargs.values()) if kwargs else args:
        kind = type(value)
        if kind is np.ndarray:
            dtype = value.dtype
            if not codec.plain(dtype):
                return None
            looks.append((dtype, value.shape, value.flags.fnc))
            arrays.append(value)
        elif kind is float or kind is int:
            looks.append(kind)
            numbers.append(value)
        elif kind is bool:
            looks.append(kind)
            numbers.append(0xC2 + value)  # what msgpack writes for it
        else:
            return None
    if len(looks) > _MOST:
        return None
    return tuple(looks), arrays, numbers


class Layout:
    """The bytes that frames of one likeness share.

    Parameters
    ----------
    plotter : str
        Name of the plotter.
    args, kwargs : tuple, dict
        Arguments of one of the frames.
    look : tuple
        Their `likeness`.
    """

    def __init__(
        self,
        plotter: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        look: Likeness,
    ) -> None:
        self.look = look
        self.sizes: list[int] = []
        payload = _Form()
        payload.constant(b"\x92" + codec.array_head(len(args)))
        for value in args:
            self._value(payload, value)
        payload.constant(codec.map_head(len(kwargs)))
        for key, value in kwargs.items():
            payload.constant(codec.key(key))
            self._value(payload, value)
        header = _Form()
        header.constant(
            b"\x95" + msgpack.packb(plotter, unicode_errors="surrogatepass")
        )
        header.number(b"\xcf", "Q")  # the frame's number
        header.number(b"\xcb", "d")  # its time
        header.constant(b"\xc2\xc6" + struct.pack("!I", payload.size))
        whole = _Form()
        whole.constant(framing.head(Frame, header.size + payload.size, self.sizes))
        whole.extend(header)
        whole.extend(payload)
        self._struct, self._fill = whole.finish()

    def write(self, number: int, time: float, numbers: list[float]) -> bytes:
        """Write everything of a frame's message that comes before its buffers.

        Raises
        ------
        struct.error
            If an int needs more than 64 bits: such a frame is packed.
        """
        fill = self._fill[:]
        fill[1] = number
        fill[3] = time
        fill[5::2] = numbers
        return self._struct.pack(*fill)

    def _value(self, form: _Form, value: Any) -> None:
        if type(value) is np.ndarray:
            number = len(self.sizes)
            self.sizes.append(value.nbytes)
            form.constant(
                codec.described(value.dtype, value.shape, value.flags.fnc, number)
            )
        elif type(value) is float:
            form.number(b"\xcb", "d")
        elif type(value) is int:
            form.number(b"\xd3", "q")
        else:
            form.number(b"", "B")


class _Form:
    """Constants and numbers in turn, as `struct` wants them."""

    def __init__(self) -> None:
        self.size = 0
        self._items: list[tuple[bytes, str]] = []  # a constant, the number after it
        self._open = b""

    def constant(self, data: bytes) -> None:
        self._open += data
        self.size += len(data)

    def number(self, mark: bytes, code: str) -> None:
        self.constant(mark)
        self._items.append((self._open, code))
        self._open = b""
        self.size += struct.calcsize("!" + code)

    def extend(self, other: _Form) -> None:
        for data, code in other._items:
            self._items.append((self._open + data, code))
            self._open = b""
            self.size += len(data) + struct.calcsize("!" + code)
        self.constant(other._open)

    def finish(self) -> tuple[struct.Struct, list[Any]]:
        form = "!"
        fill: list[Any] = []
        for data, code in self._items:
            form += f"{len(data)}s{code}"
            fill += [data, 0]
        return struct.Struct(f"{form}{len(self._open)}s"), [*fill, self._open]
