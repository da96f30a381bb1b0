"""The bell: rings are noticed, never wait, and survive closing."""

from __future__ import annotations

import contextlib
import select
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from async_plot.net.wakeup import Wakeup

from ..helpers import AMPLE


@pytest.fixture
def bell() -> Iterator[Wakeup]:
    bell = Wakeup()
    yield bell
    bell.close()


def test_a_ring_is_noticed_until_it_is_cleared(bell: Wakeup) -> None:
    """By `wait` and by a selector alike."""
    assert not bell.wait(0)
    bell.ring()
    assert bell.wait(0) and bell.wait(AMPLE)
    assert select.select([bell], [], [], 0)[0] == [bell]
    bell.clear()
    assert not bell.wait(0)


def test_any_number_of_rings_never_waits_and_is_cleared_at_once(bell: Wakeup) -> None:
    """A full buffer means that a wake-up is under way already."""
    for _ in range(100_000):
        bell.ring()
    bell.clear()
    assert not bell.wait(0)


def test_waiting_ends_with_the_ring_or_with_its_time(bell: Wakeup) -> None:
    """Whichever comes first."""
    before = time.monotonic()
    assert not bell.wait(0.05)
    assert 0.04 < time.monotonic() - before < AMPLE
    timer = threading.Timer(0.05, bell.ring)
    timer.start()
    assert bell.wait(AMPLE)
    timer.join()
    bell.clear()
    assert not bell.wait(-5)


def test_an_interrupt_of_the_wait_passes_through_and_leaves_the_bell_usable(
    bell: Wakeup,
) -> None:
    """Which is what `threading.Event` does not promise."""

    class Interrupted(Exception):
        pass

    def handler(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(50):
            with pytest.raises(Interrupted):
                signal.setitimer(signal.ITIMER_REAL, 0.002)
                while True:
                    bell.wait(AMPLE)
            bell.ring()
            assert bell.wait(AMPLE)
            bell.clear()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_closed_bell_is_harmless() -> None:
    """Ringing, clearing, waiting and closing again do nothing."""
    bell = Wakeup()
    bell.close()
    bell.ring()
    bell.clear()
    assert bell.wait(AMPLE)
    bell.close()


def test_a_bell_is_closed_under_a_thread_that_waits() -> None:
    """It goes on at the latest with its time, without an error."""
    bell = Wakeup()
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            for _ in range(200):
                bell.wait(0.001)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    with contextlib.closing(bell):
        pass
    for thread in threads:
        thread.join(AMPLE)
    assert not errors
