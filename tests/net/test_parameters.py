"""A value that views may change: its arguments, its changes, and taking them back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from async_plot.net import parameters
from async_plot.net.parameters import Parameter


@pytest.mark.parametrize(
    ("default", "kind", "value"),
    [
        (0.5, "float", 0.5),
        (3, "int", 3),
        (True, "bool", True),
        ("up", "string", "up"),
        (np.float32(0.5), "float", 0.5),
        (np.float64(0.5), "float", 0.5),
        (np.int16(3), "int", 3),
        (np.str_("up"), "string", "up"),
    ],
)
def test_its_kind_is_that_of_the_default(default: Any, kind: str, value: Any) -> None:
    """Numpy's numbers become plain ones."""
    made = Parameter("p", default)
    assert made.message(1).kind == kind
    assert made.value == made.default == value
    assert type(made.value) is type(value)


def test_it_takes_what_is_wanted_when_asked_to() -> None:
    """Until then it is what it was."""
    dt = Parameter("dt", 0.1, min=0, max=1, unit="s", text="Time step.")
    assert not dt.take()
    assert dt.want("0.5")
    assert dt.value == 0.1
    told = dt.message(3)
    assert (told.value, told.wanted, told.order, told.undo) == ("0.1", "0.5", 3, 1)
    assert (told.minimum, told.maximum, told.unit) == (0.0, 1.0, "s")
    assert dt.take()
    assert dt.value == 0.5
    told = dt.message(3)
    assert (told.value, told.wanted, told.default) == ("0.5", "", "0.1")
    assert repr(dt) == "<Parameter 'dt' = 0.5 s>"


def test_changes_are_taken_back_one_by_one() -> None:
    """Also those that no checkpoint has seen."""
    dt = Parameter("dt", 1)
    for value in ("2", "3", "3", "4"):
        dt.want(value)
    dt.take()
    seen = []
    while dt.message(1).undo:
        dt.undo()
        dt.take()
        seen.append(dt.value)
    assert seen == [3, 2, 1]
    with pytest.raises(ValueError, match="nothing was changed"):
        dt.undo()


def test_what_is_used_already_waits_for_no_checkpoint() -> None:
    """Changed and changed back, there is nothing to be taken."""
    dt = Parameter("dt", 1)
    dt.want("2")
    dt.undo()
    assert dt.message(1).wanted == ""
    assert not dt.take()


def test_so_many_changes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten."""
    monkeypatch.setattr(parameters, "UNDOS", 3)
    dt = Parameter("dt", 0)
    for value in range(1, 9):
        dt.want(str(value))
    assert dt.message(1).undo == 3


def test_a_refused_value_changes_nothing() -> None:
    """It is no step to be taken back either."""
    dt = Parameter("dt", 0.5, max=1)
    with pytest.raises(ValueError, match="not above 1"):
        dt.want("2")
    assert dt.message(1) == Parameter("dt", 0.5, max=1).message(1)


def test_choices_may_be_of_any_plain_kind() -> None:
    """And the value is the very one of them."""
    order = Parameter("order", 2, choices=[1, 2, 4])
    assert order.message(1).kind == "choice"
    assert order.want("4")
    order.take()
    assert order.value == 4
    scheme = Parameter("scheme", "upwind", choices=("upwind", "central"))
    assert scheme.message(1).choices == ['"upwind"', '"central"']


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        (("", 1), {}, ValueError, "name must be"),
        (("a\nb", 1), {}, ValueError, "name must be"),
        ((3, 1), {}, ValueError, "name must be"),
        (("n" * 101, 1), {}, ValueError, "at most 100"),
        (("p", None), {}, TypeError, "default of parameter 'p'"),
        (("p", [1]), {}, TypeError, "default of parameter 'p'"),
        (("p", math.nan), {}, ValueError, "default of parameter 'p' must be a finite"),
        (("p", 2), {"max": 1}, ValueError, "default of parameter 'p' must be an int"),
        (("p", "x" * 1000), {}, ValueError, "default of parameter 'p' must be a text"),
        (("p", 1), {"min": 2, "max": 1}, ValueError, "min of parameter 'p'"),
        (("p", 1), {"min": "0"}, TypeError, "min of parameter 'p'"),
        (("p", 1), {"max": math.nan}, ValueError, "max of parameter 'p'"),
        (("p", 1), {"max": 10**400}, ValueError, "max of parameter 'p'"),
        (("p", 1), {"max": True}, TypeError, "max of parameter 'p'"),
        (("p", "x"), {"max": 1}, TypeError, "only numbers have bounds"),
        (("p", 1), {"choices": []}, ValueError, "choices of parameter 'p'"),
        (("p", 1), {"choices": [1, 1]}, ValueError, "different"),
        (("p", 1), {"choices": [1, [2]]}, TypeError, "choices of parameter 'p'"),
        (("p", 1.0), {"choices": [1.0, math.inf]}, ValueError, "finite"),
        (("p", "a"), {"choices": "abc"}, TypeError, "a list, not 'abc'"),
        (("p", "a"), {"choices": ["a", "x" * 1000]}, ValueError, "1000 characters"),
        (("p", 3), {"choices": [1, 2]}, ValueError, "default of parameter 'p' must be"),
        (("p", 1), {"unit": 3}, TypeError, "unit of parameter 'p'"),
        (("p", 1), {"text": "x" * 1001}, TypeError, "text of parameter 'p'"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: tuple[Any, Any],
    options: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    """At once, where it was written."""
    with pytest.raises(error) as caught:
        Parameter(*arguments, **options)
    assert said in str(caught.value)


def test_infinite_bounds_are_none() -> None:
    """As are absent ones."""
    free = Parameter("p", 1.0, min=-math.inf, max=math.inf)
    assert free.spec == Parameter("p", 1.0).spec
