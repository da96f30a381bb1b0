"""A bar as one line of text, in the form that tqdm made known.

Pure functions of numbers and texts; knows no terminal.
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from typing import Any

__all__ = [
    "clip",
    "format_interval",
    "format_meter",
    "format_num",
    "format_sizeof",
    "width",
]

BLOCKS = " ▏▎▍▌▋▊▉█"
DIGITS = " 123456789#"
LEAST = 10  # columns of a bar where nobody says how wide it is to be
COLOURS = {
    name: f"\x1b[3{number}m"
    for number, name in enumerate(
        ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
    )
}
PLAIN = "\x1b[0m"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def format_sizeof(num: float, suffix: str = "", divisor: float = 1000) -> str:
    """Format a number with the prefix of its order of magnitude.

    Parameters
    ----------
    num : float
        The number, at least 1.
    suffix : str, default: ""
        Unit.
    divisor : float, default: 1000
        Between two prefixes.

    Returns
    -------
    str
        With three digits.

    Examples
    --------
    >>> format_sizeof(12_345, "B")
    '12.3kB'
    """
    for prefix in ("", "k", "M", "G", "T", "P", "E", "Z"):
        if abs(num) < 999.5:
            if abs(num) < 99.95:
                digits = 2 if abs(num) < 9.995 else 1
                return f"{num:.{digits}f}{prefix}{suffix}"
            return f"{num:.0f}{prefix}{suffix}"
        num /= divisor
    return f"{num:.1f}Y{suffix}"


def format_interval(t: float) -> str:
    """Format a duration.

    Parameters
    ----------
    t : float
        Seconds.

    Returns
    -------
    str
        As ``[H:]MM:SS``.

    Examples
    --------
    >>> format_interval(3725)
    '1:02:05'
    """
    sign = "-" if t < 0 else ""
    minutes, seconds = divmod(abs(int(t)), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{seconds:02d}"
    return f"{sign}{hours}:{text}" if hours else sign + text


def format_num(n: Any) -> str:
    """Format a number as shortly as three digits allow.

    Parameters
    ----------
    n : float
        The number.

    Returns
    -------
    str
        In plain or in scientific notation, whichever is shorter.

    Examples
    --------
    >>> format_num(1234), format_num(12_000_000)
    ('1234', '1.2e+7')
    """
    short = f"{n:.3g}".replace("e+0", "e+").replace("e-0", "e-")
    plain = str(n)
    return short if len(short) < len(plain) else plain


def format_meter(
    n: float,
    total: float | None,
    elapsed: float,
    ncols: int | None = None,
    prefix: str | None = "",
    ascii: bool | str = False,
    unit: str = "it",
    unit_scale: bool | float = False,
    rate: float | None = None,
    bar_format: str | None = None,
    postfix: Any = None,
    unit_divisor: float = 1000,
    initial: float = 0,
    colour: str | None = None,
    **extra: Any,
) -> str:
    """Make the line of a bar.

    Parameters
    ----------
    n, total, elapsed : float
        How much is done, of how much (None if that is not known), in how many seconds.
    ncols : int, optional
        Columns of the whole line, 0: without the bar itself. Default: 10 for the bar.
    prefix : str, optional
        What is counted.
    ascii : bool or str, default: False
        Whether plain digits are to be used, or the characters from empty to full.
    unit : str, default: "it"
        Unit of `n`.
    unit_scale : bool or float, default: False
        Whether prefixes as k and M are used; a number multiplies.
    rate : float, optional
        Units per second. Default: the mean.
    bar_format : str, optional
        The form of the line, with tqdm's fields.
    postfix : object, optional
        What else is shown; put at the end where it is a text.
    unit_divisor : float, default: 1000
        Between two prefixes.
    initial : float, default: 0
        How much was done at the beginning.
    colour : str, optional
        Of the bar: a name, or ``"#00ff00"``.
    **extra
        More fields for `bar_format`.

    Returns
    -------
    str
        Of the given width, but for escape sequences of the colour.

    Examples
    --------
    >>> format_meter(3, 4, 6, ascii=True, prefix="cells")
    'cells:  75%|#######5  | 3/4 [00:06<00:02,  2.00s/it]'
    """
    if total is not None and (not 0 < total < math.inf or n >= total + 0.5):
        total = None  # as tqdm: a total that is passed was none
    if unit_scale and unit_scale is not True:
        n, initial = n * unit_scale, initial * unit_scale
        total = None if total is None else total * unit_scale
        rate = None if rate is None else rate * unit_scale
        unit_scale = False
    fields = _fields(
        n, total, elapsed, unit, unit_scale, rate, postfix, unit_divisor, initial
    )
    title = str(prefix or "").rstrip()
    colon = ": " if title and not title.endswith(":") else " " if title else ""
    title = title if bar_format else title + colon
    post = f", {fields['postfix_text']}" if fields["postfix_text"] else ""
    fields |= {
        "desc": prefix or "",
        "ncols": ncols,
        "colour": colour,
        "l_bar": (prefix + ": " if prefix and not prefix.endswith(": ") else prefix)
        or "",
        "r_bar": "",
        "postfix": post if postfix is None or isinstance(postfix, str) else postfix,
    }
    if total is None:
        head = f"{title}" if not bar_format else fields["l_bar"]
        line = (
            f"{head}{fields['n_fmt']}{unit} "
            f"[{fields['elapsed']}, {fields['rate_fmt']}{post}]"
        )
        if not bar_format:
            return line if ncols is None or ncols <= 0 else clip(line, ncols)
        fields["l_bar"] = f"{head}|"
        fields["r_bar"] = (
            f"| {fields['n_fmt']}/? "
            f"[{fields['elapsed']}<{fields['remaining']}, {fields['rate_fmt']}{post}]"
        )
        share = math.nan
    else:
        share = n / total
        fields["percentage"] = 100 * share
        fields["l_bar"] = f"{fields['l_bar']}{100 * share:3.0f}%|"
        fields["r_bar"] = (
            f"| {fields['n_fmt']}/{fields['total_fmt']} "
            f"[{fields['elapsed']}<{fields['remaining']}, {fields['rate_fmt']}{post}]"
        )
        if ncols == 0:
            return str(fields["l_bar"][:-1] + fields["r_bar"][1:])
    form = bar_format or "{l_bar}{bar}{r_bar}"
    if not prefix:
        form = form.replace("{desc}: ", "")
    gauge = _Gauge(share, _characters(ascii), _escape(colour))
    return _filled(form, fields | dict(extra), gauge, ncols)


def width(text: str) -> int:
    """Columns that a text takes: wide characters two, combining ones none.

    Parameters
    ----------
    text : str
        May have colours in it.

    Returns
    -------
    int
        Columns.
    """
    text = _ESCAPE.sub("", text)
    return len(text) if text.isascii() else sum(map(_columns, text))


def clip(text: str, columns: int) -> str:
    """Cut a text off so that it takes no more columns.

    Parameters
    ----------
    text : str
        May have colours in it.
    columns : int
        At most.

    Returns
    -------
    str
        With all its colours, also those of what was cut off.
    """
    if len(text) <= columns and text.isascii():
        return text
    kept: list[str] = []
    left = columns
    for part in re.split(f"({_ESCAPE.pattern})", text):
        if part.startswith("\x1b"):
            kept.append(part)
            continue
        for character in part:
            left -= _columns(character)
            if left < 0:
                break
            kept.append(character)
    return "".join(kept)


# -- private -----------------------------------------------------------------------


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fields(
    n: float,
    total: float | None,
    elapsed: float,
    unit: str,
    unit_scale: bool | float,
    rate: float | None,
    postfix: Any,
    unit_divisor: float,
    initial: float,
) -> dict[str, Any]:
    """The numbers of a line, and their texts."""
    if rate is None and elapsed > 0:
        rate = (n - initial) / elapsed or None
    inverse = 1 / rate if rate else None

    def sized(value: float) -> str:
        return format_sizeof(value, divisor=unit_divisor)

    def per(value: float | None, what: str) -> str:
        if value is None:
            return "?" + what
        return (sized(value) if unit_scale else f"{value:5.2f}") + what

    straight, inverted = per(rate, f"{unit}/s"), per(inverse, f"s/{unit}")
    left = None
    if rate:
        left = (total - n) / rate if total is not None else 0.0
    try:
        eta = datetime.datetime.now() + datetime.timedelta(seconds=left or 0)
    except OverflowError:
        eta = datetime.datetime.max
    return {
        "n": n,
        "n_fmt": sized(n) if unit_scale else _number(n),
        "total": total,
        "total_fmt": "?"
        if total is None
        else (sized(total) if unit_scale else _number(total)),
        "percentage": 0.0,
        "elapsed": format_interval(elapsed),
        "elapsed_s": elapsed,
        "remaining": "?" if left is None else format_interval(left),
        "remaining_s": left or 0,
        "eta": eta,
        "unit": unit,
        "unit_divisor": unit_divisor,
        "rate": rate if inverse is None or inverse <= 1 else inverse,
        "rate_fmt": inverted if inverse is not None and inverse > 1 else straight,
        "rate_noinv": rate,
        "rate_noinv_fmt": straight,
        "rate_inv": inverse,
        "rate_inv_fmt": inverted,
        "postfix_text": postfix if isinstance(postfix, str) else "",
    }


def _number(value: Any) -> str:
    return str(value)


class _Gauge:
    """The bar itself, for ``{bar}`` and ``{bar:20}`` in a form."""

    def __init__(self, share: float, characters: str, colour: str) -> None:
        self.share = share
        self.characters = characters
        self.colour = colour
        self.columns = LEAST
        self.asked = False

    def __format__(self, spec: str) -> str:
        found = re.fullmatch(r"(-?\d+)?([abu])?|([abu])(-?\d+)", spec)
        if found is None:
            raise ValueError(f"{{bar:{spec}}} is no width with a, u or b behind it")
        size, kind = found[1] or found[4], found[2] or found[3]
        columns = self.columns
        if size is None or int(size) < 0:
            self.asked = True
            columns = max(0, columns + int(size or 0))
        else:
            columns = int(size)
        letters = {"a": DIGITS, "u": BLOCKS, "b": "  "}.get(kind, self.characters)
        text = _gauge(self.share, columns, letters)
        return f"{self.colour}{text}{PLAIN}" if self.colour else text


def _filled(form: str, fields: dict[str, Any], gauge: _Gauge, ncols: int | None) -> str:
    """The line by its form: the bar takes what the other fields leave."""
    if ncols:
        gauge.columns = 0
        rest = form.format_map(fields | {"bar": gauge})
        if gauge.asked:
            gauge.columns = max(1, ncols - width(rest))
    line = form.format_map(fields | {"bar": gauge})
    return clip(line, ncols) if ncols else line


def _gauge(share: float, columns: int, characters: str) -> str:
    if math.isnan(share) or columns <= 0:
        return " " * max(0, columns)
    steps = len(characters) - 1
    full, part = divmod(int(max(0.0, min(1.0, share)) * columns * steps), steps)
    text = characters[-1] * full
    if full < columns:
        text += characters[part] + characters[0] * (columns - full - 1)
    return text


def _characters(ascii: bool | str) -> str:
    if isinstance(ascii, str) and len(ascii) > 1:
        return ascii
    return DIGITS if ascii else BLOCKS


def _escape(colour: str | None) -> str:
    if not colour:
        return ""
    if known := COLOURS.get(colour.lower()):
        return known
    found = re.fullmatch(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", colour)
    if found is None:
        return ""
    return "\x1b[38;2;{};{};{}m".format(*(int(part, 16) for part in found.groups()))
