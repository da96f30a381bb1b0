"""A value of a calculation that views may change. Knows no thread, socket or clock.

What a view wants is checked here, in the calculation, and becomes the value when that
comes to a checkpoint.
"""

from __future__ import annotations

import json
import math
import numbers
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..wire import messages
from ..wire.steering import LONGEST

__all__ = ["Parameter"]

UNDOS = 100  # changes that can be taken back
_NAME = 100  # characters
_CHOICES = 1000


class Parameter:
    """A typed, bounded value that a view can change; see `Server.parameter`.

    It takes a new value at ``server.checkpoint()`` only, so that no step of a
    calculation sees two.

    Parameters
    ----------
    name, default, min, max, choices, unit, text
        As in `Server.parameter`.

    Attributes
    ----------
    name : str
        What it is called.
    default : float, int, bool or str
        What it is until a view changes it.
    spec : async_plot.wire.messages.Parameter
        What it was asked for; equal for equal ones.
    """

    def __init__(
        self,
        name: str,
        default: Any,
        *,
        min: float | None = None,
        max: float | None = None,
        choices: Sequence[Any] | None = None,
        unit: str = "",
        text: str = "",
    ) -> None:
        self.name = _checked_name(name)
        for what, given in (("unit", unit), ("text", text)):
            if not isinstance(given, str) or len(given) > LONGEST:
                raise TypeError(
                    f"{what} of parameter {name!r} must be a str of at most {LONGEST} "
                    f"characters, not {given!r}"
                )
        kind = _kind(name, default, choices)
        number = kind in ("float", "int")
        spec = messages.Parameter(
            name=name,
            order=0,
            kind=kind,
            value="",
            wanted="",
            default="",
            minimum=_checked_bound(name, "min", min, -math.inf, number=number),
            maximum=_checked_bound(name, "max", max, math.inf, number=number),
            unit=unit,
            text=text,
            choices=_checked_choices(name, choices),
            undo=0,
        )
        if spec.minimum > spec.maximum:
            raise ValueError(
                f"min of parameter {name!r} must not exceed max: {min!r} > {max!r}"
            )
        try:
            self.default = spec.check(default)
        except ValueError as error:
            raise ValueError(f"default of parameter {name!r} {error}") from None
        self.spec = replace(spec, default=json.dumps(self.default))
        # One object is wanted, the other used: each is replaced in one step, one by
        # the background thread alone, the other at checkpoints alone.
        self._wanted = self._used = (self.default,)
        self._undo: deque[Any] = deque(maxlen=UNDOS)

    @property
    def value(self) -> Any:
        """What it is now; changes at checkpoints only."""
        return self._used[0]

    def __repr__(self) -> str:
        unit = f" {self.spec.unit}" if self.spec.unit else ""
        return f"<Parameter {self.name!r} = {self.value!r}{unit}>"

    # -- the calculation's threads, at a checkpoint ----------------------------

    def take(self) -> bool:
        """Use what is wanted; say whether that changes anything."""
        wanted = self._wanted
        if wanted is self._used:
            return False
        self._used = wanted
        return True

    # -- the background thread -------------------------------------------------

    @property
    def wanted(self) -> str:
        """What it will be from the next checkpoint on, as a JSON text."""
        return json.dumps(self._wanted[0])

    def want(self, said: str, *, again: bool = False) -> bool:
        """Want a value from the next checkpoint on; say whether it is a new one.

        Parameters
        ----------
        said : str
            The value as a JSON text.
        again : bool, default: False
            It belongs to the change before, and is taken back with that.

        Raises
        ------
        ValueError
            If it cannot be that; the text says what would be accepted.
        """
        value = self.spec.parse(said)
        if value == self._wanted[0]:
            return False
        if not again:
            self._undo.append(self._wanted[0])
        self._put(value)
        return True

    def undo(self) -> None:
        """Want what was wanted before the last change.

        Raises
        ------
        ValueError
            If there is none to be taken back.
        """
        if not self._undo:
            raise ValueError("nothing was changed that could be taken back")
        self._put(self._undo.pop())

    def message(self, order: int) -> messages.Parameter:
        """What is told of it, the `order`-th of its run."""
        used, wanted = self._used, self._wanted
        return replace(
            self.spec,
            order=order,
            value=json.dumps(used[0]),
            wanted="" if wanted is used else json.dumps(wanted[0]),
            undo=len(self._undo),
        )

    # -- private ---------------------------------------------------------------

    def _put(self, value: Any) -> None:
        # What is used already need not wait for a checkpoint.
        used = self._used
        self._wanted = used if value == used[0] else (value,)


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f"name must be a printable, non-empty str, not {name!r}")
    if len(name) > _NAME:
        raise ValueError(f"name must have at most {_NAME} characters, not {name!r}")
    return name


def _kind(name: str, default: Any, choices: object) -> str:
    if choices is not None:
        return "choice"
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, str):
        return "string"
    if isinstance(default, numbers.Integral):
        return "int"
    if isinstance(default, numbers.Real):
        return "float"
    raise TypeError(
        f"default of parameter {name!r} must be a float, int, bool or str, or one of "
        f"its choices, not {default!r}"
    )


def _checked_choices(name: str, choices: Sequence[Any] | None) -> list[str]:
    if choices is None:
        return []
    what = f"choices of parameter {name!r} must be"
    if isinstance(choices, (str, bytes)):
        raise TypeError(f"{what} a list, not {choices!r}")
    given = list(choices)
    for each in given:
        if not isinstance(each, (str, int, float)):
            raise TypeError(f"{what} str, float, int or bool, not {each!r}")
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"{what} finite, not {each!r}")
    texts = [json.dumps(each) for each in given]
    if any(len(text) > LONGEST for text in texts):
        raise ValueError(f"{what} of at most {LONGEST} characters each")
    if not 0 < len(texts) <= _CHOICES or len(set(texts)) < len(texts):
        raise ValueError(f"{what} different, and 1 to {_CHOICES}, not {given!r}")
    return texts


def _checked_bound(
    name: str, which: str, bound: float | None, default: float, *, number: bool
) -> float:
    if bound is None:
        return default
    if not number:
        raise TypeError(f"{which} of parameter {name!r}: only numbers have bounds")
    if isinstance(bound, bool) or not isinstance(bound, numbers.Real):
        raise TypeError(
            f"{which} of parameter {name!r} must be a number or None, not {bound!r}"
        )
    try:
        found = float(bound)
    except OverflowError:
        found = math.nan
    if math.isnan(found):
        raise ValueError(
            f"{which} of parameter {name!r} must be a float or None, not {bound!r}"
        )
    return found
