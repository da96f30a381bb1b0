"""Examples in docstrings are run where they leave nothing behind."""

from __future__ import annotations

import os
import sys

import pytest

# Tests start Python many hundred times: where the environment forbids to keep what was
# compiled, each would compile this package anew, which takes a third of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


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
