"""Values <-> payload and buffers: what the arguments of a frame become.

Everything common is packed with msgpack; arrays are left beside it as raw memory;
what msgpack does not know goes by pickle protocol 5, with its buffers out of band
too. This module makes no memory and no pickles: it is handed the functions that
do, so that the end that must never unpickle cannot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import numpy as np

from ..errors import ProtocolError, UnsupportedValueError
from .messages import Memory

__all__ = ["Store", "decode", "encode", "explain"]

# Extension types of msgpack; the numbers are the protocol.
_ARRAY, _TUPLE, _SCALAR, _COMPLEX, _INT = 1, 2, 3, 4, 5
_DATETIME, _DATE, _TIME, _TIMEDELTA = 6, 7, 8, 9
_SET, _FROZENSET, _MASKED, _PICKLE, _BYTES, _BYTEARRAY = 10, 11, 12, 13, 14, 15

_BIG_BYTES = 4096  # bytes objects from here on travel as buffers

# Copies one array into memory that lasts and returns that memory's number.
Store = Callable[[np.ndarray[Any, Any]], int]
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
    packer = _Packer(store, dumps)
    try:
        return packer.pack((list(args), kwargs))
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
            return UnsupportedValueError(name + (f" at {where}" if where else ""), reason)
    return UnsupportedValueError("the arguments together", _sentence(error))


# -- private: to the wire ----------------------------------------------------------


class _Packer:
    """One frame on its way out."""

    def __init__(self, store: Store, dumps: Dumps) -> None:
        self._store = store
        self._dumps = dumps
        # Exact types only: a subclass may carry more than its base's value.
        self.pack = msgpack.Packer(
            default=self._default, strict_types=True, unicode_errors="surrogatepass"
        ).pack

    def _default(self, value: Any) -> msgpack.ExtType:
        kind = type(value)
        if kind is np.ndarray or kind is np.memmap:
            if not value.dtype.hasobject:
                return self._array(value)
        elif kind is tuple:
            return self._nested(_TUPLE, list(value))
        elif kind is complex:
            return self._nested(_COMPLEX, [value.real, value.imag])
        elif kind is int:  # beyond 64 bits
            return msgpack.ExtType(_INT, hex(value).encode())
        elif kind in (set, frozenset):
            return self._nested(_SET if kind is set else _FROZENSET, list(value))
        elif kind is bytearray:
            return self._raw(_BYTEARRAY, value)
        elif kind is np.ma.MaskedArray and not value.dtype.hasobject:
            mask = value.mask if value.mask is not np.ma.nomask else None
            parts = [value.data, mask, np.asarray(value.fill_value)]
            return self._nested(_MASKED, parts)
        elif isinstance(value, np.generic) and _plain(kind):
            return self._nested(_SCALAR, [_describe(value.dtype), value.tobytes()])
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
        # A packer is not re-entrant: an inner value gets its own.
        return msgpack.ExtType(code, _Packer(self._store, self._dumps).pack(parts))

    def _array(self, value: np.ndarray[Any, Any]) -> msgpack.ExtType:
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        number = self._store(value)
        described = [_describe(value.dtype), value.shape, fortran, number]
        return msgpack.ExtType(_ARRAY, msgpack.packb(described))

    def _raw(self, code: int, value: bytes | bytearray) -> msgpack.ExtType:
        if len(value) < _BIG_BYTES:
            return msgpack.ExtType(code, bytes(value))
        number = self._store(np.frombuffer(value, np.uint8))
        return msgpack.ExtType(code + 100, msgpack.packb(number))

    def _pickle(self, value: Any) -> msgpack.ExtType:
        numbers: list[int] = []

        def keep(buffer: Any) -> None:
            numbers.append(self._store(np.frombuffer(buffer.raw(), np.uint8)))

        data = self._dumps(value, keep)
        return msgpack.ExtType(_PICKLE, msgpack.packb([data, numbers]))


def _plain(kind: type) -> bool:
    return kind.__module__ == "numpy" and not issubclass(kind, np.object_)


def _describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as strings and lists: ``'<f8'``, or the fields of a structured one."""
    if dtype.names is None and dtype.subdtype is None:
        return dtype.str
    return np.lib.format.dtype_to_descr(dtype)


# -- private: from the wire --------------------------------------------------------


class _Unpacker:
    """One frame on its way in."""

    def __init__(self, buffers: Sequence[Memory], loads: Loads | None) -> None:
        self._buffers = buffers
        self._loads = loads

    def unpack(self, data: bytes) -> Any:
        return msgpack.unpackb(
            data,
            ext_hook=self._ext,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )

    def _ext(self, code: int, data: bytes) -> Any:
        if code == _ARRAY:
            descr, shape, fortran, number = msgpack.unpackb(data)
            return self._array(descr, shape, fortran, number)
        if code == _TUPLE:
            return tuple(self.unpack(data))
        if code == _SCALAR:
            descr, raw = msgpack.unpackb(data)
            # An array of one element, so that a structured scalar is a scalar too.
            return np.frombuffer(raw, _dtype(descr))[0] if raw else _dtype(descr).type()
        if code == _COMPLEX:
            return complex(*self.unpack(data))
        if code == _INT:
            return int(data, 16)
        if code == _SET:
            return set(self.unpack(data))
        if code == _FROZENSET:
            return frozenset(self.unpack(data))
        if code == _MASKED:
            values, mask, fill = self.unpack(data)
            mask = np.ma.nomask if mask is None else mask
            return np.ma.MaskedArray(values, mask, fill_value=fill[()])
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
        if code in (_BYTES, _BYTEARRAY):
            return data if code == _BYTES else bytearray(data)
        if code in (_BYTES + 100, _BYTEARRAY + 100):
            raw = self._buffer(msgpack.unpackb(data))
            return bytes(raw) if code == _BYTES + 100 else bytearray(raw)
        if code == _PICKLE:
            if self._loads is None:
                raise ProtocolError("a pickle where none is taken")
            pickled, numbers = msgpack.unpackb(data)
            return self._loads(pickled, [self._buffer(n) for n in numbers])
        raise ProtocolError(f"unknown kind of value {code}")

    def _buffer(self, number: Any) -> Memory:
        if type(number) is not int or not 0 <= number < len(self._buffers):
            raise ProtocolError(f"no buffer {number!r} in this frame")
        return self._buffers[number]

    def _array(
        self, descr: Any, shape: Any, fortran: Any, number: Any
    ) -> np.ndarray[Any, Any]:
        return np.ndarray(
            tuple(shape),
            _dtype(descr),
            buffer=self._buffer(number),
            order="F" if fortran else "C",
        )


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

    if descr and type(descr[0]) is str and len(descr) == 2:  # a subarray dtype
        return np.dtype((descr[0], tuple(descr[1])))
    return np.lib.format.descr_to_dtype([field(item) for item in descr])


# -- private: whose fault it is ----------------------------------------------------


def _failure(value: Any) -> str | None:
    """Say why a value alone cannot be packed; None if it can."""
    from . import pickles

    try:
        _Packer(lambda array: 0, pickles.dumps).pack([value])
    except Exception as error:
        return _sentence(error)
    return None


def _deepest(value: Any, reason: str, depth: int = 0) -> tuple[str, str]:
    """Follow the failure into lists, tuples and dicts, as a subscript."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    elif isinstance(value, dict):
        items = list(value.items())
    if depth < 20:
        for key, item in items[:10000]:
            inner = _failure(item)
            if inner is not None:
                where, inner = _deepest(item, inner, depth + 1)
                return f"[{key!r}]{where}", inner
    return "", reason


def _sentence(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) < 300 else text[:300] + "..."
