"""What the fields of each message must be like."""

from __future__ import annotations

from typing import Any

import pytest

from async_plot.errors import ProtocolError
from async_plot.wire.forms import FORMS
from async_plot.wire.messages import Pace, Progress, Worker

from .samples import KINDS, SAMPLES


def _values(kind: type[Any]) -> list[Any]:
    return list(FORMS[kind].get(SAMPLES[kind]))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_fits_at_a_glance_passes_the_look_at_each_field(kind: type[Any]) -> None:
    """And a wrong type of any one of them does not."""
    form, values = FORMS[kind], _values(kind)
    form.check(values)
    for place in range(len(values)):
        wrong = [*values[:place], object(), *values[place + 1 :]]
        assert not form.fits(wrong)
        with pytest.raises(ProtocolError, match=form.checks[place][0]):
            form.check(wrong)


def test_a_float_that_came_as_an_integer() -> None:
    """Does not fit at a glance, and is right."""
    form, values = FORMS[Pace], [1]
    assert not form.fits(values) and form.fits([1.0])
    form.check(values)


def test_numbers_are_bounded_below() -> None:
    """An index may be -1, and a count may not."""
    form, values = FORMS[Worker], _values(Worker)
    names = [name for name, _, _ in form.checks]
    values[names.index("task")] = -1
    assert form.fits(values)
    for name, least in (("task", -2), ("done", -1)):
        wrong = list(values)
        wrong[names.index(name)] = least
        assert not form.fits(wrong)
        with pytest.raises(ProtocolError, match=name):
            form.check(wrong)


def test_what_is_in_a_list_is_looked_at() -> None:
    """As in the list of a bar's places."""
    form, values = FORMS[Progress], _values(Progress)
    place = [name for name, _, _ in form.checks].index("place")
    values[place] = [1, 2]
    assert form.fits(values)
    values[place] = [1, "2"]
    assert not form.fits(values)
