"""A point of some scalars, as whoever logs it gives it: made of numbers, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

from ..errors import UnsupportedValueError

__all__ = ["point"]


def point(
    step: float | None, scalars: Mapping[str, SupportsFloat]
) -> tuple[float | None, dict[str, float]]:
    """Make a point of what was given.

    Parameters
    ----------
    step : float, optional
        Abscissa.
    scalars : mapping
        Values by name.

    Returns
    -------
    float or None, dict
        The same as floats.

    Raises
    ------
    UnsupportedValueError
        If a value is no real number; names it.

    Examples
    --------
    >>> point(None, {"loss": 1})
    (None, {'loss': 1.0})
    """
    name, values = "step", {}
    try:
        at = None if step is None else float(step)
        for name in scalars:
            values[name] = float(scalars[name])
        return at, values
    except Exception as error:  # of any object's own conversion
        raise UnsupportedValueError(f"log's scalar {name!r}", str(error)) from None
