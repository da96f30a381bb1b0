"""Memory to receive into."""

from __future__ import annotations

import itertools

import numpy as np

from async_plot.net.memory import Memory


def test_memory_is_lent_again_only_when_nobody_holds_it() -> None:
    """Small pieces are always new; at most six big ones are kept."""
    memory = Memory()
    first = memory.allocate(1 << 17)
    second = memory.allocate(1 << 17)
    assert not np.shares_memory(first, second)
    base = first.base
    view = first[10:20]
    del first
    assert not np.shares_memory(memory.allocate(1 << 17), view)
    del view, base
    pieces = [memory.allocate(1 << 17) for _ in range(20)]
    for a, b in itertools.combinations(pieces, 2):
        assert not np.shares_memory(a, b)
    assert len(memory._pieces) <= 6
    assert memory.allocate(10).nbytes == 10
