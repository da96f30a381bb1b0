"""Points of scalars, as they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from async_plot.errors import UnsupportedValueError
from async_plot.net.points import point


def test_numbers_of_any_kind_are_floats() -> None:
    """As numpy gives them, too; without an abscissa there is none."""
    at, values = point(3, {"loss": np.float32(0.5), "done": True, "n": np.array(7)})
    assert at == 3.0 and values == {"loss": 0.5, "done": 1.0, "n": 7.0}
    assert {type(each) for each in (at, *values.values())} == {float}
    assert point(None, {}) == (None, {})


@pytest.mark.parametrize(
    "step, scalars, name",
    [
        (1, {"loss": 1.0, "text": "many"}, "'text'"),
        (1, {"root": 1j}, "'root'"),
        (1, {"values": np.zeros(3)}, "'values'"),
        ("soon", {"loss": 1.0}, "'step'"),
    ],
)
def test_what_is_no_number_is_named(step: Any, scalars: Any, name: str) -> None:
    """And refused, all of the point."""
    with pytest.raises(UnsupportedValueError, match=f"log's scalar {name}"):
        point(step, scalars)
