"""Warnings of the background thread: whatever a handler does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from async_plot.net import warning
from async_plot.net.warning import Aside, warn

from ..helpers import AMPLE, eventually


class Handler(logging.Handler):
    """Does what a test says with each record."""

    def __init__(self) -> None:
        super().__init__()
        self.end = threading.Event()
        self.told: list[str] = []
        self.fails = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.fails:
            raise RuntimeError("no disk")
        self.told.append(record.getMessage())
        self.end.wait()


@pytest.fixture
def handler() -> Iterator[Handler]:
    handler = Handler()
    logger = logging.getLogger("async_plot")
    logger.addHandler(handler)
    yield handler
    handler.end.set()
    logger.removeHandler(handler)


def test_a_handler_that_raises_ends_nothing(handler: Handler) -> None:
    """Not even with an error that `logging` does not catch."""
    handler.fails = True
    warn("it %s", "fails")


def test_a_handler_that_hangs_is_not_waited_for(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gets no second thread."""
    monkeypatch.setattr(warning, "EVERY", 0.0)
    aside = Aside()
    aside.warn("the %s", "first")
    eventually(lambda: handler.told == ["the first"])
    aside.warn("the second")
    handler.end.set()
    assert aside._thread is not None
    aside._thread.join(AMPLE)
    aside.warn("the third")
    eventually(lambda: handler.told == ["the first", "the third"])


def test_warnings_aside_are_seldom(handler: Handler) -> None:
    """A calculation that stalls at each step fills no log."""
    handler.end.set()
    aside = Aside()
    for _ in range(5):
        aside.warn("it stalls")
        assert aside._thread is not None
        aside._thread.join(AMPLE)
    assert handler.told == ["it stalls"]
