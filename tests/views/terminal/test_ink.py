"""Pieces on a line, whatever is in them."""

from __future__ import annotations

import pytest
from rich.segment import Segment

from async_plot.views.terminal import ink


@pytest.mark.parametrize("evil", ["\x1b[2J", "\r\n", "\x9b31m", "\ud800", "\u2028"])
def test_no_control_character_comes_to_the_terminal(evil: str) -> None:
    """By no piece; and the line is as wide as it was to be."""
    for piece in ((f"a{evil}b", "ink"), Segment(f"a{evil}b")):
        strip = ink.line([piece], 12)
        assert not set(evil) & set("\x1b\r\n\x9b\ud800\u2028") & set(strip.text)
        assert strip.cell_length == 12
        assert strip.text.startswith("a") and "b" in strip.text


def test_narrow_spaces_stay() -> None:
    """Counts are written with them."""
    assert ink.line([("10\u2009000", "ink")], 6).text == "10\u2009000"
