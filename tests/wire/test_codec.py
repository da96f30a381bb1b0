"""Tests of payloads: every awkward value there and back, and hostile payloads."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import pickle
import random
import socket
import threading
import zoneinfo
from collections import OrderedDict, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from msgpack import ExtType, packb

from async_plot.errors import ProtocolError, UnsupportedValueError
from async_plot.wire import codec, pickles

from .. import strategies
from .samples import CountingStore


def there_and_back(*args, **kwargs):
    """Pack, drop everything but the bytes, unpack."""
    store = CountingStore()
    payload = codec.encode(args, kwargs, store, pickles.dumps)
    assert type(payload) is bytes
    return codec.decode(payload, store.buffers, pickles.loads)


def packed(*args, **kwargs):
    """Give the payload, and the buffers beside it."""
    store = CountingStore()
    return codec.encode(args, kwargs, store, pickles.dumps), store.buffers


def no_pickles(value, callback):
    raise AssertionError(f"a pickle of {value!r}")


def same(a, b):
    """Whether two values are equal and of the same types all through, NaN included."""
    # A bytearray arrives as bytes; a C long long as the long of the same width.
    if {type(a), type(b)} == {bytes, bytearray}:
        return a == b
    if type(a) is not type(b) and not (
        isinstance(a, np.integer) and isinstance(b, np.integer)
    ):
        return False
    if isinstance(a, np.ma.MaskedArray):
        return (
            a.dtype == b.dtype
            and np.array_equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b))
            and same(a.data, b.data)
            and same(np.asarray(a.fill_value), np.asarray(b.fill_value))
        )
    if isinstance(a, (np.ndarray, np.generic)) and a.dtype.hasobject:
        return a.dtype == b.dtype and a.shape == b.shape and bool(np.all(a == b))
    if isinstance(a, (np.ndarray, np.generic)):
        # Of an extended double some bytes mean nothing; of a record, its padding.
        equal = a.dtype == b.dtype and a.shape == b.shape
        return equal and (a.tobytes() == b.tobytes() or np.array_equal(a, b))
    if isinstance(a, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(map(same, a.items(), b.items()))
    return a == b


# -- golden bytes ------------------------------------------------------------------

GOLDEN = [
    ((), {}, b"\x92\x90\x80"),
    ((1, "x", None), {}, b"\x92\x93\x01\xa1x\xc0\x80"),
    ((), {"t": 1.5}, b"\x92\x90\x81\xa1t\xcb?\xf8\0\0\0\0\0\0"),
    (([1, b"x"],), {}, b"\x92\x91\x92\x01\xc4\x01x\x80"),
    ((np.arange(3.0),), {}, b"\x92\x91\xc7\x09\x01\x94\xa3<f8\x91\x03\xc2\x00\x80"),
    (
        (np.ones((2, 3), "<i4", order="F"),),
        {},
        b"\x92\x91\xc7\x0a\x01\x94\xa3<i4\x92\x02\x03\xc3\x00\x80",
    ),
    (((1, 2),), {}, b"\x92\x91\xc7\x03\x02\x92\x01\x02\x80"),
    (
        (np.float32(1.5),),
        {},
        b"\x92\x91\xc7\x0b\x03\x92\xa3<f4\xc4\x04\x00\x00\xc0?\x80",
    ),
    ((np.str_("x"),), {}, b"\x92\x91\xd6\x03\x92\xc0\xa1x\x80"),
    (
        (1j,),
        {},
        b"\x92\x91\xc7\x13\x04\x92\xcb\0\0\0\0\0\0\0\0\xcb?\xf0\0\0\0\0\0\0\x80",
    ),
    ((1 << 64,), {}, b"\x92\x91\xc7\x13\x050x1" + b"0" * 16 + b"\x80"),
    (
        (dt.datetime(2026, 1, 2, 3, 4),),
        {},
        b"\x92\x91\xc7\x16\x06\x92\xb32026-01-02T03:04:00\x00\x80",
    ),
    ((dt.date(2026, 1, 2),), {}, b"\x92\x91\xc7\x0a\x072026-01-02\x80"),
    ((dt.time(3, 4),), {}, b"\x92\x91\xc7\x0b\x08\x92\xa803:04:00\x00\x80"),
    ((dt.timedelta(1, 2, 3),), {}, b"\x92\x91\xd6\x09\x93\x01\x02\x03\x80"),
    (({7},), {}, b"\x92\x91\xd5\x0a\x91\x07\x80"),
    ((frozenset({7}),), {}, b"\x92\x91\xd5\x0b\x91\x07\x80"),
    ((b"x", bytearray(b"y")), {}, b"\x92\x92\xc4\x01x\xc4\x01y\x80"),
]


@pytest.mark.parametrize(
    ("args", "kwargs", "payload"), GOLDEN, ids=[repr(g[:2])[:50] for g in GOLDEN]
)
def test_golden_bytes(args, kwargs, payload):
    """The common values have exactly these bytes, and need no pickle."""
    store = CountingStore()
    assert codec.encode(args, kwargs, store, no_pickles) == payload
    back = codec.decode(payload, store.buffers)
    assert same(back, (args, kwargs))


def test_pickle_is_an_extension_of_data_and_buffers():
    """What nothing else can carry is one extension value; 13 is its number."""
    payload, buffers = packed(Fraction(1, 3))
    [[ext], kwargs] = msgpack.unpackb(payload)
    data, where = msgpack.unpackb(ext.data)
    assert (ext.code, kwargs, where, buffers) == (13, {}, [], [])
    assert pickle.loads(data) == Fraction(1, 3)


# -- arrays ------------------------------------------------------------------------


def memmap(tmp_path):
    array = np.memmap(tmp_path / "array", np.float64, "w+", shape=(3, 4))
    array[:] = np.arange(12).reshape(3, 4)
    return array


NESTED = [("a", "<i4", (2, 3)), ("b", [("c", "<f8"), ("d", ">u2"), ("e", "S3")])]
BASE = np.arange(24.0).reshape(2, 3, 4)

ARRAYS = {
    "1-D": np.arange(5.0),
    "2-D": BASE[0],
    "3-D": BASE,
    "0-d": np.array(3.5),
    "0-d structured": np.zeros((), NESTED),
    "empty": np.empty(0),
    "zero-size dimensions": np.empty((3, 0, 2), "<i2"),
    "zero-size dimensions, Fortran": np.empty((3, 0, 2), "<i2", order="F"),
    "strided": np.arange(20.0)[::3],
    "strided 2-D": BASE[:, ::2, 1::2],
    "negative stride": np.arange(5.0)[::-1],
    "negative strides": BASE[::-1, :, ::-1],
    "zero stride": np.broadcast_to(np.float64(3), (4, 5)),
    "zero stride, one axis": np.broadcast_to(np.arange(3.0), (4, 3)),
    "Fortran": np.asfortranarray(BASE),
    "transposed": BASE.transpose(1, 0, 2),
    "unaligned": np.frombuffer(bytes(range(17)), np.uint8)[1:].view("<f8"),
    "big-endian": np.arange(4, dtype=">f8"),
    "big-endian int": np.arange(4, dtype=">i2"),
    "bool": np.array([True, False, True]),
    "int8": np.arange(-3, 3, dtype=np.int8),
    "uint64": np.array([0, 2**64 - 1], np.uint64),
    "float16": np.arange(3, dtype=np.float16),
    "float32": np.arange(3, dtype=np.float32),
    "longdouble": np.array([1, 3], np.longdouble) / 3,
    "complex64": np.array([1j, 2], np.complex64),
    "complex128": np.array([1j, np.nan]),
    "clongdouble": np.array([1j, 2], np.clongdouble),
    "nan and inf": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "unicode": np.array(["a", "longer", "\u20ac"]),
    "unicode, empty": np.array(["", ""]),
    "unicode, big-endian": np.array(["a", "b"], ">U3"),
    "bytes": np.array([b"a", b"longer"]),
    "void": np.array([b"abc", b"def"], "V3"),
    "void of nothing": np.zeros(2, "V0"),
    "datetime64": np.array(["2026-01-02", "NaT"], "M8[ms]"),
    "datetime64 of 25 s": np.array(["2026-01-02"], "M8[25s]"),
    "timedelta64": np.array([1, -2], "m8[us]"),
    "structured": np.array([(1, 2.5)], [("i", "<i4"), ("x", "<f8")]),
    "structured, strided": np.zeros(6, NESTED)[::2],
    "structured, one field": np.zeros(3, NESTED)["b"],
    "structured, some fields": np.zeros(3, [("a", "i1"), ("b", "f8"), ("c", "i4")])[
        ["a", "c"]
    ],
    "nested structured": np.zeros((2, 2), NESTED),
    "structured, aligned": np.zeros(
        2, np.dtype([("a", "i1"), ("b", "f8")], align=True)
    ),
    "structured, titles": np.zeros(2, [(("title", "a"), "i4"), ("b", "f8")]),
    "structured, no fields": np.zeros(2, []),
    "structured, overlapping": np.zeros(
        2, {"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": [0, 2]}
    ),
    "structured, out of order": np.zeros(
        2, {"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": [4, 0]}
    ),
    "structured, metadata": np.zeros(2, np.dtype([("a", "i4")], metadata={"m": 1})),
    "structured, objects": np.array([(1, "x")], [("a", "i4"), ("b", object)]),
    "metadata": np.zeros(2, np.dtype("i4", metadata={"m": 1})),
    "object": np.array([1, "x", None, {"a": 2}], dtype=object),
    "record": np.rec.array([(1, 2.5)], [("i", "<i4"), ("x", "<f8")]),
    "chararray": np.array(["a", "bc"]).view(np.char.chararray),
    "masked": np.ma.array([1, 2, 3], mask=[0, 1, 0], fill_value=9),
    "masked, no mask": np.ma.array([1.0, 2.0]),
    "masked, 0-d": np.ma.array(3.0, mask=True),
    "masked, 2-D Fortran": np.ma.array(BASE[0].T, mask=BASE[0].T > 3),
    "masked, structured": np.ma.array(
        [(1, 2.5), (3, 4.5)],
        [("i", "<i4"), ("x", "<f8")],
        mask=[(1, 0), (0, 1)],
        fill_value=(7, 8.0),
    ),
    "masked, dates": np.ma.array(np.array(["2026-01-02"], "M8[D]"), mask=[1]),
    "masked, objects": np.ma.array([1, "x"], dtype=object, mask=[1, 0]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_awkward_array(name):
    """Every dtype, order and stride arrives equal, and as an array of its own."""
    array = ARRAYS[name]
    [back], _ = there_and_back(array)
    assert same(back, array)
    assert not np.shares_memory(np.asarray(back), np.asarray(array))


@pytest.mark.parametrize("name", ARRAYS)
def test_awkward_array_inside_containers(name):
    """The same within lists, tuples and dicts, and twice in one frame."""
    array = ARRAYS[name]
    args, kwargs = there_and_back([array, (array, 1)], data={"a": {"b": array}})
    assert same(args, ([array, (array, 1)],))
    assert same(kwargs, {"data": {"a": {"b": array}}})


def test_plain_arrays_are_no_pickles():
    """All but objects, subclasses and overlapping fields travel as raw memory."""
    pickled = {
        "structured, overlapping",
        "structured, out of order",
        "structured, objects",
        "object",
        "record",
        "chararray",
        "masked, objects",
    }
    found = set()
    for name, array in ARRAYS.items():

        def dumps(value, callback, name=name):
            found.add(name)
            return pickles.dumps(value, callback)

        codec.encode((array,), {}, CountingStore(), dumps)
    assert found == pickled


def test_matrix():
    """A subclass that numpy itself discourages arrives as what it is."""
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2], [3, 4]])
    [back], _ = there_and_back(matrix)
    assert type(back) is np.matrix
    assert (back == matrix).all()


def test_memmap_arrives_as_an_array(tmp_path):
    """A file mapped into memory is copied as any array is."""
    array = memmap(tmp_path)
    [whole, part], _ = there_and_back(array, array[1:, ::2])
    assert same(whole, np.array(array))
    assert same(part, np.array(array[1:, ::2]))


def test_read_only_array_arrives_writable():
    """What cannot be written to here can be there."""
    array = np.arange(3.0)
    array.flags.writeable = False
    [back], _ = there_and_back(array)
    back[0] = 9
    assert same(back, np.array([9.0, 1.0, 2.0]))


def test_order_of_memory_is_kept():
    """A Fortran array arrives in Fortran order, and without a detour over C order."""
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    payload, buffers = packed(array)
    assert bytes(buffers[0]) == array.tobytes("F")
    [back], _ = codec.decode(payload, buffers)
    assert back.flags.f_contiguous
    assert same(back, array)


def test_hard_mask_is_kept():
    """A hard mask stays one."""
    [back], _ = there_and_back(np.ma.array([1, 2], mask=[0, 1], hard_mask=True))
    assert back.hardmask


def test_masked_constant_stays_the_constant():
    """``np.ma.masked`` is one object, there and here."""
    [back], _ = there_and_back(np.ma.masked)
    assert back is np.ma.masked


def test_array_with_a_dtype_of_another_package(monkeypatch):
    """A dtype whose name numpy does not know goes by pickle, not as raw bytes."""
    dtype = np.dtype("f4")
    monkeypatch.setattr(codec, "_PLAIN", codec._PLAIN - {np.float32})
    codec._describe.cache_clear()
    try:
        assert codec._describe(dtype) is None
    finally:
        codec._describe.cache_clear()


def test_variable_strings():
    """NumPy's strings of variable width hold pointers, and go by pickle."""
    dtype = getattr(np.dtypes, "StringDType", None)
    words = ["a", "long" * 50, ""]
    array = np.array(words, dtype=dtype() if dtype else object)
    [back], _ = there_and_back(array)
    assert back.dtype == array.dtype
    assert back.tolist() == words


def test_many_small_arrays():
    """Ten thousand arrays in lists are more than one message's buffers."""
    many = [np.full(3, i) for i in range(10_000)]
    payload, buffers = packed(many[:3000], more=tuple(many[3000:]))
    assert len(buffers) <= 4096
    args, kwargs = codec.decode(payload, buffers)
    assert same(args, (many[:3000],))
    assert same(kwargs, {"more": tuple(many[3000:])})
    args[0][0][0] = 7


def test_many_pickled_buffers():
    """The same where a pickle brings the arrays."""
    many = Holder([np.full(3, i) for i in range(5000)])
    payload, buffers = packed(many)
    assert len(buffers) <= 4096
    [back], _ = codec.decode(payload, buffers, pickles.loads)
    assert same(back.value, many.value)


def test_more_arguments_than_a_message_holds():
    """Thousands of arguments are refused, not sent in part."""
    with pytest.raises(UnsupportedValueError, match="arguments together"):
        packed(*[np.zeros(1)] * 5000)


@pytest.mark.parametrize(
    "value",
    [
        list(map(float, range(300_000))),
        "x" * 20_000_000,
        b"x" * 20_000_000,
        bytearray(20_000_000),
        {"a": ["\u20ac" * 100_000]},
    ],
    ids=["floats", "text", "bytes", "bytearray", "dict"],
)
def test_big_values_leave_the_header(value):
    """A payload beyond 64 kB is a buffer: a header is not for megabytes."""
    payload, buffers = packed(value, x=1)
    assert len(payload) < 1000
    assert codec.decode(payload, buffers) == ((value,), {"x": 1})


# -- everything else ---------------------------------------------------------------

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Holder:
    value: object


class Text(str):
    """A subclass of a type that msgpack knows."""


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    2**5000,
    -(2**5000),
    0.0,
    -0.0,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    1 + 2j,
    complex(math.nan, -math.inf),
    "",
    "text \u20ac \U0001f600",
    "\ud800 lone surrogates \udfff",
    "nul \0",
    b"",
    b"bytes \x00\xff",
    bytearray(b""),
    bytearray(b"some"),
    bytearray(10_000),
    dt.datetime(2026, 11, 1, 1, 30),
    dt.datetime(2026, 11, 1, 1, 30, 5, 123456, fold=1),
    dt.datetime(2026, 11, 1, 1, 30, tzinfo=dt.timezone.utc),
    dt.datetime(2026, 11, 1, 1, 30, tzinfo=dt.timezone(dt.timedelta(hours=5.5))),
    dt.datetime(2026, 11, 1, 1, 30, tzinfo=zoneinfo.ZoneInfo("UTC")),
    dt.datetime.min,
    dt.datetime.max,
    dt.date.min,
    dt.date(2026, 2, 28),
    dt.time(0),
    dt.time(23, 59, 59, 999999, fold=1),
    dt.time(1, tzinfo=dt.timezone.utc),
    dt.timedelta.min,
    dt.timedelta(days=-1, microseconds=1),
    dt.timezone.utc,
    dt.timezone(dt.timedelta(hours=-3), "name"),
    [],
    [1, [2, [3, []]]],
    (),
    (1, (2, [3, (4,)])),
    {},
    {"a": {"b": [{"c": (1,)}]}},
    {2: "a", None: "b", 2.5: "c", True: "d", b"x": "e"},
    {(1, 2): "a", (1, (2, "x")): "b", (): "c"},
    {frozenset({1}): 1, dt.date(2026, 1, 1): 2, 1j: 3, 2**70: 4, Colour.RED: 5},
    set(),
    {1, "a", (2, 3), frozenset({4})},
    frozenset(),
    frozenset({1, (2, None)}),
    Point(1, 2),
    Point(np.float64(1), (2,)),
    Colour.RED,
    Level.LOW,
    Holder([1, (2,)]),
    Text("subclass"),
    OrderedDict(b=1, a=2),
    Decimal("1.10"),
    Fraction(1, 3),
    PurePosixPath("/a"),
    range(3),
    slice(1, None, 2),
    Ellipsis,
    int,
    np.float64,
    np.dtype("<f8"),
    len,
    np.bool_(True),
    *(np.dtype(c).type(1) for c in "bBhHiIlLqQefdgFDG"),
    np.float64(math.nan),
    np.str_(""),
    np.str_("x\0"),
    np.bytes_(b""),
    np.bytes_(b"x\0"),
    np.void(b"abc"),
    np.void(b""),
    np.zeros(1, NESTED)[0],
    np.datetime64("2026-01-02T03:04:05", "us"),
    np.datetime64("NaT"),
    np.timedelta64(3, "s"),
    np.timedelta64(3),
    np.array([1], dtype=">i4")[0],
]


def shown_in_order(value):
    """Name that is the same in every process; a set has no order of its own."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)[:40]


@pytest.mark.parametrize(
    "index", range(len(VALUES)), ids=lambda i: shown_in_order(VALUES[i])
)
def test_value(index):
    """Whatever is not an array arrives equal, and of the same type all through."""
    value = VALUES[index]
    args, kwargs = there_and_back(value, [value, (value,)], k={"v": value})
    assert same(args, (value, [value, (value,)]))
    assert same(kwargs, {"k": {"v": value}})


def test_folds_are_kept():
    """The hour that comes twice stays the second one."""
    twice = dt.datetime(2026, 10, 25, 2, 30, fold=1)
    [a, b], _ = there_and_back(twice, twice.time())
    assert a.fold == b.fold == 1


def test_function_of_the_script():
    """A function arrives and can be called: it goes by pickle."""
    factor = 3
    [function], _ = there_and_back(lambda x: factor * x)
    assert function(2) == 6


def test_record_scalar_stays_a_record():
    """A row of a record array keeps its attributes."""
    row = np.rec.array([(1, 2.5)], [("i", "<i4"), ("x", "<f8")])[0]
    [back], _ = there_and_back(row)
    assert (back.i, back.x) == (1, 2.5)


def test_structured_scalar_can_be_changed():
    """What arrives is memory of its own."""
    [back], _ = there_and_back(np.zeros(1, NESTED)[0])
    back["b"]["c"] = 4
    assert back["b"]["c"] == 4


class Table:
    """Looks like a data frame: pickles its columns with buffers out of band."""

    def __init__(self, columns):
        self.columns = columns

    def __reduce_ex__(self, protocol):
        assert protocol == 5
        return Table, (self.columns,)


def test_objects_that_hold_arrays_send_them_beside_the_pickle():
    """The arrays of a table are buffers; its pickle is small."""
    table = Table(
        {"a": np.arange(100_000.0), "b": np.asfortranarray(np.ones((300, 300)))}
    )
    payload, buffers = packed(table)
    assert len(payload) < 5000
    assert sorted(map(len, buffers)) == [720_000, 800_000]
    [back], _ = codec.decode(payload, buffers, pickles.loads)
    assert same(back.columns, table.columns)
    back.columns["a"][0] = 5


def test_objects_whose_memory_is_not_flat_keep_it_in_the_pickle():
    """A strided view inside an object cannot be lent as flat memory."""
    holder = Holder(np.arange(20.0)[::2])
    [back], _ = there_and_back(holder)
    assert same(back.value, holder.value)


@given(strategies.arguments)
@settings(max_examples=200)
def test_any_arguments_arrive_as_they_were(arguments):
    """Whatever nesting of arrays, scalars and containers: reading undoes packing."""
    args, kwargs = arguments
    assert same(there_and_back(*args, **kwargs), (args, kwargs))


@given(strategies.arguments)
@settings(max_examples=60)
def test_nothing_common_is_pickled(arguments):
    """Arrays, scalars and containers need no pickle, so a hub can read them."""
    store = CountingStore()
    payload = codec.encode(*arguments, store, no_pickles)
    assert same(codec.decode(payload, store.buffers), arguments)


def test_packing_may_be_interrupted_by_packing():
    """A reduction that packs a frame itself, as a signal handler may, is no trouble."""

    class Nested:
        def __reduce__(self):
            there_and_back((1, (2, {3: (4,)})), Holder(1))
            return int, (5,)

    assert there_and_back((1, Nested(), 2)) == (((1, 5, 2),), {})


def test_threads_may_pack_at_once():
    """Each packing has a packer of its own."""
    wrong = []

    def pack(number):
        value = [(number, {number: (np.full(3, number),)})] * 20
        for _ in range(50):
            if not same(there_and_back(value), ((value,), {})):
                wrong.append(number)

    threads = [threading.Thread(target=pack, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- what cannot be sent -----------------------------------------------------------


def generator():
    yield 1


def looped_list():
    loop = [1]
    loop.append(loop)
    return loop


def looped_dict():
    loop = {}
    loop["self"] = [loop]
    return loop


def deep(kind, levels):
    value = 1
    for _ in range(levels):
        value = kind([value])
    return value


class Unwilling:
    def __reduce__(self):
        raise RuntimeError("I stay here")


class Unspeakable:
    """Can be neither pickled nor shown."""

    def __repr__(self):
        raise RuntimeError("no words")

    def __reduce__(self):
        raise RuntimeError


UNSUPPORTED = [
    (generator, "cannot pickle 'generator'"),
    (threading.Lock, "cannot pickle '_thread.lock'"),
    (Unwilling, "I stay here"),
    (Unspeakable, "RuntimeError"),
    (looped_list, "it contains itself"),
    (looped_dict, "it contains itself"),
    (lambda: deep(list, 3000), "recursion limit"),
    (lambda: deep(tuple, 65), "nested deeper than 64 levels"),
    (lambda: deep(tuple, 3000), "nested deeper than 64 levels"),
    (lambda: deep(frozenset, 100), "nested deeper than 64 levels"),
    (lambda: np.array([generator()], dtype=object), "cannot pickle 'generator'"),
]


@pytest.mark.parametrize(
    ("make", "reason"), UNSUPPORTED, ids=[u[1] for u in UNSUPPORTED]
)
def test_unsupported_value_is_named(make, reason):
    """The error says which argument, by number or by name, and why."""
    value = make()
    with pytest.raises(UnsupportedValueError, match=r"^argument 2\b") as caught:
        packed(np.zeros(3), value)
    assert reason in caught.value.reason
    assert isinstance(caught.value, TypeError)
    with pytest.raises(UnsupportedValueError, match=r"^argument 'data'"):
        packed(np.zeros(3), 1, data=value)


def test_place_inside_an_argument_is_named():
    """The error says where in nested containers the value stands."""
    value = {"mesh": [1, 2, (np.zeros(2), {("k", 1): threading.Lock()})]}
    with pytest.raises(UnsupportedValueError) as caught:
        packed(1, data=value)
    assert caught.value.where == "argument 'data' at ['mesh'][2][1][('k', 1)]"
    assert str(caught.value).startswith(caught.value.where + " cannot be sent")


def test_place_of_a_loop_is_named():
    """Of a list in itself, the place where it comes back."""
    with pytest.raises(UnsupportedValueError) as caught:
        packed({"a": looped_list()})
    assert caught.value.where == "argument 1 at ['a'][1]"


def test_sockets_are_refused():
    """An open connection cannot be shown."""
    with socket.socket() as sock:
        with pytest.raises(UnsupportedValueError, match="cannot pickle 'socket'"):
            packed(sock)


def test_names_of_places_are_short_and_always_found():
    """A key that cannot be shown, or is huge, does not hide the error."""
    key = Unspeakable()
    with pytest.raises(UnsupportedValueError, match="its key <Unspeakable instance"):
        packed({key: 1})
    with pytest.raises(UnsupportedValueError) as caught:
        packed({"k" * 100_000: generator()})
    assert len(str(caught.value)) < 1000


def test_long_reasons_are_cut():
    """An error of a foreign reduction may carry megabytes."""

    class Chatty:
        def __reduce__(self):
            raise ValueError("x" * 10**6)

    with pytest.raises(UnsupportedValueError) as caught:
        packed(Chatty())
    assert len(str(caught.value)) < 1000


def test_store_without_room_is_nobodys_fault():
    """If the arrays together are too large, no single argument is blamed."""

    def store(array):
        raise ValueError("a frame holds at most 4 GiB of arrays")

    with pytest.raises(UnsupportedValueError, match=r"together.*4 GiB"):
        codec.encode((np.zeros(3),), {}, store, pickles.dumps)


def test_failed_packing_leaves_nothing_behind():
    """After a refusal the next frame is packed as ever."""
    for _ in range(20):
        with pytest.raises(UnsupportedValueError):
            packed((1, [generator()]))
        assert there_and_back((1, [2])) == (((1, [2]),), {})


# -- hostile payloads --------------------------------------------------------------


def frame(*values):
    return packb([list(values), {}], unicode_errors="surrogatepass")


def ext(code, *parts):
    return ExtType(code, packb(list(parts)))


def array_ext(descr="<f8", shape=(1,), fortran=False, where=0):
    return ext(1, descr, list(shape), fortran, where)


def nested_ext(code, levels):
    data = packb([1])
    for _ in range(levels):
        data = packb([ExtType(code, data)])
    return ExtType(code, data)


HOSTILE = {
    "nothing": b"",
    "no container": packb(1),
    "one item": packb([[]]),
    "three items": packb([[], {}, 1]),
    "dict for list": packb([{}, {}]),
    "list for dict": packb([[], []]),
    "trailing bytes": packb([[], {}]) + b"\0",
    "truncated": packb([[1, 2, 3], {}])[:-2],
    "reserved byte": b"\x92\x91\xc1\x80",
    "wide list": b"\x92\xdd\xff\xff\xff\xff",
    "wide map": b"\x92\x90\xdf\xff\xff\xff\xff",
    "long bytes": b"\x92\x91\xc6\xff\xff\xff\xff",
    "deep list": b"\x91" * 100_000,
    "unhashable key": b"\x92\x90\x81\x90\x01",
    "bad UTF-8": b"\x92\x91\xa1\xff\x80",
    "unknown extension": frame(ExtType(99, b"x")),
    "empty extension": frame(ExtType(1, b"")),
    "extension of nonsense": frame(ExtType(1, b"\xc1")),
    "array without parts": frame(ext(1)),
    "array, no such buffer": frame(array_ext(where=9)),
    "array, negative buffer": frame(array_ext(where=-1)),
    "array, huge buffer number": frame(array_ext(where=2**63)),
    "array, text for a number": frame(array_ext(where="0")),
    "array, true for a number": frame(array_ext(where=True)),
    "array, huge shape": frame(array_ext(shape=(2**40,))),
    "array, overflowing shape": frame(array_ext(shape=(2**62, 2**62))),
    "array, negative shape": frame(array_ext(shape=(-5,))),
    "array, negative shape twice": frame(array_ext(shape=(-1, -1))),
    "array, too many dimensions": frame(array_ext(shape=(1,) * 100)),
    "array, text in its shape": frame(array_ext(shape=("1",))),
    "array, float in its shape": frame(array_ext(shape=(1.0,))),
    "array, shape is a number": frame(ext(1, "<f8", 1, False, 0)),
    "array of objects": frame(array_ext("|O", (1,))),
    "array of objects, nested": frame(array_ext([["a", [["b", "|O8"]]]], (1,))),
    "array of objects by a comma": frame(array_ext("i4,O", (1,))),
    "array of objects, subarray": frame(array_ext([["a", "O", [2]]], (1,))),
    "array of variable strings": frame(array_ext("T", (1,))),
    "array, no such dtype": frame(array_ext("<q99")),
    "array, dtype is a number": frame(array_ext(5)),
    "array, dtype is empty": frame(array_ext([[]])),
    "array, dtype of confusion": frame(array_ext([[1, 2, 3]])),
    "array, huge dtype": frame(array_ext("S2147483647")),
    "array, huge subarray": frame(array_ext([["a", "f8", [2**31, 2**31]]])),
    "array, negative subarray": frame(array_ext([["a", "f8", [-1]]])),
    "array, no dtype": frame(array_ext(None, (1000,))),
    "scalar too short": frame(ext(3, "<f8", b"1234")),
    "scalar of an object": frame(ext(3, "|O", b"12345678")),
    "scalar without raw": frame(ext(3, "<f8", None)),
    "complex of text": frame(ext(4, "a", "b")),
    "complex of three": frame(ext(4, 1, 2, 3)),
    "int of text": frame(ExtType(5, b"xyz")),
    "datetime of text": frame(ext(6, "yesterday", 0)),
    "datetime, fold of 7": frame(ext(6, "2026-01-01T00:00:00", 7)),
    "date of text": frame(ExtType(7, b"\xff\xff")),
    "time of numbers": frame(ext(8, 1, 2)),
    "timedelta too long": frame(ext(9, 2**40, 0, 0)),
    "set of lists": frame(ext(10, [1])),
    "set of a number": frame(ExtType(10, packb(5))),
    "masked, shapes differ": frame(ext(12, array_ext(), [1, 2], array_ext(), False)),
    "masked, no fill": frame(ext(12, array_ext(), None, None, False)),
    "pickle where none is read": frame(ext(13, pickle.dumps(1), [])),
    "pickle without buffers": frame(ExtType(13, b"")),
    "outside of no buffer": frame(ExtType(14, packb(77))),
    "outside of itself": packb(ExtType(14, packb(1))),
    "tuples, deep": frame(nested_ext(2, 3000)),
    "sets, deep": frame(nested_ext(11, 500)),
    "masked arrays, deep": frame(nested_ext(12, 500)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_payload_is_refused(name):
    """A payload that was not packed by `encode` is one documented error."""
    buffers = [bytearray(8), bytearray(packb(ExtType(14, packb(1))))]
    with pytest.raises(ProtocolError) as caught:
        codec.decode(HOSTILE[name], buffers)
    assert len(str(caught.value)) < 1000


def test_depth_of_64_is_read():
    """What the packer may write, the reader takes; also in a thread's small stack."""
    value = deep(tuple, 64)
    value = [value, "x" * 100_000]  # outside the header, one level more
    heard = []
    size = threading.stack_size(8 << 20)
    try:
        thread = threading.Thread(target=lambda: heard.append(there_and_back(value)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert heard == [((value,), {})]


def test_pickles_are_not_read_without_leave():
    """Where no unpickling function is given, a pickle is refused before any code."""
    payload, buffers = packed(Fraction(1, 3))
    with pytest.raises(ProtocolError, match="a pickle where none is taken"):
        codec.decode(payload, buffers)


def test_error_of_a_pickle_is_a_protocol_error():
    """A class that is missing here does not break the connection's code."""
    missing = frame(ext(13, b"cno_such_module\nname\n.", []))
    with pytest.raises(ProtocolError, match="no_such_module"):
        codec.decode(missing, [], pickles.loads)


def fuzz(seed, rounds):
    rng = random.Random(seed)
    store = CountingStore()
    samples = []
    for args in (
        tuple(v for v in VALUES if type(v) in (int, float, str, bytes, complex)),
        (ARRAYS["2-D"], ARRAYS["nested structured"], ARRAYS["masked, structured"]),
        ({(1, 2): [dt.datetime(2026, 1, 1), {3}]}, np.float32(1), np.str_("x")),
    ):
        samples.append(codec.encode(args, {"k": args[0]}, store, no_pickles))
    refused = 0
    for _ in range(rounds):
        data = bytearray(rng.choice(samples))
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(data))
            if rng.random() < 0.8:
                data[at] = rng.randrange(256)
            elif rng.random() < 0.5:
                del data[at : at + rng.randrange(1, 5)]
            else:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            if not data:
                break
        try:
            args, kwargs = codec.decode(bytes(data), store.buffers)
        except ProtocolError as error:
            assert str(error)
            refused += 1
        else:
            assert type(args) is tuple
            assert type(kwargs) is dict
    return refused


# Dtypes that numpy deprecates may be among what chance writes.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(3))
def test_damaged_payloads_give_values_or_protocol_errors(seed):
    """Whatever happens to a payload, decoding it ends well or with one error."""
    assert fuzz(seed, 2000) > 500


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(100, 110))
def test_damaged_payloads_give_values_or_protocol_errors_at_length(seed):
    """The same, for long."""
    assert fuzz(seed, 50_000) > 10_000
