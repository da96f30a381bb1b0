"""The chronicle: every record and point once to each viewer, and bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from async_plot.net import chronicle
from async_plot.net.chronicle import Chronicle
from async_plot.wire.messages import Log, Scalars


def news(told: Chronicle, known: dict[str, tuple[int, int]]) -> list[Any]:
    """Scalars that a viewer lacks."""
    return list(told.scalars(known))


def values(message: Scalars) -> list[float]:
    """What a message of scalars says."""
    return np.frombuffer(message.buffers[1]).tolist()


def test_each_viewer_gets_what_it_lacks() -> None:
    """The whole history first, then what followed, then nothing."""
    told = Chronicle(lambda: None)
    early: dict[str, tuple[int, int]] = {}
    told.add_point(None, {"a": 1.0})
    assert told.points_wait
    told.absorb()
    assert not told.points_wait
    [first] = news(told, early)
    assert (first.name, first.whole, values(first)) == ("a", True, [1.0])
    assert news(told, early) == []
    told.add_point(7, {"a": 2.0, "b": 3.0})
    told.absorb()
    a, b = news(told, early)
    assert (a.name, a.whole, values(a)) == ("a", False, [2.0])
    assert (b.name, b.whole, values(b)) == ("b", True, [3.0])
    assert np.frombuffer(a.buffers[0]).tolist() == [7.0]
    whole = news(told, {})
    assert [values(m) for m in whole] == [[1.0, 2.0], [3.0]]


def test_a_thinned_history_is_told_whole_again() -> None:
    """What the viewer has counts no more."""
    told = Chronicle(lambda: None)
    known: dict[str, tuple[int, int]] = {}
    for i in range(8192):
        told.add_point(i, {"a": i})
    told.absorb()
    assert news(told, known)[0].whole
    told.add_point(9000, {"a": -1.0})
    told.absorb()
    [again] = news(told, known)
    assert again.whole and len(values(again)) == 4097


def test_points_and_records_are_bounded_and_the_loss_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest stay, the thread is woken early, and one record says how many went."""
    monkeypatch.setattr(chronicle, "POINTS", 8)
    monkeypatch.setattr(chronicle, "RECORDS", 3)
    rung: list[int] = []
    told = Chronicle(lambda: rung.append(1))
    for i in range(10):
        told.add_point(None, {"a": i})
        told.add_record(Log(0.0, 20, "a", str(i)))
    assert rung
    told.absorb()
    [message] = news(told, {})
    assert values(message) == list(range(8))
    *records, loss = told.new_records()
    assert [record.text for record in records] == ["0", "1", "2"]
    assert loss.text.startswith("9 log records or points")
    assert list(told.new_records()) == []


def test_late_viewers_get_the_newest_records() -> None:
    """So many of them."""
    told = Chronicle(lambda: None)
    for i in range(500):
        told.add_record(Log(0.0, 20, "a", str(i)))
    assert len(list(told.new_records())) == 500
    tail = told.tail()
    assert len(tail) == chronicle.TAIL
    assert isinstance(tail[-1], Log) and tail[-1].text == "499"


def test_records_are_numbered() -> None:
    """From 1, those that tell of a loss included, for those who connect again."""
    told = Chronicle(lambda: None)
    told.add_record(Log(0.0, 20, "a", "one"))
    told._lost = 3
    told.add_record(Log(0.0, 20, "a", "two"))
    assert [record.number for record in told.new_records()] == [1, 2, 3]
    told.add_record(Log(0.0, 20, "a", "three"))
    assert [record.number for record in told.new_records()] == [4]
    assert [getattr(record, "number", 0) for record in told.tail()] == [1, 2, 3, 4]
