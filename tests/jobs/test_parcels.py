"""What travels between a job and its workers."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from async_plot.jobs import parcels


class Sealed:
    """Cannot be brought back."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise LookupError("sealed")


@pytest.mark.parametrize("value", [None, 3, [1, "a"], {"b": (2.5, b"c")}])
def test_values_come_back(value: object) -> None:
    """As the pickle that they are."""
    assert pickle.loads(parcels.packed(value)) == value


def test_functions_of_a_function_travel() -> None:
    """By value, where they cannot by reference."""
    offset = 3
    again = pickle.loads(parcels.packed(lambda n: n + offset))
    assert again(4) == 7


def test_what_cannot_be_pickled_says_so() -> None:
    """With the exception of its own reduction."""
    with pytest.raises(TypeError, match="lock"):
        parcels.packed(threading.Lock())


def test_plain_results_travel_together() -> None:
    """In one pickle, which is much smaller than many."""
    values = [*range(1000), None, "a", b"b", 1.5, 2j, True]
    shipment, refused = parcels.shipped(values)
    assert not refused and not shipment.apart
    assert shipment.size == len(shipment.together)
    assert parcels.opened(shipment) == (values, {})


def test_others_travel_one_by_one() -> None:
    """What cannot be sent, or not be brought back, takes no other with it."""
    values = [1, threading.Lock(), [2], Sealed(), None]
    shipment, refused = parcels.shipped(values)
    assert list(refused) == [1] and isinstance(refused[1], TypeError)
    assert shipment.size == sum(map(len, shipment.apart)) > 0
    back, unopened = parcels.opened(shipment)
    assert back == [1, None, [2], None, None]
    assert list(unopened) == [3] and isinstance(unopened[3], LookupError)


def test_subclasses_of_plain_values_are_not_plain() -> None:
    """They may do anything when they are brought back."""

    class Number(int):
        pass

    shipment, _ = parcels.shipped([1, Number(2)])
    assert not shipment.together and len(shipment.apart) == 2


def test_nothing_travels() -> None:
    """A chunk may have performed no task."""
    shipment, refused = parcels.shipped([])
    assert parcels.opened(shipment) == ([], {}) and not refused
