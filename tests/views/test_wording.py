"""How numbers and texts are written."""

from __future__ import annotations

import pytest

from async_plot.views.wording import duration, one_line, percent, quantity, rate, span


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, "0:00"),
        (59.9, "0:59"),
        (61, "1:01"),
        (3723, "1:02:03"),
        (2 * 86400 + 3 * 3600, "2 d 3 h"),
        (float("inf"), "?"),
        (float("nan"), "?"),
        (1e12, "years"),
        (-5.0, "0:00"),
    ],
)
def test_time_left_is_written_to_the_second(seconds: float, written: str) -> None:
    """Until it is days."""
    assert span(seconds) == written


@pytest.mark.parametrize(
    ("per_second", "unit", "written"),
    [
        (0.0, "it", ""),
        (float("nan"), "it", ""),
        (float("inf"), "it", ""),
        (0.2, "it", "5.0 s/it"),
        (0.2, "epoch", "5.0 s/epoch"),
        (16.42, "it", "16.4 /s"),
        (1234.5, "file", "1\u2009234 file/s"),
        (1.2e7, "B", "12 MB/s"),
    ],
)
def test_a_rate_is_written_as_people_say_it(
    per_second: float, unit: str, written: str
) -> None:
    """What is slow by its seconds, bytes by their multiples."""
    assert rate(per_second, unit) == written


@pytest.mark.parametrize(
    ("number", "unit", "written"),
    [
        (1234.0, "", "1\u2009234"),
        (0.5, "", "0.5"),
        (float("nan"), "", "?"),
        (512.0, "B", "512 B"),
        (2e9, "B", "2 GB"),
    ],
)
def test_what_is_done_need_not_be_whole(number: float, unit: str, written: str) -> None:
    """Bytes are written by their multiples."""
    assert quantity(number, unit) == written


def test_durations_and_shares() -> None:
    """In two or three digits."""
    assert [duration(s) for s in (0.0001, 0.012, 3.21, 95, 300, 9000)] == [
        "< 1 ms",
        "12 ms",
        "3.2 s",
        "95 s",
        "5 min",
        "2 h",
    ]
    assert duration(float("inf")) == "?"
    assert [percent(s) for s in (0.0, 0.00001, 0.034, 1.0)] == [
        "0 %",
        "< 0.01 %",
        "3.4 %",
        "100 %",
    ]


def test_a_text_is_put_on_one_line_without_what_a_font_lacks() -> None:
    """Control characters are shown as such."""
    assert one_line("a\n b\x1b[31m\tc") == "a b\N{REPLACEMENT CHARACTER}[31m c"
