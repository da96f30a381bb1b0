"""How jobs stand, while others ask and tell; the rest is tried in `test_ledger`."""

from __future__ import annotations

import pytest

from async_plot.jobs import standing as module
from async_plot.jobs.standing import Standing

from .support import bar, failure


def test_another_thread_may_ask_while_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes just then may be missed, and that is all."""
    standing = Standing()
    for number in range(2):
        standing.take(bar(bar=f"a.{number}"), 0.0)
    aged = module._aged

    def meanwhile(*arguments: object) -> object:
        standing.take(bar(bar=f"b.{len(standing.running())}"), 0.0)
        standing.take(failure(job="a.1"), 0.0)
        return aged(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_aged", meanwhile)
    assert len(standing.tell(1.0)) >= 2
    assert len(standing.running()) == 4
