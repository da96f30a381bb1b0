"""What makes messages of jobs fit to be told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from async_plot.jobs import hearsay
from async_plot.jobs.hearsay import bound
from async_plot.wire import framing
from async_plot.wire.messages import FROM_WORKER, Goodbye, Points, Slowest

from ..wire.samples import SAMPLES
from .support import bar, failure, job, worker


class Awkward:
    """Nothing can be made of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    __int__ = __index__ = __iter__ = __float__  # type: ignore[assignment]


def through_the_wire(message: Any) -> Any:
    [data] = framing.encode(message)
    reader = framing.Reader(FROM_WORKER, framing.FROM_WORKER_LIMITS)
    buffer = reader.get_buffer()
    got: list[Any] = []
    while data:
        buffer = reader.get_buffer()
        step = min(len(buffer), len(data))
        buffer[:step] = data[:step]
        got += reader.received(step)
        data = data[step:]
    return got[0]


@pytest.mark.parametrize("kind", FROM_WORKER)
def test_what_is_fit_stays_the_same_object(kind: type[Any]) -> None:
    """Nothing is copied where nothing is wrong."""
    assert bound(SAMPLES[kind]) is SAMPLES[kind]


@pytest.mark.parametrize("value", [None, 7, -7, 1e300, math.nan, "x", [1], Awkward()])
@pytest.mark.parametrize("kind", FROM_WORKER)
def test_whatever_stands_in_a_field_can_be_told(kind: type[Any], value: Any) -> None:
    """No viewer hangs up because a bar is called by a number."""
    names = [name for name in kind.__slots__ if kind is not Goodbye]
    for name in names:
        values = {each: getattr(SAMPLES[kind], each) for each in kind.__slots__}
        told = through_the_wire(bound(kind(**{**values, name: value})))
        assert type(told) is kind


def test_texts_of_any_writing_fit_into_a_message() -> None:
    """However long they are, and however many bytes a character has."""
    text = 10**6 * "\N{GRINNING FACE}"
    for message in (
        failure(job=text, worker=text, argument=text, kind=text, text=text, trace=text),
        job(desc=text, function=text, file=text, doc=text, caller=text, call=text),
        worker(worker=text, host=text, thread=text, argument=text, text=text),
        bar(bar=text, desc=text, postfix=text, unit=text, place=[1] * 10**6),
        Points(text, 0.0, [text] * 10**4, [0.0] * 10**4),
        Slowest(text, [1] * 10**4, [1.0] * 10**4, [text] * 10**4, [1] * 10**4),
    ):
        assert type(through_the_wire(bound(message))) is type(message)


def test_numbers_are_numbers() -> None:
    """Those of numpy too; none is infinite but for a remaining time."""
    told = bound(bar(done=np.float32(3), total=math.inf, remaining=math.inf))
    assert (told.done, told.total, told.remaining) == (3.0, 0.0, math.inf)
    assert type(told.done) is float
    assert bound(worker(task=-1)).task == -1
    assert bound(worker(task=-5, done=np.int64(4), failed=10**30)).failed > 10**18
    assert hearsay.bound(bar(place=[np.int64(2), -1])).place == [2, -1]
