"""Stacks as text: who is where, the calculation first, bounded, touching no file."""

from __future__ import annotations

import contextlib
import linecache
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from async_plot.net import stacks
from async_plot.net.stacks import Stacks

from ..helpers import AMPLE, eventually


@contextlib.contextmanager
def threads(target: Callable[[threading.Event], Any], *names: str) -> Iterator[Any]:
    """Threads that are somewhere until the block ends."""
    end = threading.Event()
    made = [threading.Thread(target=target, args=(end,), name=name) for name in names]
    for thread in made:
        thread.start()
    try:
        yield made
    finally:
        end.set()
        for thread in made:
            thread.join()


def wait_here(end: threading.Event) -> None:
    end.wait()


def deep(end: threading.Event, depth: int = 300) -> None:
    if depth:
        deep(end, depth - 1)
    else:
        end.wait()


def read(taken: Stacks) -> str:
    """The text with the lines of source."""
    taken.start()
    taken.join(AMPLE)
    assert taken.read and taken.cost >= 0
    return taken.text


def test_where_the_calculation_is_comes_first() -> None:
    """In somebody's own code, with the line, before all the stacks."""
    with threads(wait_here, "solver") as [solver]:
        eventually(lambda: "in wait_here" in Stacks().text)
        text = read(Stacks({solver.ident}))
    first, rest = text.split("\n", 1)
    assert first.startswith("in wait_here (test_stacks.py:")
    assert first.endswith("): end.wait()")
    assert rest.index("solver (most recent call last)") < rest.index("MainThread")
    assert "    end.wait()\n" in rest
    assert "_bootstrap" not in rest.partition("MainThread")[0]


def test_the_main_thread_comes_first_where_no_caller_is_known() -> None:
    """It is where most calculations run."""
    with threads(wait_here, "other"):
        text = Stacks().text
    assert text.index("MainThread") < text.index("other")


def test_threads_at_one_place_are_told_together() -> None:
    """Such as the idle workers of a pool."""
    names = [f"worker-{number}" for number in range(6)]
    with threads(wait_here, *names):
        told = "worker-0, worker-1, worker-2, worker-3 and 2 more (most"
        eventually(lambda: told in Stacks().text)


def test_its_own_threads_are_left_out() -> None:
    """They are no part of the calculation."""
    with threads(wait_here, "async_plot", "async_plot inbox"):
        assert "wait_here" not in Stacks().text


def test_a_stack_of_any_depth_is_bounded() -> None:
    """The innermost calls are told."""
    with threads(deep, "deep"):
        eventually(lambda: "wait" in Stacks().text.partition("deep (")[2])
        [text] = [t for t in Stacks().text.split("\n\n") if t.startswith("deep (")]
    assert text.count("  File ") == stacks.CALLS
    assert "\n  ...\n" in text
    assert "in wait" in text


def test_any_number_of_threads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how many are not told."""
    with threads(wait_here, "a"):
        eventually(lambda: "in wait_here" in Stacks().text)
        others = Stacks().text.count("(most recent call last)") - 1
        monkeypatch.setattr(stacks, "GROUPS", 1)
        assert f"and {others} other threads" in Stacks().text
        monkeypatch.setattr(stacks, "TEXT", 40)
        assert len(Stacks().text) == 40


def test_no_file_is_touched_by_the_thread_that_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One on a disk that does not answer would hold it for ever."""

    def hang(*_: object) -> str:
        raise AssertionError("it would hang here")

    monkeypatch.setattr(linecache, "getline", hang)
    monkeypatch.setattr(linecache, "checkcache", hang)
    taken = Stacks()
    assert "test_no_file_is_touched" in taken.text
    before = taken.text
    assert read(taken) == before  # nor do files that cannot be read spoil it


def test_names_are_text_and_no_commands() -> None:
    """A thread may be called anything."""
    with threads(wait_here, "\x1b[2Jclear"):
        text = Stacks().text
    assert "\x1b" not in text and "clear" in text


def test_no_data_of_the_calculation_is_kept() -> None:
    """A frame would hold all its arrays."""

    class Data:
        pass

    import gc
    import weakref

    kept: list[Stacks] = []

    def calculate() -> weakref.ref[Data]:
        data = Data()
        kept.append(Stacks())
        return weakref.ref(data)

    weak = calculate()
    gc.collect()
    assert kept and weak() is None
