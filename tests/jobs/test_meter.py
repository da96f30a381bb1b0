"""Lines are those of tqdm, character for character."""

from __future__ import annotations

import itertools

import pytest
from tqdm import tqdm as theirs

from async_plot.jobs import meter


@pytest.mark.parametrize("n", [0, 3, 7, 2.5, 10, 123456])
@pytest.mark.parametrize("total", [None, 10, 7, 123456789])
def test_equal_to_tqdm(n, total):
    """For all the ways in which a line is asked for."""
    for elapsed, ncols, prefix, ascii, scale, rate, form, postfix in itertools.product(
        (0, 3725),
        (None, 0, 30),
        ("", "ab"),
        (False, " .oO"),
        (False, True, 2.0),
        (None, 0.3),
        (
            None,
            "{l_bar}{bar:10}{r_bar}",
            "{desc}{n_fmt}/{total_fmt} {rate_noinv_fmt} {bar} {remaining}",
            "{l_bar}{bar:-10b}|{percentage:3.0f}%",
        ),
        ("x=1",),
    ):
        options = {
            "ncols": ncols,
            "prefix": prefix,
            "ascii": ascii,
            "unit_scale": scale,
            "rate": rate,
            "bar_format": form,
            "postfix": postfix,
            "unit": "B",
        }
        ours = meter.format_meter(n, total, elapsed, **options)
        assert ours == theirs.format_meter(n, total, elapsed, **options), options


@pytest.mark.parametrize("value", [0, 1, 9.999, 99.95, 999.5, 12345, 1e9, 3.2e22, 1e30])
def test_numbers(value):
    """Sizes, durations and numbers, too."""
    assert meter.format_sizeof(value, "B") == theirs.format_sizeof(value, "B")
    assert meter.format_num(value) == theirs.format_num(value)
    if value < 1e10:
        assert meter.format_interval(value) == theirs.format_interval(value)


@pytest.mark.parametrize("colour", ["green", "#00ff00", "GREEN"])
def test_colours(colour):
    """By name and by number; another one is left out."""
    ours = meter.format_meter(3, 10, 1, ncols=60, colour=colour)
    assert ours == theirs.format_meter(3, 10, 1, ncols=60, colour=colour).removesuffix(
        meter.PLAIN
    )
    assert meter.width(ours) == 60
    assert "\x1b" not in meter.format_meter(3, 10, 1, colour="mauve")


def test_width():
    """Wide characters take two columns, combining ones none; none is cut in two."""
    assert meter.width("a漢e\u0301\x1b[31mx\x1b[0m") == 5
    assert meter.clip("a漢字b", 4) == "a漢"
    assert meter.clip("a\x1b[31mbc\x1b[0m", 2) == "a\x1b[31mb\x1b[0m"
    for columns in range(20, 60):
        line = meter.format_meter(1, 3, 1, ncols=columns, prefix="漢字")
        assert meter.width(line) <= columns


def test_no_title():
    """A colon behind a description that is empty goes."""
    form = "{desc}: {percentage:.0f}%"
    assert meter.format_meter(1, 2, 1, bar_format=form) == "50%"
    assert meter.format_meter(1, 2, 1, bar_format=form, prefix="a") == "a: 50%"


def test_a_wrong_bar_says_so():
    """What stands behind ``bar`` is a width and a letter."""
    with pytest.raises(ValueError, match="bar:x"):
        meter.format_meter(1, 3, 1, bar_format="{bar:x}")
