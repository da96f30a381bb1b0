"""Examples in docstrings are run where they leave nothing behind."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(request: pytest.FixtureRequest) -> None:
    """Give them a working directory and run files of their own."""
    if isinstance(request.node, pytest.DoctestItem):
        directory = request.getfixturevalue("tmp_path")
        monkeypatch = request.getfixturevalue("monkeypatch")
        home = directory / "home"
        home.mkdir(mode=0o700)
        monkeypatch.setenv("ASYNC_PLOT_HOME", str(home))
        monkeypatch.chdir(directory)
