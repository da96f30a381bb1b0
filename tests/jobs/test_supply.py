"""Which tasks come next, and how many at once."""

from __future__ import annotations

import itertools

from async_plot.jobs import supply as module
from async_plot.jobs.supply import Chunk, Supply


def test_every_task_comes_once_and_in_its_order() -> None:
    """Whatever the sizes are, and with a last chunk that is smaller."""
    supply = Supply(iter(range(10)), None, 4)
    chunks = [supply.chunk(2) for _ in range(3)]
    assert [(c.number, c.first, c.tasks) for c in chunks if c is not None] == [
        (1, 0, [0, 1, 2, 3]),
        (2, 4, [4, 5, 6, 7]),
        (3, 8, [8, 9]),
    ]
    assert supply.chunk(2) is None
    assert (supply.exhausted, supply.begun, supply.total) == (True, 10, 10)


def test_what_came_back_is_first_and_cut_to_size() -> None:
    """It gets a new number, by which its worker's reports are told apart."""
    supply = Supply(iter(range(100)), 100, 2)
    assert supply.chunk(1) is not None
    supply.back.append(Chunk(0, 50, [50, 51, 52]))
    first, second = supply.chunk(1), supply.chunk(1)
    assert first is not None and (first.number, first.tasks) == (2, [50, 51])
    assert second is not None and (second.number, second.tasks) == (3, [52])


def test_a_stop_keeps_what_comes_before_it() -> None:
    """An error is raised in its place in the order; the total stays."""
    supply = Supply(iter(range(100)), 100, 10)
    supply.back.extend([Chunk(0, 3, [3]), Chunk(0, 8, [8])])
    supply.stop(5)
    chunk = supply.chunk(1)
    assert chunk is not None and chunk.tasks == [3]
    assert supply.chunk(1) is None
    assert supply.total == 100


def test_chunks_are_as_large_as_the_tasks_are_quick_and_light() -> None:
    """And never larger than what lets all workers end together."""
    supply = Supply(itertools.count(), None, None)
    first = supply.chunk(2)
    assert first is not None and len(first.tasks) == 1
    supply.time(module.AIM / 100)
    quick = supply.chunk(2)
    assert quick is not None and len(quick.tasks) == 100
    supply.weigh("result", module.BYTES / 7)
    heavy = supply.chunk(2)
    assert heavy is not None and len(heavy.tasks) == 7
    known = Supply(iter(range(40)), 40, None)
    known.time(1e-9)
    guided = known.chunk(2)
    assert guided is not None and len(guided.tasks) == 10


def test_results_stay_heavy_however_light_their_arguments_are() -> None:
    """Else chunks grew with every one that is handed out, and so did the memory."""
    supply = Supply(itertools.count(), None, None)
    supply.time(1e-9)
    supply.weigh("result", module.BYTES / 7)
    for _ in range(100):
        supply.weigh("arguments", 8)
    heavy = supply.chunk(2)
    assert heavy is not None and len(heavy.tasks) == 7
    for _ in range(100):  # later ones are lighter
        supply.weigh("result", 8)
    light = supply.chunk(2)
    assert light is not None and len(light.tasks) > 1000


def test_a_chunk_is_divided_by_the_tasks_that_are_gone() -> None:
    """At its ends and in its midst; others are none of its business."""
    chunk = Chunk(1, 10, ["a", "b", "c", "d"])
    rest = [(c.first, c.tasks) for c in chunk.without({10, 12, 99})]
    assert rest == [(11, ["b"]), (13, ["d"])]
    assert chunk.without(range(10, 14)) == []
