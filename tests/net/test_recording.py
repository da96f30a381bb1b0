"""Tests of what a recording is asked for with."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from async_plot import Recording


def test_a_recording_is_a_file_a_rate_and_a_limit() -> None:
    """With defaults for the last two; it cannot be changed under a run."""
    recording = Recording("run.aplot")
    assert (recording.rate, recording.limit) == (30.0, 4 << 30)
    with pytest.raises(FrozenInstanceError):
        recording.rate = 5  # type: ignore[misc]
