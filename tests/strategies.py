"""Hypothesis strategies: whatever may be handed to ``update``, and messages."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from async_plot.wire.messages import FROM_CALCULATION, FROM_VIEWER, Message

__all__ = ["arguments", "arrays", "messages", "scalars", "values"]

_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    # Surrogates too: file names and log records have them.
    "str": st.text(max_size=30)
    | st.text(st.characters(categories=["Cs", "L"]), max_size=5),
    "int": st.integers(0, 2**64 - 1),
    "Index": st.integers(-1, 2**64 - 1),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=200),
    "list[str]": st.lists(st.text(max_size=10), max_size=5),
    "list[float]": st.lists(st.floats(allow_nan=False), max_size=5),
    "list[int]": st.lists(st.integers(0, 2**64 - 1), max_size=5),
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message, of either end."""
    kind: Any = draw(st.sampled_from([*FROM_CALCULATION, *FROM_VIEWER]))
    fields = {}
    for field in dataclasses.fields(kind):
        if field.name == "buffers":
            fields["buffers"] = draw(st.lists(st.binary(max_size=300), max_size=4))
        else:
            fields[field.name] = draw(_FIELDS[field.type])
    message: Message = kind(**fields)
    return message


_DTYPES = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.unsigned_integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | npst.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | npst.datetime64_dtypes(endianness="?")
    | npst.timedelta64_dtypes(endianness="?")
    | npst.byte_string_dtypes(endianness="?", max_len=5)
    | npst.unicode_string_dtypes(endianness="?", max_len=5)
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """An array of any plain or structured dtype, order and stride."""
    dtype = draw(_DTYPES | npst.array_dtypes(_DTYPES, max_size=3))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    array = draw(npst.arrays(dtype, shape))
    if array.ndim and draw(st.booleans()):
        array = np.asfortranarray(array)
    if array.ndim and draw(st.booleans()):
        array = array[:: draw(st.sampled_from([-1, 2, -2]))]
    if draw(st.booleans()):
        array = np.broadcast_to(array, (2, *array.shape))
    return array


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.text(st.characters(categories=["Cs"]), max_size=3),
    st.binary(max_size=100),
    st.binary(max_size=100).map(bytearray),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(dt.timezone.utc)),
    st.times(),
    st.timedeltas(),
)

_KEYS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.dates(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=3,
)

values = st.recursive(
    scalars | arrays(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.sets(_KEYS, max_size=3),
        st.frozensets(_KEYS, max_size=3),
    ),
    max_leaves=8,
)

# What one call of ``update`` may be given.
arguments = st.tuples(
    st.lists(values, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=8), values, max_size=3),
)
