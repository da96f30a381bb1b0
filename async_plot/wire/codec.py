"""Values <-> payload and buffers: what the arguments of a frame become.

Everything common is packed with msgpack; arrays are left beside it as raw memory;
what msgpack does not know goes by pickle protocol 5, with its buffers out of band
too. This module makes no memory and no pickles: it is handed the functions that
do, so that the end that must never unpickle cannot.
"""

from __future__ import annotations

import datetime as dt
import functools
import reprlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgpack
import numpy as np

from ..errors import ProtocolError, UnsupportedValueError
from .messages import Memory

__all__ = [
    "Store",
    "array_head",
    "decode",
    "described",
    "encode",
    "explain",
    "holds_pickle",
    "key",
    "map_head",
    "plain",
]

# Extension types of msgpack; the numbers are the protocol.
_ARRAY, _TUPLE, _SCALAR, _COMPLEX, _INT = 1, 2, 3, 4, 5
_DATETIME, _DATE, _TIME, _TIMEDELTA = 6, 7, 8, 9
_SET, _FROZENSET, _MASKED, _PICKLE, _OUTSIDE = 10, 11, 12, 13, 14

_NESTING = (_TUPLE, _COMPLEX, _SET, _FROZENSET, _MASKED)  # values within a value

_BIG = 1 << 16  # bytes of a payload from which on it is a buffer itself
_STORED = 4000  # arrays of a frame that are buffers; framing takes 4096 of them
# Extension values within extension values. Each level of reading takes 40 kB of the
# C stack, so a few hundred nested tuples would end the viewer's process.
_DEPTH = 64

Array = np.ndarray[Any, Any]
# Copies one array into memory that lasts and returns that memory's number.
Store = Callable[[Array], int]
# The same; None once there are too many, and the array goes into the payload.
_Bounded = Callable[[Array], "int | None"]
Dumps = Callable[[Any, Callable[[Any], Any]], bytes]
Loads = Callable[[bytes, Sequence[Memory]], Any]


def encode(
    args: tuple[Any, ...], kwargs: dict[str, Any], store: Store, dumps: Dumps
) -> bytes:
    """Pack the arguments of a frame.

    Parameters
    ----------
    args, kwargs : tuple, dict
        Arguments and keywords of one ``update``.
    store : callable
        ``store(array)`` copies a C- or Fortran-ordered, or any strided array of a
        plain dtype into the frame's memory and returns the number of its buffer.
    dumps : callable
        ``dumps(value, buffer_callback)`` pickles what nothing else can carry.

    Returns
    -------
    bytes
        The payload.

    Raises
    ------
    UnsupportedValueError
        If an argument can be carried in no way; the error names it.
    """
    # A calculation that waits between two frames finds its caches cold: what counts
    # then is how little code runs, so arrays at the top level take a short way.
    left = _STORED - len(args) - len(kwargs)

    def bounded(array: Array) -> int | None:
        nonlocal left
        left -= 1
        return store(array) if left >= 0 else None

    try:
        if left < 0:
            raise ValueError(f"more than {_STORED}; put them into lists")
        pieces = [b"\x92", array_head(len(args))]
        for value in args:
            pieces.append(_piece(value, store, bounded, dumps))
        pieces.append(map_head(len(kwargs)))
        for name, value in kwargs.items():
            pieces.append(key(name))
            pieces.append(_piece(value, store, bounded, dumps))
        payload = b"".join(pieces)
        if len(payload) >= _BIG:
            number = store(np.frombuffer(payload, np.uint8))
            payload = _plain_pack(msgpack.ExtType(_OUTSIDE, _plain_pack(number)))
        return payload
    except Exception as error:  # find whose fault it is, off the fast path
        raise explain(args, kwargs, error) from error


def decode(
    payload: bytes, buffers: Sequence[Memory], loads: Loads | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Unpack what `encode` packed.

    Parameters
    ----------
    payload : bytes
        The packed arguments.
    buffers : sequence of memory
        Their arrays' memory; the arrays returned are views of it.
    loads : callable, optional
        ``loads(data, buffers)`` unpickles; without it a frame with a pickle in it
        is refused.

    Returns
    -------
    args : tuple
    kwargs : dict

    Raises
    ------
    ProtocolError
        If the payload was not written by `encode`.
    """
    unpacker = _Unpacker(buffers, loads)
    try:
        args, kwargs = unpacker.unpack(payload)
        if type(args) is not list or type(kwargs) is not dict:
            raise ProtocolError("a frame is a list of arguments and a dict of keywords")
        return tuple(args), kwargs
    except ProtocolError:
        raise
    except Exception as error:  # whatever a wrong payload makes numpy or msgpack say
        raise ProtocolError(f"payload of a frame: {error!r}") from error


def holds_pickle(payload: bytes) -> bool:
    """Whether anything that `decode` hands to its `loads` may be in this payload.

    Then the payload is not all of that: a pickle's own buffers, and a payload too big
    for its header, are among the frame's buffers.
    """
    found = False

    def hook(code: int, data: bytes) -> None:
        nonlocal found
        if code in (_PICKLE, _OUTSIDE):
            found = True
        elif code in _NESTING and not found:
            unpack(data)

    def unpack(data: bytes) -> None:
        msgpack.unpackb(
            data, ext_hook=hook, strict_map_key=False, unicode_errors="surrogatepass"
        )

    unpack(payload)
    return found


def explain(
    args: tuple[Any, ...], kwargs: dict[str, Any], error: BaseException
) -> UnsupportedValueError:
    """Name the argument that made packing fail, and the place inside it."""
    named = [(f"argument {i}", value) for i, value in enumerate(args, 1)]
    named += [(f"argument {key!r}", value) for key, value in kwargs.items()]
    for name, value in named:
        reason = _failure(value)
        if reason is not None:
            where, reason = _deepest(value, reason)
            return UnsupportedValueError(
                f"{name} at {where}" if where else name, reason
            )
    return UnsupportedValueError("the arguments together", _sentence(error))


# -- private: to the wire ----------------------------------------------------------


def _piece(value: Any, store: Store, bounded: _Bounded, dumps: Dumps) -> bytes:
    """Pack one argument."""
    if type(value) is np.ndarray and plain(value.dtype):
        return described(value.dtype, value.shape, value.flags.fnc, store(value))
    return _pack(value, bounded, dumps)


@functools.lru_cache(maxsize=256)
def described(
    dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool, number: int
) -> bytes:
    """An array's description; frames of one calculation mostly look the same."""
    parts = [_describe(dtype), list(shape), fortran, number]
    return _plain_pack(msgpack.ExtType(_ARRAY, _plain_pack(parts)))


def plain(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of a dtype can be sent as their memory, and need no pickle."""
    if dtype.isbuiltin == 1:
        return not dtype.hasobject
    return _describe(dtype) is not None


@functools.lru_cache(maxsize=256)
def key(name: str) -> bytes:
    """Name of a keyword, packed."""
    return _plain_pack(name)


@functools.lru_cache(maxsize=64)
def array_head(count: int) -> bytes:
    """What begins a packed list of so many items."""
    head: bytes = msgpack.Packer().pack_array_header(count)
    return head


@functools.lru_cache(maxsize=64)
def map_head(count: int) -> bytes:
    """What begins a packed dict of so many items."""
    head: bytes = msgpack.Packer().pack_map_header(count)
    return head


def _plain_pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return packed


# Packers that nobody uses. One is taken out while it works, so that threads, a
# signal handler and values inside values each have their own; one that was
# interrupted is not put back.
_idle: deque[_Packer] = deque(maxlen=8)


def _pack(value: Any, store: _Bounded, dumps: Dumps, depth: int = 0) -> bytes:
    if depth > _DEPTH:
        raise ValueError(f"it is nested deeper than {_DEPTH} levels")
    try:
        packer = _idle.pop()
    except IndexError:
        packer = _Packer()
    packer.store = store
    packer.dumps = dumps
    packer.depth = depth
    packed: bytes = packer.pack(value)
    packer.store = packer.dumps = _unset
    _idle.append(packer)
    return packed


def _unset(*args: Any) -> Any:
    raise AssertionError("an idle packer was used")


class _Packer:
    """One value on its way out."""

    __slots__ = ("depth", "dumps", "pack", "store")

    def __init__(self) -> None:
        self.depth = 0
        self.store: _Bounded = _unset
        self.dumps: Dumps = _unset
        # Exact types only: a subclass may carry more than its base's value.
        self.pack = msgpack.Packer(
            default=self._default, strict_types=True, unicode_errors="surrogatepass"
        ).pack

    def _default(self, value: Any) -> msgpack.ExtType:
        kind = type(value)
        if kind is np.ndarray or kind is np.memmap:
            if plain(value.dtype):
                return self._array(value)
        elif kind is tuple:
            return self._nested(_TUPLE, list(value))
        elif kind is complex:
            return self._nested(_COMPLEX, [value.real, value.imag])
        elif kind is int:  # beyond 64 bits
            return msgpack.ExtType(_INT, hex(value).encode())
        elif kind in (set, frozenset):
            return self._nested(_SET if kind is set else _FROZENSET, list(value))
        elif kind is np.ma.MaskedArray and not value.dtype.hasobject:
            mask = value.mask if value.mask is not np.ma.nomask else None
            parts = [value.data, mask, np.asarray(value.fill_value), value.hardmask]
            return self._nested(_MASKED, parts)
        elif kind in (np.str_, np.bytes_):  # as memory they would lose final NULs
            base = str.__str__(value) if kind is np.str_ else bytes(value)
            return msgpack.ExtType(_SCALAR, _plain_pack([None, base]))
        elif kind in _PLAIN and plain(value.dtype):
            parts = [_describe(value.dtype), value.tobytes()]
            return msgpack.ExtType(_SCALAR, _plain_pack(parts))
        elif kind is dt.datetime and value.tzinfo in (None, dt.timezone.utc):
            return self._nested(_DATETIME, [value.isoformat(), value.fold])
        elif kind is dt.date:
            return msgpack.ExtType(_DATE, value.isoformat().encode())
        elif kind is dt.time and value.tzinfo is None:
            return self._nested(_TIME, [value.isoformat(), value.fold])
        elif kind is dt.timedelta:
            parts = [value.days, value.seconds, value.microseconds]
            return self._nested(_TIMEDELTA, parts)
        return self._pickle(value)

    def _nested(self, code: int, parts: list[Any]) -> msgpack.ExtType:
        inner = _pack(parts, self.store, self.dumps, self.depth + 1)
        return msgpack.ExtType(code, inner)

    def _array(self, value: Array) -> msgpack.ExtType:
        fortran = value.flags.fnc
        where = self._memory(value, "F" if fortran else "C")
        parts = [_describe(value.dtype), list(value.shape), fortran, where]
        return msgpack.ExtType(_ARRAY, _plain_pack(parts))

    def _memory(self, value: Array, order: Literal["C", "F"] = "C") -> int | bytes:
        """Put an array's memory into a buffer; here, once there are too many."""
        number = self.store(value)
        return value.tobytes(order) if number is None else number

    def _pickle(self, value: Any) -> msgpack.ExtType:
        where: list[int | bytes] = []

        def keep(buffer: Any) -> None:
            where.append(self._memory(np.frombuffer(buffer.raw(), np.uint8)))

        data = self.dumps(value, keep)
        return msgpack.ExtType(_PICKLE, msgpack.packb([data, where]))


_PLAIN = {np.dtype(code).type for code in np.typecodes["All"] if code != "O"}


@functools.lru_cache(maxsize=256)
def _describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as strings and lists: ``'<f8'``, or the fields of a structured one.

    None where these would not give the same dtype again, as with objects,
    overlapping fields, and dtypes that another package has defined.
    """
    if dtype.hasobject or dtype.type not in _PLAIN:
        return None
    if dtype.names is None:
        return dtype.str
    try:
        fields = dtype.descr
        same = _structured(msgpack.unpackb(_plain_pack(fields))) == dtype
    except (ValueError, TypeError):
        return None
    return fields if same else None


# -- private: from the wire --------------------------------------------------------


class _Unpacker:
    """One frame on its way in."""

    def __init__(self, buffers: Sequence[Memory], loads: Loads | None) -> None:
        self._buffers = buffers
        self._loads = loads
        self._depth = -1

    def unpack(self, data: Memory) -> Any:
        if self._depth > _DEPTH:  # one more than in packing, for `_OUTSIDE`
            raise ProtocolError(f"values nested deeper than {_DEPTH} levels")
        self._depth += 1
        value = msgpack.unpackb(
            data,
            ext_hook=self._ext,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
        self._depth -= 1
        return value

    def _ext(self, code: int, data: bytes) -> Any:
        if code == _ARRAY:
            if len(data) > _SHORT:  # it holds the array's memory itself
                descr, shape, fortran, where = msgpack.unpackb(data)
                return self._array(tuple(shape), _dtype(descr), fortran, where)
            return self._array(*_array_like(data))
        if code == _TUPLE:
            return tuple(self.unpack(data))
        if code == _SCALAR:
            descr, raw = msgpack.unpackb(data, unicode_errors="surrogatepass")
            if descr is None:
                return np.str_(raw) if type(raw) is str else np.bytes_(raw)
            # Of an array, so that a structured scalar is one too and may be changed.
            return np.ndarray(1, _dtype(descr), buffer=bytearray(raw))[0]
        if code == _COMPLEX:
            return complex(*self.unpack(data))
        if code == _INT:
            return int(data, 16)
        if code == _SET:
            return set(self.unpack(data))
        if code == _FROZENSET:
            return frozenset(self.unpack(data))
        if code == _MASKED:
            values, mask, fill, hard = self.unpack(data)
            mask = np.ma.nomask if mask is None else mask
            return np.ma.MaskedArray(
                values, mask, fill_value=fill[()], hard_mask=bool(hard)
            )
        if code == _DATETIME:
            text, fold = msgpack.unpackb(data)
            return dt.datetime.fromisoformat(text).replace(fold=fold)
        if code == _DATE:
            return dt.date.fromisoformat(data.decode())
        if code == _TIME:
            text, fold = msgpack.unpackb(data)
            return dt.time.fromisoformat(text).replace(fold=fold)
        if code == _TIMEDELTA:
            return dt.timedelta(*msgpack.unpackb(data))
        if code == _OUTSIDE:
            return self.unpack(self._buffer(msgpack.unpackb(data)))
        if code == _PICKLE:
            if self._loads is None:
                raise ProtocolError("a pickle where none is taken")
            pickled, where = msgpack.unpackb(data)
            return self._loads(pickled, [self._buffer(each) for each in where])
        raise ProtocolError(f"unknown kind of value {code}")

    def _buffer(self, number: Any) -> Memory:
        if type(number) is bytes:
            return bytearray(number)
        if type(number) is not int or not 0 <= number < len(self._buffers):
            raise ProtocolError(f"no buffer {number!r} in this frame")
        return self._buffers[number]

    def _array(
        self, shape: tuple[Any, ...], dtype: np.dtype[Any], fortran: Any, where: Any
    ) -> np.ndarray[Any, Any]:
        order: Literal["C", "F"] = "F" if fortran else "C"
        return np.ndarray(shape, dtype, buffer=self._buffer(where), order=order)


_SHORT = 256  # bytes of a description that is worth remembering


@functools.lru_cache(maxsize=256)
def _array_like(data: bytes) -> tuple[tuple[Any, ...], np.dtype[Any], Any, Any]:
    """What an array's description says; frames of one run mostly look the same."""
    descr, shape, fortran, where = msgpack.unpackb(data)
    return tuple(shape), _dtype(descr), fortran, where


def _dtype(descr: Any) -> np.dtype[Any]:
    dtype = np.dtype(descr) if type(descr) is str else _structured(descr)
    if dtype.hasobject:  # would make pointers of what the peer sent
        raise ProtocolError("an array of objects outside a pickle")
    return dtype


def _structured(descr: Any) -> np.dtype[Any]:
    """Undo `_describe`: msgpack made lists of the tuples that numpy insists on."""

    def field(item: Any) -> Any:
        name, form, *shape = item
        name = tuple(name) if type(name) is list else name
        form = [field(f) for f in form] if type(form) is list else form
        return (name, form, *(tuple(s) for s in shape))

    return np.lib.format.descr_to_dtype([field(item) for item in descr])


# -- private: whose fault it is ----------------------------------------------------


def _failure(value: Any) -> str | None:
    """Say why a value alone cannot be packed; None if it can."""
    from . import pickles

    try:
        _pack([value], lambda array: 0, pickles.dumps)
    except Exception as error:
        return _sentence(error)
    return None


def _deepest(value: Any, reason: str, above: tuple[Any, ...] = ()) -> tuple[str, str]:
    """Follow the failure into lists, tuples and dicts, as a subscript."""
    if any(value is each for each in above):
        return "", "it contains itself"
    items: list[tuple[Any, Any]] = []
    if isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    elif isinstance(value, dict):
        items = list(value.items())
    if len(above) < 20:
        for key, item in items[:10000]:
            if isinstance(value, dict) and (inner := _failure(key)) is not None:
                return "", f"its key {reprlib.repr(key)}: {inner}"
            inner = _failure(item)
            if inner is not None:
                where, inner = _deepest(item, inner, (*above, value))
                return f"[{reprlib.repr(key)}]{where}", inner
    return "", reason


def _sentence(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) < 300 else text[:300] + "..."
