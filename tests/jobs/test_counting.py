"""Counting from outside is exact."""

from __future__ import annotations

import collections
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from async_plot.jobs.counting import count

from ..helpers import AMPLE


def generator(n):
    yield from range(n)


class Sequence:
    """Has no iterator of its own, and a length that nobody may ask for."""

    def __getitem__(self, index):
        if index == 7:
            raise IndexError
        return index

    def __len__(self):
        raise ZeroDivisionError


class Lying(list):
    """Says that it is longer, and that it has fewer left."""

    def __len__(self):
        return 1000

    def __iter__(self):
        return LyingIterator(list.__iter__(self))


class LyingIterator:
    def __init__(self, iterator):
        self.iterator = iterator

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.iterator)

    def __length_hint__(self):
        raise RuntimeError("no")


MAKERS = {
    "range": lambda: range(7),
    "big range": lambda: range(10**30, 10**30 + 7),
    "list": lambda: list(range(7)),
    "tuple": lambda: tuple(range(7)),
    "str": lambda: "abcdefg",
    "wide str": lambda: "äbcdéf€",
    "bytes": lambda: b"abcdefg",
    "dict": lambda: dict.fromkeys(range(7)),
    "items": lambda: dict.fromkeys(range(7)).items(),
    "set": lambda: set(range(7)),
    "deque": lambda: collections.deque(range(7)),
    "array": lambda: np.arange(7),
    "matrix": lambda: np.zeros((7, 2)),
    "list iterator": lambda: iter(list(range(7))),
    "reversed": lambda: reversed(list(range(7))),
    "generator": lambda: generator(7),
    "enumerate": lambda: enumerate("abcdefg"),
    "zip": lambda: zip(range(7), range(9)),
    "map": lambda: map(str, range(7)),
    "islice": lambda: itertools.islice(itertools.count(), 7),
    "sequence": Sequence,
    "lying": lambda: Lying(range(7)),
    "callable": lambda: iter(iter(range(8)).__next__, 7),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def make(request):
    return request.param


def test_each_item_counts_when_the_loop_is_done_with_it(make):
    """The item in hand is not counted; all are when the statement ends."""
    ends = []
    iterator, counter = count(make(), lambda *end: ends.append(end))
    items = []
    for number, item in enumerate(iterator):
        assert counter.done() == number
        items.append(item)
    assert np.array_equal(np.array(items), np.array([each for each in make()]))
    assert ends == [(counter, True)]
    assert counter.done() == 7


def test_break(make):
    """A loop that is left has its exact count, before the next statement."""
    ends = []

    def leave():
        iterator, counter = count(make(), lambda *end: ends.append(end))
        for number, _ in enumerate(iterator):
            if number == 4:
                break
        return counter

    counter = leave()
    assert ends == [(counter, False)]
    assert counter.done() == 4


def test_exception_in_the_body(make):
    """An exception leaves the loop as a break does."""
    ends = []
    counter = None

    def fail():
        nonlocal counter
        iterator, counter = count(make(), lambda *end: ends.append(end))
        for number, _ in enumerate(iterator):
            if number == 4:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    del caught
    assert ends == [(counter, False)]
    assert counter.done() == 4


def test_exception_in_the_generator():
    """What the loop was done with when its generator failed is counted."""
    ends = []

    def failing():
        yield from range(3)
        raise ZeroDivisionError

    def loop():
        for _ in count(failing(), lambda *end: ends.append(end))[0]:
            pass

    with pytest.raises(ZeroDivisionError):
        loop()
    ((counter, exhausted),) = ends
    assert not exhausted
    assert counter.done() == 3


def test_a_generator_at_work_has_no_item_in_hand():
    """While the next item is made, the one before is done."""
    seen = []

    def slow():
        for index in range(3):
            seen.append(counter.done())
            yield index

    iterator, counter = count(slow(), lambda *end: None)
    for _ in iterator:
        seen.append(counter.done())
    assert seen == [0, 0, 1, 1, 2, 2]


def test_a_list_that_grows():
    """The items that were added in the loop are counted."""
    growing = [0]
    iterator, counter = count(growing, lambda *end: None)
    for item in iterator:
        assert counter.done() == item
        if item < 99:
            growing.append(item + 1)
    assert counter.done() == 100


@pytest.mark.parametrize("exhausted", [False, True])
def test_a_list_that_is_emptied(exhausted):
    """A list may be cleared in the loop: what was done stays counted."""
    queue = list(range(10))
    iterator, counter = count(queue, lambda *end: None)
    for item in iterator:
        if item == 6:
            assert counter.done() == 6
            queue.clear()
            assert counter.done() == 6
            if not exhausted:
                break
    del iterator
    assert counter.done() == 6 + exhausted


@pytest.mark.parametrize("kind", [dict.fromkeys, set, collections.deque])
def test_what_changes_in_the_loop_and_is_left(kind):
    """A dict from which a key is removed before the loop is left counts right."""
    changing = kind(range(10))
    iterator, counter = count(changing, lambda *end: None)
    for number, _ in enumerate(iterator):
        if number == 3:
            changing.clear()
            break
    del iterator
    assert counter.done() == 3


def test_a_shared_iterator():
    """Two loops over one iterator count their own items each."""
    shared = iter(range(10))
    first, one = count(shared, lambda *end: None)
    for item in first:
        if item == 3:
            break
    second, two = count(shared, lambda *end: None)
    assert list(second) == list(range(4, 10))
    del first
    assert (one.done(), two.done()) == (3, 6)


def test_a_generator_is_closed_where_the_loop_is_left():
    """Its ``finally`` runs before the next statement, in the same thread."""
    closed = []

    def closing():
        try:
            yield from range(3)
        finally:
            closed.append(threading.current_thread())

    def leave():
        for _ in count(closing(), lambda *end: None)[0]:
            break

    leave()
    assert closed == [threading.current_thread()]


def test_many_threads_share_one_iterator():
    """Each item is given once, the end told once, and the count is whole."""
    ends = []
    iterator, counter = count(range(20_000), lambda *end: ends.append(end))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: list(iterator), range(4), timeout=AMPLE))
    assert sorted(itertools.chain(*parts)) == list(range(20_000))
    assert counter.done() == 20_000
    assert ends[0] == (counter, True)


def test_read_from_another_thread():
    """A reader beside the loop never sees it go back, nor beyond its end."""
    growing = [0]
    iterator, counter = count(growing, lambda *end: None)
    seen = []
    stop = threading.Event()

    def read():
        while not stop.is_set():
            seen.append(counter.done())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for item in iterator:
            if item < 30_000:
                growing.append(item + 1)
    finally:
        stop.set()
        reader.join(AMPLE)
    assert seen == sorted(seen)
    assert counter.done() == 30_001


def test_what_cannot_be_iterated_says_so():
    """The error is that of a bare loop."""
    with pytest.raises(TypeError, match="not iterable"):
        count(3, lambda *end: None)
