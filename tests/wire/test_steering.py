"""What a parameter accepts, in the words of both ends."""

from __future__ import annotations

import dataclasses
import json
import math
from fractions import Fraction
from typing import Any

import pytest

from async_plot.wire.messages import Parameter
from async_plot.wire.steering import KINDS, LONGEST

DT = Parameter("dt", 1, "float", "0.1", "", "0.1", 0.0, 1.0, "s", "", [], 0)
COUNT = dataclasses.replace(DT, kind="int", minimum=-math.inf, maximum=10.0)
SWITCH = dataclasses.replace(DT, kind="bool")
SCHEME = dataclasses.replace(DT, kind="choice", choices=['"up"', "1", "true", "2.5"])
NOTE = dataclasses.replace(DT, kind="string")


@pytest.mark.parametrize(
    ("parameter", "said", "value"),
    [
        (DT, "0", 0.0),
        (DT, " 1e-3\n", 1e-3),
        (COUNT, "-7", -7),
        (COUNT, "3.0", 3),
        (COUNT, "-1" + 300 * "0", -(10**300)),
        (SWITCH, "true", True),
        (SCHEME, '"up"', "up"),
        (SCHEME, "1", 1),
        (SCHEME, "true", True),
        (SCHEME, "2.5", 2.5),
        (NOTE, '"\\u00e9 \\ud800"', "\u00e9 \ud800"),
    ],
)
def test_a_value_comes_in_its_own_type(
    parameter: Parameter, said: str, value: Any
) -> None:
    """The type of the default, whatever JSON made of it."""
    found = parameter.parse(said)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("parameter", "said", "accepted"),
    [
        (DT, "1.5", "a finite number from 0 to 1, not 1.5"),
        (DT, "NaN", "a finite number from 0 to 1"),
        (DT, "-Infinity", "a finite number"),
        (DT, "1" + 400 * "0", "a finite number"),
        (DT, "true", "a finite number"),
        (DT, '"0.5"', "a finite number"),
        (DT, "0.5,", "as a JSON text"),
        (DT, "", "as a JSON text"),
        (DT, 1000 * "[", "a finite number"),
        (DT, "null", "a finite number"),
        (COUNT, "2.5", "an integer not above 10"),
        (COUNT, "11", "an integer not above 10"),
        (SWITCH, "1", "true or false"),
        (SCHEME, '"down"', 'one of "up", 1, true, 2.5'),
        (SCHEME, "false", "one of"),
        (SCHEME, "[1]", "one of"),
        (NOTE, "3", "a text of at most 1000"),
        (NOTE, json.dumps("x" * LONGEST), "longer than 1000"),
    ],
)
def test_any_other_is_refused_with_what_would_be_accepted(
    parameter: Parameter, said: str, accepted: str
) -> None:
    """The sentence is short, and moves no cursor."""
    with pytest.raises(ValueError) as caught:
        parameter.parse(said)
    assert accepted in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_lie_cannot_make_the_sentence_long_or_move_the_cursor() -> None:
    """Not through the value that is quoted either."""
    with pytest.raises(ValueError) as caught:
        DT.parse(json.dumps("\x1b[2J" + 300 * "y"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_it_accepts(kind: str) -> None:
    """For people."""
    assert dataclasses.replace(DT, kind=kind).accepted


def test_bounds_are_told_as_far_as_there_are_any() -> None:
    """Both belong to the range."""
    low = dataclasses.replace(DT, maximum=math.inf)
    assert low.accepted == "a finite number not below 0"
    assert dataclasses.replace(low, minimum=-math.inf).accepted == "a finite number"
    assert DT.check(0.0) == 0.0
    assert DT.check(1.0) == 1.0
    assert DT.check(Fraction(1, 2)) == 0.5
