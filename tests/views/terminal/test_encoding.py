"""Plain characters, as wide, where an encoding has no others."""

from __future__ import annotations

import pytest

from async_plot.views.terminal import ink
from async_plot.views.terminal.encoding import encodable, has_signs


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "koi8-r"])
@pytest.mark.parametrize("text", ["━━╸──", "▶ é漢字…", "a\u2009b", "▁▂█", "\x1b[31m●"])
def test_it_can_be_written_and_is_as_wide(encoding: str, text: str) -> None:
    plain = encodable(text, encoding)
    plain.encode(encoding)
    assert ink.measure(plain) == ink.measure(text)
    assert plain.count("\x1b") == text.count("\x1b")


def test_the_sign_of_a_number_stays_one() -> None:
    """As matplotlib writes it at its ticks."""
    assert encodable("\N{MINUS SIGN}1.5", "ascii") == "-1.5"


def test_what_an_encoding_has_stays() -> None:
    assert encodable("é ━ 漢", "utf-8") == "é ━ 漢"
    assert encodable("é", "latin-1") == "é"


@pytest.mark.parametrize(
    ("encoding", "has"),
    [("utf-8", True), ("ascii", False), (None, False), ("no such", False)],
)
def test_encodings_that_have_the_signs(encoding: str | None, has: bool) -> None:
    assert has_signs(encoding) is has
