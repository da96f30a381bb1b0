"""Numbers and texts as a view writes them: short, on one line. Knows no run."""

from __future__ import annotations

import math
import time
import unicodedata

from ..wire.framing import describe_size

__all__ = [
    "count",
    "duration",
    "last_line",
    "moment",
    "one_line",
    "percent",
    "quantity",
    "rate",
    "size",
    "span",
    "value",
]

_DAY = 86400


def count(number: int) -> str:
    """Write a count with narrow gaps between the thousands."""
    return f"{number:,}".replace(",", "\u2009") if number < 10**9 else f"{number:.3g}"


def duration(seconds: float) -> str:
    """Write about how long something lasts: ``12 ms``, ``3.2 s``, ``5 min``."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.00095 else "< 1 ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * _DAY else _days(seconds)


def span(seconds: float) -> str:
    """Write to the second how long something lasts: ``4:07``, ``1:02:03``."""
    if not math.isfinite(seconds):
        return "?"
    whole = int(max(0.0, seconds))
    if whole >= 2 * _DAY:
        return _days(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _days(seconds: float) -> str:
    if seconds >= 1000 * _DAY:
        return "years"
    return f"{int(seconds // _DAY)} d {int(seconds % _DAY // 3600)} h"


def moment(at: float, form: str = "%H:%M:%S") -> str:
    """Write an instant as clocks here show it; ``?`` for what is none.

    Parameters
    ----------
    at : float
        Seconds since the epoch; whoever said so may be wrong.
    form : str
        As for `time.strftime`.

    Examples
    --------
    >>> moment(0.0, "%Y") in ("1969", "1970"), moment(1e300)
    (True, '?')
    """
    try:
        return time.strftime(form, time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return "?"


def percent(share: float) -> str:
    """Write a share in two digits."""
    percents = 100 * share
    if percents and percents < 0.01:
        return "< 0.01 %"
    return f"{percents:.2g} %" if percents < 99.5 else f"{percents:.0f} %"


def size(count_of_bytes: float) -> str:
    """Write how much memory that is."""
    return describe_size(count_of_bytes)


def quantity(number: float, unit: str = "") -> str:
    """Write how much is done of something, which need not be a whole number."""
    if not math.isfinite(number):
        return "?"
    if unit == "B":
        return describe_size(number) if number >= 1000 else f"{number:.0f} B"
    if number == int(number):
        return count(int(number))
    return f"{number:.4g}"


def rate(per_second: float, unit: str = "it") -> str:
    """Write how fast something goes; what is slow in seconds for each."""
    if not (math.isfinite(per_second) and per_second > 0):
        return ""
    name = "" if unit == "it" else one_line(unit)
    if unit == "B":
        return f"{describe_size(per_second)}/s"
    if per_second < 0.995:
        return f"{duration(1 / per_second)}/{name or 'it'}"
    number = f"{per_second:.3g}" if per_second < 1000 else quantity(round(per_second))
    return f"{number} {name}/s"


def value(number: float) -> str:
    """Write a value in four digits."""
    return f"{number:.4g}" if math.isfinite(number) else str(float(number))


def one_line(text: str) -> str:
    """Put a text on one line, without what a font cannot show."""
    text = " ".join(text.split())[:1000]
    return "".join(
        c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def last_line(text: str) -> str:
    """Last line of a traceback, which says what it is about."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "it left no traceback"
