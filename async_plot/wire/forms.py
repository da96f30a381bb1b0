"""What the header of each kind of message is like: names and types of its fields.

Knows no bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from operator import attrgetter, itemgetter
from typing import Any

from ..errors import ProtocolError
from .messages import (
    FROM_CALCULATION,
    FROM_RENDERER,
    FROM_VIEWER,
    FROM_WORKER,
    IN_FILES,
    OF_SKETCHES,
    TO_WORKER,
)

__all__ = ["FORMS", "Form"]

_KINDS: dict[type[Any], None] = dict.fromkeys(
    (
        *FROM_CALCULATION,
        *FROM_VIEWER,
        *FROM_WORKER,
        *TO_WORKER,
        *FROM_RENDERER,
        *OF_SKETCHES,
        *IN_FILES,
    )
)


def _list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and all(type(v) is kind for v in value)


# Declared type of a field -> does this value, fresh from msgpack, have it?
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: type(value) is str,
    "int": lambda value: type(value) is int and value >= 0,
    "Index": lambda value: type(value) is int and value >= -1,
    "float": lambda value: type(value) in (float, int),
    "bool": lambda value: type(value) is bool,
    "bytes": lambda value: type(value) is bytes,
    "list[str]": _list_of(str),
    "list[int]": _list_of(int),
    "list[float]": lambda value: (
        type(value) is list and all(type(v) in (float, int) for v in value)
    ),
}

# Declared type of a field -> the type that its values mostly have.
_USUAL: dict[str, type] = {"str": str, "float": float, "bool": bool, "bytes": bytes}


class Form:
    """What the header of a kind of message is like.

    Attributes
    ----------
    checks : list of (str, str, callable)
        Name, declared type and check of each field.
    defaults : list
        Of the fields that were appended to the message later.
    required : int
        How many fields it had at first.
    buffers : bool
        Whether it carries any.
    get : callable
        ``get(message)`` gives the values of all fields.
    """

    def __init__(self, kind: type[Any]) -> None:
        known = [item for item in fields(kind) if item.name != "buffers"]
        self.kind = kind
        self.buffers = len(known) < len(fields(kind))
        self.checks = [
            (item.name, str(item.type), _CHECKS[str(item.type)]) for item in known
        ]
        self.defaults = [item.default for item in known if item.default is not MISSING]
        self.required = len(known) - len(self.defaults)
        names = [item.name for item in known]
        get = attrgetter(*names)  # which gives no tuple of a single one
        self.get = get if len(names) > 1 else lambda message: (get(message),)
        self._types = [
            _USUAL.get(declared, list if "[" in declared else int)
            for _, declared, _ in self.checks
        ]
        # What is more than a type.
        places = [
            n for n, (_, declared, _) in enumerate(self.checks) if declared == "int"
        ]
        self._counts = itemgetter(*places, *places[:2]) if places else None
        self._rest = [
            (place, fits)
            for place, (_, declared, fits) in enumerate(self.checks)
            if declared != "int" and declared not in _USUAL
        ]

    def fits(self, values: list[Any]) -> bool:
        """Whether these are of the types that the fields usually have.

        In few steps: hundreds of workers say the same small things all the time.
        """
        if [*map(type, values)] != self._types:
            return False
        if self._counts is not None and min(self._counts(values)) < 0:
            return False
        for place, fits in self._rest:
            if not fits(values[place]):
                return False
        return True

    def check(self, values: list[Any]) -> None:
        """Look at each of them.

        Raises
        ------
        ProtocolError
            If one is of a wrong type; names the field.
        """
        for value, (name, declared, fits) in zip(values, self.checks):
            if not fits(value):
                raise ProtocolError(
                    f"{name} of {self.kind.__name__} is {type(value).__name__}, "
                    f"not {declared}"
                )


FORMS: dict[type[Any], Form] = {kind: Form(kind) for kind in _KINDS}
