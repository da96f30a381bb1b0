"""What is said of jobs, made fit to be told: of its types, and of a bounded size.

A worker runs the user's code, maybe on a machine of many users, and a bar's owner may
call it by a number: what a viewer would refuse is mended here, before anybody keeps
or shows it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from ..wire.messages import Message

__all__ = ["bound"]

# Characters of a text that is not named below. All texts of a message together fit
# into what a worker may say at once, whatever they are written in.
TEXT = 200
LONGER = {
    "trace": 50_000,
    "text": 8192,
    "doc": 4096,
    "argument": 1000,
    "call": 1000,
    "caller": 1000,
    "file": 1000,
    "function": 1000,
    "postfix": 1000,
}
NUMBERS = 16  # entries of a list
POINTS = 200  # scalars of one point
MOST = (1 << 63) - 1

M = TypeVar("M", bound=Message)


def bound(message: M) -> M:
    """Give the same message with nothing in it that is too long or of a wrong type.

    Examples
    --------
    >>> from async_plot.wire.messages import Log
    >>> bound(Log(0.0, 20, "solver", 10_000 * "!")).text == 8192 * "!"
    True
    """
    kind = type(message)
    form = _forms.get(kind)
    if form is None:
        form = _forms[kind] = _Form(kind)
    if form.fits(message):
        return message
    known = form.fields
    changed = {}
    for name, mend in known:
        value = getattr(message, name)
        mended = mend(value)
        if mended is not value:
            changed[name] = mended
    if not changed:
        return message
    values = {item.name: getattr(message, item.name) for item in fields(kind)}
    return kind(**{**values, **changed})


def _text(value: Any, most: int = TEXT) -> str:
    if type(value) is str and len(value) <= most:
        return value
    try:
        return str(value)[:most]
    except Exception:  # of any object's own conversion
        return type(value).__name__[:most]


def _number(value: Any, finite: bool = True) -> float:
    try:
        number = value if type(value) is float else float(value)
    except Exception:  # of any object's own conversion
        return 0.0
    return 0.0 if finite and not math.isfinite(number) else number


def _count(value: Any, least: int = 0) -> int:
    try:
        count = value if type(value) is int else int(value)
    except Exception:  # of any object's own conversion
        return least
    return count if least <= count <= MOST else min(MOST, max(least, count))


def _list(value: Any, mend: Callable[[Any], Any], most: int) -> list[Any]:
    try:
        items = list(value)[:most]
    except Exception:  # it is no list at all
        return []
    mended = [mend(item) for item in items]
    same = type(value) is list and all(a is b for a, b in zip(mended, value))
    return value if same and len(value) == len(mended) else mended


# Declared type of a field -> what makes a value one of it; the same object if it is.
_PLAIN: dict[str, Callable[..., Any]] = {
    "str": _text,
    "int": _count,
    "Index": partial(_count, least=-1),
    "float": _number,
    "bool": bool,
    "list[str]": partial(_list, mend=_text, most=NUMBERS),
    "list[int]": partial(_list, mend=partial(_count, least=-MOST), most=NUMBERS),
    "list[float]": partial(_list, mend=_number, most=NUMBERS),
}


def _mender(name: str, declared: str) -> Callable[[Any], Any]:
    if name in LONGER:
        return partial(_text, most=LONGER[name])
    if name in ("remaining", "step"):  # infinite, or none at all
        return partial(_number, finite=False)
    if name == "names":
        return partial(_list, mend=_text, most=POINTS)
    if name == "values":
        return partial(_list, mend=partial(_number, finite=False), most=POINTS)
    return _PLAIN[declared]


class _Form:
    """What the fields of a kind of message are like."""

    def __init__(self, kind: type[Any]) -> None:
        types = {item.name: str(item.type) for item in fields(kind)}
        self.fields = [(name, _mender(name, types[name])) for name in types]
        self._names = {
            declared: [name for name in types if types[name] == declared]
            for declared in ("str", "int", "float")
        }
        self._rest = [name for name in types if types[name] not in self._names]
        self._get = {
            declared: attrgetter(*names, *names[:2])  # a tuple in any case
            for declared, names in self._names.items()
            if names
        }

    def fits(self, message: Any) -> bool:
        """Whether nothing is to be mended, which a few quick looks can tell.

        Hundreds of workers say the same small things all the time.
        """
        get = self._get
        try:
            if len("".join(get["str"](message))) > TEXT:
                return False
            counts = get["int"](message) if "int" in get else (0,)
            numbers = get["float"](message) if "float" in get else (0.0,)
            total, count = sum(numbers), sum(counts)
            if type(total) is not float or type(count) is not int:
                return False
            if min(counts) < 0 or max(counts) > MOST or not math.isfinite(total):
                return False
        except Exception:  # of any object's own doing
            return False
        for name in self._rest:
            value = getattr(message, name)
            if type(value) is int:
                if not -1 <= value <= MOST:
                    return False
            elif type(value) is not bool and (type(value) is not list or value):
                return False
        return True


_forms: dict[type[Any], _Form] = {}
