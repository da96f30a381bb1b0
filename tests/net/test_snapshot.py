"""Arenas: arrays copied whole, memory kept warm and never shared."""

from __future__ import annotations

import numpy as np
import pytest

from async_plot.net import snapshot
from async_plot.net.snapshot import Arena, Snapshot
from async_plot.wire.layout import Layout, likeness


def stored(arena: Arena, array: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Store an array and give what its buffer says."""
    number = arena.store(array)
    order = "F" if array.flags.fnc else "C"
    return np.ndarray(array.shape, array.dtype, arena.buffers[number], order=order)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10.0),
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(20)[::-3],
        np.array(5.0),
        np.empty((0, 4)),
        np.array(["ab", "c"]),
        np.arange(3, dtype=">i2"),
        np.zeros(2, [("a", "f4"), ("b", "S3")]),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_an_array_is_copied_as_it_is(array: np.ndarray) -> None:  # type: ignore[type-arg]
    """The first time into memory of its own, then into the arena's."""
    arena = Arena()
    for _ in range(3):
        arena.clear()
        copy = stored(arena, array)
        np.testing.assert_array_equal(copy, array)
        assert not np.shares_memory(copy, array)
        assert len(arena.buffers[0]) == array.nbytes


def test_arrays_of_one_snapshot_do_not_overlap() -> None:
    """Each begins on a cache line of its own, once the memory is warm."""
    arena = Arena()
    arrays = [np.full(size, size % 256, np.uint8) for size in (1, 63, 64, 65, 1000)]
    for _ in range(2):
        arena.clear()
        copies = [stored(arena, array) for array in arrays]
    for copy, array in zip(copies, arrays):
        np.testing.assert_array_equal(copy, array)
    starts = [copy.ctypes.data for copy in copies]
    assert {(start - starts[0]) % 64 for start in starts} == {0}


def test_memory_is_used_again_for_the_next_snapshot() -> None:
    """No fresh memory once the size is known."""
    arena = Arena()
    array = np.arange(1000.0)
    places = []
    for _ in range(5):
        arena.clear()
        places.append(stored(arena, array).ctypes.data)
    assert len(set(places[1:])) == 1


def test_alike_frames_are_filled_in_place() -> None:
    """Also after one of another shape came between."""
    arena = Arena()

    def layout(*arrays: np.ndarray) -> Layout:  # type: ignore[type-arg]
        alike = likeness(arrays, {})
        assert alike is not None
        return Layout("", arrays, {}, alike[0])

    small, big = layout(np.zeros(3)), layout(np.zeros(300), np.zeros(5))
    for i in range(1, 10):
        for kind, sizes in ((small, (3,)), (small, (3,)), (big, (300, 5))):
            arena.fill(kind, [np.full(size, float(i)) for size in sizes])
            assert [len(b) for b in arena.buffers] == [8 * size for size in sizes]
            for buffer in arena.buffers:
                assert (np.frombuffer(buffer) == i).all()


def test_a_frame_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all its arrays together, checked before memory is taken."""
    monkeypatch.setattr(snapshot, "MAX_FRAME", 1 << 30)
    arena = Arena()
    huge = np.broadcast_to(np.zeros(1), (1 << 27) + 1)
    with pytest.raises(ValueError, match="at most 1 GiB"):
        arena.store(huge)


def test_a_snapshot_describes_itself_in_a_line() -> None:
    """For a debug log: number, buffers, size."""
    parts = [memoryview(b"head"), memoryview(bytes(1500)), memoryview(bytes(500))]
    taken = Snapshot("name", 41, False, 1.0, parts, Arena())
    assert taken.describe() == "frame #41 [2 buffers, 2 kB]"
    assert taken.size == 2004 and taken.users == 0
