"""What is sent: whole, unchanged, from many threads, or refused without harm."""

from __future__ import annotations

import datetime as dt
import fractions
import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from async_plot.client import Client
from async_plot.errors import UnsupportedValueError
from async_plot.net import camera
from async_plot.server import Server
from async_plot.wire.messages import Log, Stats

from ..helpers import AMPLE, Deadline, eventually
from .support import Messages, ProcessViewer, Watcher

_STRUCTURED = np.dtype([("at", "<f4", (2,)), ("name", "S3"), ("id", ">i2")])

ARRAYS = {
    "0-d": np.array(1.5),
    "empty": np.empty((0, 3)),
    "strided": np.arange(20.0)[::3],
    "reversed": np.arange(6)[::-1],
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "Fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "broadcast": np.broadcast_to(np.float32(2), (3, 4)),
    "big-endian": np.arange(4, dtype=">f8"),
    "bool": np.array([True, False]),
    "half": np.arange(3, dtype=np.float16),
    "long double": np.arange(3, dtype=np.longdouble),
    "complex": np.array([1 + 2j, np.nan]),
    "text": np.array(["a", "ünï"]),
    "bytes": np.array([b"a", b"bc"]),
    "datetime": np.array(["2024-02-29", "NaT"], "datetime64[ns]"),
    "timedelta": np.array([1, 2], "timedelta64[s]"),
    "structured": np.array([((1, 2), b"abc", 3)], _STRUCTURED),
    "objects": np.array([1, "two", None], object),
    "big": np.arange(1 << 17),
}


def round_trip(*args: Any, **kwargs: Any) -> Any:
    """Send one frame through a real socket."""
    with Server(view=None) as server, Watcher(server) as watcher:
        server.update(*args, **kwargs)
        watcher.wait_for(1)
        return watcher.frames[0]


@pytest.mark.parametrize("array", ARRAYS.values(), ids=list(ARRAYS))
def test_an_awkward_array_arrives_as_it_was(array: np.ndarray[Any, Any]) -> None:
    """Type, shape, values; and the viewer may write to it."""
    array.flags.writeable = False
    [arrived] = round_trip(array).args
    assert arrived.dtype == array.dtype
    assert arrived.shape == array.shape
    np.testing.assert_array_equal(arrived, array)
    assert arrived.flags.writeable
    array.flags.writeable = array.base is None


def test_an_awkward_object_arrives_as_it_was() -> None:
    """Containers, numbers beyond 64 bits, dates, and what only a pickle carries."""
    values = (
        [1, (2.5, {"a": {3, 4}}), None],
        {1: "one", (2, 3): b"bytes", "nested": [np.arange(3)]},
        -(1 << 80),
        1 - 2j,
        float("inf"),
        "\ud800 lone surrogate",
        bytes(10_000),
        frozenset({1}),
        dt.datetime(2024, 2, 29, 12, tzinfo=dt.timezone.utc),
        dt.date(2024, 2, 29),
        dt.timedelta(days=-1, microseconds=3),
        np.float32(1.5),
        np.datetime64("2024-02-29"),
        fractions.Fraction(1, 3),
        range(3),
        ...,
    )
    frame = round_trip(*values, key=values[2], _="underscore")
    assert str(frame.args) == str(values)
    assert list(map(type, frame.args)) == list(map(type, values))
    assert frame.kwargs == {"key": -(1 << 80), "_": "underscore"}


def test_big_containers_arrive() -> None:
    """A list of two million numbers, and one of five thousand arrays."""
    numbers, arrays = round_trip([0.1] * 2_000_000, [np.ones(1)] * 5000).args
    assert numbers == [0.1] * 2_000_000
    assert len(arrays) == 5000 and all(array == 1 for array in arrays)


def test_masked_arrays_and_memory_maps_arrive(tmp_path: Any) -> None:
    """With mask and fill value; from the file."""
    masked = np.ma.MaskedArray([1, 2, 3], [False, True, False], fill_value=-9)
    mapped = np.memmap(tmp_path / "map", np.int32, "w+", shape=(5,))
    mapped[:] = 7
    first, second = round_trip(masked, mapped).args
    assert first.tolist() == [1, None, 3]
    assert first.fill_value == -9
    assert second.tolist() == [7] * 5


def test_an_array_overwritten_in_place_is_never_seen_torn() -> None:
    """200 frames and more of 1 MiB, each of one value throughout, in order."""
    x = np.zeros(1 << 17)
    with Server(view=None, overhead=1) as server, ProcessViewer(server) as viewer:
        count = 0
        deadline = Deadline(AMPLE)
        while len(viewer.seen) < 200:
            deadline.check(f"200 frames, got {len(viewer.seen)}")
            count += 1
            x[: 1 << 16] = count
            x[1 << 16 :] = count
            server.update(x)
            x[::7] = -1  # at once, while the frame is on its way
        x[...] = 0
        server.update(x)
        server.close()
        viewer.wait()
        assert len(viewer.seen) >= 200
        assert not any(torn for *_, torn in viewer.seen)
        assert all(first == number for _, number, first, _ in viewer.seen[:-1])
        assert viewer.seen[-1][1:3] == (count + 1, 0.0)


def test_many_threads_may_update() -> None:
    """Each frame is one thread's own; the last one of all is delivered."""
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        server.update(np.zeros(1000), thread=-1)

        def work(thread: int) -> None:
            x = np.zeros(1000)
            for i in range(2000):
                x[...] = thread * 10000 + i
                server.update(x, thread=thread)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(AMPLE)
        server.update(np.full(1000, -5.0), thread=-1)
        server.close()
        watcher.join()
        for frame in watcher.frames:
            assert np.ptp(frame.args[0]) == 0
            value, thread = int(frame.args[0][0]), frame.kwargs["thread"]
            assert thread == -1 or value // 10000 == thread
        assert watcher.frames[-1].args[0][0] == -5
        numbers = [frame.number for frame in watcher.frames]
        assert numbers == sorted(set(numbers))


# -- what cannot be sent -----------------------------------------------------------


class Unreduced:
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise RuntimeError("not today")


class Unprintable(Exception):
    """Cannot be printed either."""

    def __str__(self) -> str:
        raise self


class Mute:
    def __reduce__(self) -> Any:
        raise Unprintable


def no_memory() -> Any:
    raise MemoryError


BAD: dict[str, Callable[[Server], None]] = {
    "lock": lambda server: server.update(threading.Lock()),
    "reduction": lambda server: server.update(1, [Unreduced()]),
    "mute": lambda server: server.update(Mute()),
    "cyclic": lambda server: server.update(_cyclic()),
    "function": lambda server: server.update_with(lambda: 1 / 0),
    "memory": lambda server: server.update_with(no_memory),
}


def _cyclic() -> Any:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_later_bad_arguments_are_counted_and_never_raised(
    bad: Callable[[Server], None], caplog: pytest.LogCaptureFixture
) -> None:
    """They are logged once, shown, and the frames after them arrive."""
    with Server(view=None, overhead=1) as server, Messages(server) as messages:
        server.update("good")
        for _ in range(3):
            server.want()
            bad(server)
        assert server.stats.refused == 3
        eventually(lambda: messages.of(Log), what="it is shown")
        server.want()
        server.update("good again")
        server.close()
        messages.join()
        assert messages.of(Stats)[-1].refused == 3
        shown = messages.of(Log)
        assert len(shown) == 1
        assert shown[0].level == logging.WARNING
        assert shown[0].name == "async_plot"
        assert [r.getMessage() for r in caplog.records] == [shown[0].text]
    assert next(iter(Client(server))).args == ("good again",)


@pytest.mark.parametrize(
    ("arguments", "where", "why"),
    [
        ((1, threading.Lock()), "argument 2", "lock"),
        (([0, {"a": Unreduced()}],), "argument 1 at [1]['a']", "not today"),
    ],
)
def test_the_first_bad_argument_is_raised_with_its_place(
    arguments: tuple[Any, ...], where: str, why: str
) -> None:
    """At the first call only; a corrected second call works."""
    with Server(view=None) as server:
        with pytest.raises(UnsupportedValueError, match="cannot be sent") as caught:
            server.update(*arguments)
        assert where in caught.value.where
        assert why in str(caught.value)
        server.update("corrected")
    assert next(iter(Client(server))).args == ("corrected",)


def test_a_bad_last_frame_leaves_the_one_before() -> None:
    """The end of a run does not raise for its arguments either."""
    with Server(view=None, overhead=1e-9) as server:
        server.update("good")
        eventually(lambda: server.stats.snapshots and server.stats.overhead)
        server._due = False  # and so it stays: the budget is spent
        server.update(threading.Lock())
    assert server.stats.refused == 1
    assert next(iter(Client(server))).args == ("good",)


def test_no_memory_for_a_snapshot_costs_one_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Like an array of which no copy can be made."""
    with Server(view=None, overhead=1) as server, Watcher(server) as watcher:
        server.update(0)

        def fail(*_: object) -> None:
            raise MemoryError("no room")

        with monkeypatch.context() as patched:
            patched.setattr(camera.Arena, "store", fail)
            server.want()
            server.update(np.zeros(3))
        server.update(np.ones(3))
        server.close()
        watcher.join()
        assert server.stats.refused == 1
        assert watcher.frames[-1].args[0].tolist() == [1, 1, 1]
