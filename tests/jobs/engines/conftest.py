"""Fixtures of the tests of engines."""

from ..every import _as_in_a_script  # noqa: F401 - a fixture
