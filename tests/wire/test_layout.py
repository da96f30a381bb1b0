"""The short way of frames that look alike, against the long way."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_plot.wire import codec, framing
from async_plot.wire.layout import Layout, likeness
from async_plot.wire.messages import FROM_CALCULATION, Frame

GRID = np.arange(12.0).reshape(3, 4)


def read(data: bytes) -> Frame:
    """The frame that a viewer makes of these bytes."""
    reader = framing.Reader(FROM_CALCULATION, framing.FROM_CALCULATION_LIMITS)
    messages = []
    while data:
        buffer = reader.get_buffer()
        step = min(len(buffer), len(data))
        buffer[:step] = data[:step]
        messages += reader.received(step)
        data = data[step:]
    (frame,) = messages
    assert isinstance(frame, Frame)
    return frame


def write(plotter: str, number: int, time: float, *args: Any, **kwargs: Any) -> Frame:
    """Send arguments the short way and receive them."""
    alike = likeness(args, kwargs)
    assert alike is not None
    look, arrays, numbers = alike
    layout = Layout(plotter, args, kwargs, look)
    head = layout.write(number, time, numbers)
    return read(head + b"".join(array.tobytes(order="A") for array in arrays))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1.5,), {}),
        ((True, False, 7, -7, 2**62), {"x": -0.0, "flag": True}),
        ((GRID, GRID[0]), {"t": 0.25, "n": 3}),
        ((np.asfortranarray(GRID),), {}),
        ((np.zeros((0, 3)), np.float32(1) * GRID.astype(">f4")), {"größe": 1}),
        ((np.zeros(3, [("a", "<i2"), ("b", "<f8", (2,))]),), {}),
        (tuple(range(20)), {f"k{i}": float(i) for i in range(20)}),
    ],
    ids=str,
)
def test_a_plain_frame_arrives_as_it_would_the_long_way(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """The short way writes what the codec's decoder reads."""
    frame = write("wave", 41, 12.5, *args, **kwargs)
    assert (frame.plotter, frame.number, frame.time, frame.mid_step) == (
        "wave",
        41,
        12.5,
        False,
    )
    got_args, got_kwargs = codec.decode(frame.payload, frame.buffers)
    assert list(got_kwargs) == list(kwargs)
    sent = (*args, *kwargs.values())
    for value, got in zip(sent, (*got_args, *got_kwargs.values()), strict=True):
        assert type(got) is type(value)
        if isinstance(value, np.ndarray):
            assert got.dtype == value.dtype and got.shape == value.shape
            assert got.flags.fnc == value.flags.fnc
            assert np.array_equal(got, value)
        else:
            assert repr(got) == repr(value)


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
        )
    ),
    st.integers(0, 2**64 - 1),
)
def test_any_numbers_cross(numbers: list[Any], number: int) -> None:
    """Numbers of 64 bits keep value and type."""
    frame = write("", number, 0.0, *numbers)
    assert frame.number == number
    args, _ = codec.decode(frame.payload, frame.buffers)
    assert [(type(v), v) for v in args] == [(type(v), v) for v in numbers]


def test_one_layout_writes_all_frames_of_its_likeness() -> None:
    """Only numbers change from frame to frame, and they are all written anew."""
    look, _, _ = likeness((GRID, 1.0), {"n": 1}) or ((), [], [])
    layout = Layout("", (GRID, 1.0), {"n": 1}, look)
    for step in (1, 2, 3):
        frame = read(layout.write(step, 0.5 * step, [0.1 * step, -step]) + bytes(96))
        args, kwargs = codec.decode(frame.payload, frame.buffers)
        assert (frame.number, frame.time) == (step, 0.5 * step)
        assert (args[1], kwargs) == (0.1 * step, {"n": -step})


@pytest.mark.parametrize(
    "other",
    [
        ((GRID, 1), {}),
        ((GRID, True), {}),
        ((GRID.astype("f4"), 1.0), {}),
        ((GRID.T.copy(), 1.0), {}),
        ((np.asfortranarray(GRID), 1.0), {}),
        ((GRID,), {"t": 1.0}),
        ((GRID, 1.0, 1.0), {}),
    ],
    ids=str,
)
def test_frames_of_another_likeness_are_told_apart(
    other: tuple[tuple[Any, ...], dict[str, Any]],
) -> None:
    """Type, dtype, shape, order and keywords all belong to the likeness."""
    first = likeness((GRID, 1.0), {})
    second = likeness(*other)
    assert first is not None and second is not None
    assert first[0] != second[0]


@pytest.mark.parametrize(
    "value",
    [
        "text",
        None,
        [1.0],
        (1.0,),
        np.float64(1),
        np.ma.zeros(3),
        np.array([None]),
        1j,
    ],
    ids=repr,
)
def test_other_values_take_the_long_way(value: Any) -> None:
    """The short way carries plain arrays and numbers and says so of the rest."""
    assert likeness((value,), {}) is None
    assert likeness((), {"value": value}) is None


def test_an_int_beyond_64_bits_takes_the_long_way() -> None:
    """It fits the likeness of an int, and its layout refuses it."""
    look, _, _ = likeness((1,), {}) or ((), [], [])
    with pytest.raises(struct.error):
        Layout("", (1,), {}, look).write(1, 0.0, [2**64])
