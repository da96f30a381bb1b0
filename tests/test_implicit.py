"""`map` without a server of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import async_plot
from async_plot.jobs.lines import lines
from async_plot.roster import running


def items() -> Iterator[int]:
    yield 1
    raise OSError("the disk")


@pytest.mark.parametrize("sound", [True, False])
def test_its_server_and_its_lines_end_with_the_job(sound: bool) -> None:
    """Also where it ends by an error before the caller has any results."""
    with ThreadPoolExecutor(1) as pool:
        if sound:
            assert list(async_plot.map(abs, [-1, 2], executor=pool)) == [1, 2]
        else:
            with pytest.raises(OSError, match="the disk"):
                list(async_plot.map(abs, items(), executor=pool))
    assert lines.asked == 0
    assert running() is None
