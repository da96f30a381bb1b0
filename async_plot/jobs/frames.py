"""``progress_apply`` and its like for objects of pandas. Imported when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["register"]

# What of each class calls a function for each of many parts.
_CALLING = {
    "DataFrame": ("apply", "applymap", "map", "aggregate", "transform"),
    "Series": ("apply", "map", "aggregate", "transform"),
    "DataFrameGroupBy": ("apply", "aggregate", "transform"),
    "SeriesGroupBy": ("apply", "aggregate", "transform"),
}


def register(make: Callable[..., Any], options: dict[str, Any]) -> None:
    """Give the classes of pandas a ``progress_...`` for each such method.

    Parameters
    ----------
    make : callable
        Makes a bar.
    options : dict
        For the bar; a ``total`` is for the first use alone.
    """
    from pandas import DataFrame, Series
    from pandas.core.groupby import DataFrameGroupBy, SeriesGroupBy

    for kind in (DataFrame, Series, DataFrameGroupBy, SeriesGroupBy):
        for name in _CALLING[kind.__name__]:
            if hasattr(kind, name):
                setattr(kind, f"progress_{name}", _method(name, make, options))


def _method(
    name: str, make: Callable[..., Any], options: dict[str, Any]
) -> Callable[..., Any]:
    def progress(frame: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        total = options.pop("total", None)
        if total is None:
            total = _parts(name, frame, kwargs.get("axis", args[0] if args else 0))
        with make(total=total, **options) as bar:
            if not callable(func):
                # A name or a dict of functions: pandas calls them as it likes.
                result = getattr(frame, name)(func, *args, **kwargs)
                bar.n = bar.total
                return result

            def counted(*given: Any, **more: Any) -> Any:
                bar.update()
                return func(*given, **more)

            return getattr(frame, name)(counted, *args, **kwargs)

    progress.__doc__ = f"``{name}`` with a bar."
    return progress


def _parts(name: str, frame: Any, axis: Any) -> int:
    """How often the function will be called."""
    if hasattr(frame, "ngroups"):
        return int(frame.ngroups)
    if frame.ndim == 1 or name in ("applymap", "map"):
        return int(frame.size)
    return int(frame.shape[0] if axis in (1, "columns") else frame.shape[1])
