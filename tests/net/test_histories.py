"""Histories at any place of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from async_plot.net.histories import Histories
from async_plot.net.records import Records
from async_plot.wire.messages import Scalars

from ..recordings import end, frame, scalars, welcome, write


def known(histories: Histories, at: int) -> dict[str, list[float]]:
    told = list(histories.at(at))
    assert all(each.whole for each in told)
    return {each.name: np.frombuffer(each.buffers[1]).tolist() for each in told}


def test_each_is_told_whole_as_it_was(tmp_path: Path) -> None:
    """In any order of places; what was thinned later is not yet."""
    said = [
        welcome(),
        scalars("a", (0, 5), (1, 6), whole=True),
        frame(1, 1.0),
        scalars("b", (0, 1)),
        scalars("a", (2, 7)),
        frame(2, 2.0),
        scalars("a", (0, 5), (2, 7), whole=True),  # thinned
        end("finished"),
    ]
    with Records(write(tmp_path / "run.aplot", said), trust=True) as records:
        kinds = [entry.kind for entry in records.entries]
        places = [k for k, kind in enumerate(kinds) if kind is Scalars]
        histories = Histories(records)
        last = {"a": [5.0, 7.0], "b": [1.0]}
        assert known(histories, len(kinds)) == last
        assert known(histories, places[0]) == {}
        assert known(histories, places[1]) == {"a": [5.0, 6.0]}
        assert known(histories, places[3]) == {"a": [5.0, 6.0, 7.0], "b": [1.0]}
        assert known(histories, len(kinds)) == last
