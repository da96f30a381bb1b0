"""tqdm's face: its names and defaults, on a bar that every view shows.

What tqdm draws by itself is drawn by `lines`; what its options say of drawing often is
accepted and not needed. Knows no terminal.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from ..wire.messages import Progress
from . import meter
from .around import Around, Wrapped
from .bars import length, location, number
from .lines import Style, lines, speaks_unicode, whole

__all__ = ["Wrapped", "tqdm", "trange"]

T = TypeVar("T")


class tqdm(Around, Generic[T]):
    """A bar with the names of tqdm, as a drop-in for ``tqdm.tqdm``.

    Parameters
    ----------
    iterable : iterable, optional
        What is looped over. Without, `update` moves the bar.
    desc : str, optional
        What is counted.
    total : float, optional
        How much there is to do. Default: the iterable's length, if it has one.
    leave : bool, default: True
        Whether it stays in sight after its end; None: if it is the outermost.
    file : text stream, optional
        Where lines are written. Default: ``sys.stderr``.
    ncols : int, optional
        Columns of a line; 0: without the bar itself. Default: those of the terminal,
        as they are.
    disable : bool, default: False
        Whether nothing is shown at all. None: no lines unless `file` is a terminal.
    unit, unit_scale, unit_divisor
        Unit, whether prefixes such as k are used, and what is between two of them.
    ascii, bar_format, colour
        How a line looks, see `tqdm.format_meter`.
    initial : float, default: 0
        How much is done already; it does not count for the rate.
    position : int or (int, int), optional
        Its line among others. Default: below the bars inside of which it was begun.
        Column and row, from 0, on a full screen; see `fullscreen`.
    postfix : dict or object, optional
        What else is shown, see `set_postfix`.
    smoothing : float, default: 0.3
        Weight of the newest increment in the rate; 0: the mean.
    delay : float, default: 0
        Seconds before a line is shown.
    mininterval, maxinterval, miniters, dynamic_ncols, write_bytes, lock_args, nrows
        Accepted, and `gui`. Drawing costs the loop nothing: there is nothing to choose.

    Raises
    ------
    KeyError
        If there is an unknown argument, as with tqdm.

    Notes
    -----
    The environment's ``TQDM_DISABLE`` and the like change defaults.

    Examples
    --------
    >>> from async_plot import tqdm
    >>> sum(tqdm(range(100), desc="adding"))
    4950
    """

    _instances: ClassVar[set[Any]] = set()  # code clears it, after a crash
    monitor_interval: ClassVar[float] = 0
    monitor: ClassVar[None] = None

    # Their formatting, for code that calls it.
    format_sizeof = staticmethod(meter.format_sizeof)
    format_interval = staticmethod(meter.format_interval)
    format_num = staticmethod(meter.format_num)
    format_meter = staticmethod(meter.format_meter)

    def __init__(
        self,
        iterable: Iterable[T] | None = None,
        desc: str | None = None,
        total: float | None = None,
        leave: bool | None = True,
        file: Any = None,
        ncols: int | None = None,
        mininterval: float = 0.1,
        maxinterval: float = 10.0,
        miniters: float | None = None,
        ascii: bool | str | None = None,
        disable: bool | None = False,
        unit: str = "it",
        unit_scale: bool | float = False,
        dynamic_ncols: bool = False,
        smoothing: float = 0.3,
        bar_format: str | None = None,
        initial: float = 0,
        position: int | tuple[int, int] | None = None,
        postfix: Any = None,
        unit_divisor: float = 1000,
        write_bytes: bool = False,
        lock_args: tuple[Any, ...] | None = None,
        nrows: int | None = None,
        colour: str | None = None,
        delay: float = 0.0,
        gui: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise KeyError(f"Unknown argument(s): {kwargs}")
        given = _environment()
        self.fp = sys.stderr if file is None else file
        ncols = given.get("ncols", ncols) if ncols is None else ncols
        disable = given.get("disable", disable) if disable is False else disable
        ascii = given.get("ascii", ascii) if ascii is None else ascii
        quiet = disable is None and not _is_terminal(self.fp)
        if total is None and iterable is not None:
            total = length(iterable)
        if total is not None and number(total) == math.inf:
            total = None
        self.iterable = iterable
        self.disable = bool(disable) or quiet
        self.mininterval = mininterval
        self.maxinterval = maxinterval
        self.miniters = miniters or 0
        self.dynamic_miniters = miniters is None
        self.dynamic_ncols = dynamic_ncols
        self.ascii = not speaks_unicode(self.fp) if ascii is None else ascii
        self.unit_scale = unit_scale
        self.unit_divisor = unit_divisor
        self.initial = initial
        self.ncols = ncols
        self.nrows = nrows
        self.colour = colour
        self.delay = delay
        self.bar_format = bar_format
        self.smoothing = smoothing
        self.position = position
        self.lock_args = lock_args
        self.gui = gui
        at: list[int] = []
        row = None  # its line, counted from the cursor's
        if isinstance(position, (tuple, list)):
            at = location("position", position)
        elif position is not None:
            at, row = [abs(position)], position
        self._row = row
        self.start_t = self.last_print_t = time.time()
        self._quiet = quiet
        super().__init__(
            total,
            desc=desc or "",
            unit=unit,
            initial=initial,
            leave=leave,
            place=at,
            shown=not disable,
            smoothing=min(1.0, max(0.0, smoothing or 0.0)),
        )
        self.pos = -(at[-1] if row is None and at else row or 0)
        self.last_print_n = initial
        if isinstance(postfix, Mapping) and all(
            isinstance(name, str) for name in postfix
        ):
            self.set_postfix(postfix, refresh=False)
        elif postfix is not None:
            self.postfix = postfix

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update" in vars(cls):
            # It may ask what the method below it returns; others need not pay for that.
            cls.__bases__ = tuple(
                _Telling if base is tqdm else base for base in cls.__bases__
            )

    def update(self, n: float = 1) -> Any:
        """Count more.

        Parameters
        ----------
        n : float, default: 1
            How much; may be negative.

        Returns
        -------
        bool or None
            None; in a subclass that has an ``update`` of its own, True if the bar was
            shown since the last time.
        """
        # As `Bar.update`, in bytecode of its own: it is made quick for one class.
        self._n = n + self._n

    # -- the loop --------------------------------------------------------------

    def __iter__(self) -> Iterator[T]:
        if self.iterable is None:
            raise TypeError("'NoneType' object is not iterable")
        if self.disable and not self._quiet:
            return iter(self.iterable)
        return self.loop(self.iterable)

    async def __aiter__(self) -> AsyncIterator[T]:
        iterable: Any = self.iterable
        if not hasattr(iterable, "__aiter__"):
            for each in self:
                yield each
            return
        try:
            async for each in iterable:
                yield each
                self.update()
            self.close("finished")
        finally:
            self.close("stopped")

    def __len__(self) -> int:
        iterable: Any = self.iterable
        if iterable is None:
            return int(self.total)  # type: ignore[arg-type]  # a TypeError, as there
        shape = getattr(iterable, "shape", None)
        if shape:
            return int(shape[0])
        if hasattr(iterable, "__len__"):
            return len(iterable)
        if hasattr(iterable, "__length_hint__"):
            return int(iterable.__length_hint__())
        return int(self.total)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        if self.total is not None:
            return self.total > 0
        if self.iterable is None:
            raise TypeError("bool() undefined when iterable == total == None")
        return bool(self.iterable)

    def __contains__(self, item: object) -> bool:
        contains = getattr(self.iterable, "__contains__", None)
        if contains is not None:
            return bool(contains(item))
        return any(item is each or item == each for each in self)

    def __reversed__(self) -> Iterator[T]:
        before = self.iterable
        self.iterable = reversed(before)  # type: ignore[call-overload]
        try:
            return iter(self)
        finally:
            self.iterable = before

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __lt__(self, other: Any) -> bool:
        return bool(abs(self.pos) < abs(other.pos))

    def __le__(self, other: Any) -> bool:
        return bool(abs(self.pos) <= abs(other.pos))

    def __gt__(self, other: Any) -> bool:
        return bool(abs(self.pos) > abs(other.pos))

    def __ge__(self, other: Any) -> bool:
        return bool(abs(self.pos) >= abs(other.pos))

    def close(self, state: str | None = None) -> None:
        """End it; a second time does nothing.

        Parameters
        ----------
        state : str, optional
            How, see `Bar.close`.
        """
        handle = self._handle
        if handle is not None and isinstance(handle.style, _Look):
            handle.style.keep(self)
        super().close(state)
        self.disable = True
        if hasattr(self.iterable, "__next__"):
            self.iterable = ()  # a generator is closed where the loop is left

    def reset(self, total: float | None = None) -> None:
        """Begin again at 0, for repeated use.

        Parameters
        ----------
        total : float, optional
            How much there is to do then.
        """
        self.n = 0
        if total is not None:
            self.total = total
        self.estimate = type(self.estimate)(
            self.clock(), 0, smoothing=self.estimate.smoothing
        )
        self.start_t = self.last_print_t = time.time()
        self.refresh()

    def unpause(self) -> None:
        """Do nothing: the rate is that of the recent increments."""

    # -- texts -----------------------------------------------------------------

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Say what is counted.

        Parameters
        ----------
        desc : str, optional
            The text.
        refresh : bool, default: True
            Accepted.
        """
        self.desc = desc or ""
        if refresh:
            self.refresh()

    set_description_str = set_description

    def set_postfix(
        self,
        ordered_dict: Mapping[str, Any] | None = None,
        refresh: bool = True,
        **kwargs: Any,
    ) -> None:
        """Say what else is to be shown.

        Parameters
        ----------
        ordered_dict : dict, optional
            Values by name.
        refresh : bool, default: True
            Accepted.
        **kwargs
            More values, sorted by name.
        """
        values = dict(ordered_dict or {})
        values.update(sorted(kwargs.items()))
        self.postfix = ", ".join(
            f"{name}={_value(value)}" for name, value in values.items()
        )
        if refresh:
            self.refresh()

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Say what else is to be shown, as a text.

        Parameters
        ----------
        s : str
            The text.
        refresh : bool, default: True
            Accepted.
        """
        self.postfix = str(s)
        if refresh:
            self.refresh()

    @property
    def format_dict(self) -> dict[str, Any]:
        """All that a line is made of, for `format_meter`."""
        told = self.look(self.clock())
        return {
            "n": _same(self.n),
            "total": None if told.total < 0 else _same(self.total),
            "elapsed": told.elapsed,
            "ncols": self.ncols,
            "nrows": self.nrows,
            "prefix": self.desc,
            "ascii": self.ascii,
            "unit": self.unit,
            "unit_scale": self.unit_scale,
            "rate": told.rate or None,
            "bar_format": self.bar_format,
            "postfix": self.postfix,
            "unit_divisor": self.unit_divisor,
            "initial": self.initial,
            "colour": self.colour,
        }

    def __str__(self) -> str:
        return self.format_meter(**self.format_dict)

    __repr__ = __str__

    # -- lines -----------------------------------------------------------------

    def refresh(self, nolock: bool = False, lock_args: Any = None) -> bool:
        """Have the line renewed now, and not a moment later.

        Parameters
        ----------
        nolock, lock_args
            Accepted.

        Returns
        -------
        bool
            Whether it is shown.
        """
        if not self.disable:
            lines.refresh()
        return not self.disable

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Have the line renewed now.

        Parameters
        ----------
        msg, pos
            Accepted.

        Returns
        -------
        bool
            True.
        """
        self.refresh()
        return True

    def clear(self, nolock: bool = False) -> None:
        """Take the lines away; they come again with the next drawing.

        Parameters
        ----------
        nolock : bool, default: False
            Accepted.
        """
        with lines.aside():
            pass

    # -- private ---------------------------------------------------------------

    def _style(self) -> Style:
        return _Look(self)


class _Telling(tqdm[T]):
    """Returns from `update` what tqdm does, for subclasses with one of their own."""

    def _update(self, n: float = 1) -> bool | None:
        self._n += n
        if self._seen:
            self._seen = False
            return True
        return None


# Not in its body: there it would be one of those subclasses itself.
_Telling.update = _Telling._update  # type: ignore[method-assign,assignment]


def trange(*args: int, **kwargs: Any) -> tqdm[int]:
    """A bar over a range.

    Parameters
    ----------
    *args : int
        As for `range`.
    **kwargs
        As for `tqdm`.

    Returns
    -------
    tqdm
        To be looped over.
    """
    return tqdm(range(*args), **kwargs)


# -- private -----------------------------------------------------------------------


class _Look(Style):
    """Writes a bar's line by its own `format_dict`, which subclasses extend."""

    def __init__(self, bar: tqdm[Any]) -> None:
        super().__init__(bar.fp, columns=bar.ncols, position=bar._row, delay=bar.delay)
        if bar._quiet:
            self.file = None
        self._bar = weakref.ref(bar)
        self._last: tuple[Any, dict[str, Any]] | None = None

    def keep(self, bar: tqdm[Any]) -> None:
        """Take over how it looks at its end."""
        self._last = bar.format_meter, bar.format_dict

    def line(self, told: Progress, columns: int | None) -> str | None:
        """Make the line of what was told, if there is to be one."""
        bar = self._bar()
        if bar is not None and not bar.ended and told.state == "running":
            self.keep(bar)
        if bar is not None and type(bar).display is not tqdm.display:
            bar.display()  # a subclass shows it in its own way
            return None
        if self._last is None:
            return super().line(told, columns)
        form, fields = self._last
        if told.state != "running":
            n = whole(told.done) if isinstance(fields["n"], int) else told.done
            ended = {"n": n, "elapsed": told.elapsed, "rate": told.rate or None}
            fields = {**fields, **ended}
        return str(form(**{**fields, "ncols": columns}))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, float, complex)) or hasattr(value, "__float__"):
        with contextlib.suppress(TypeError, ValueError):
            return meter.format_num(value).strip()
    return str(value).strip()


def _same(value: Any) -> Any:
    """A number as it was given, if a line can be made of it."""
    return value if isinstance(value, (int, float)) else whole(number(value))


def _is_terminal(file: Any) -> bool:
    try:
        return bool(file.isatty())
    except Exception:
        return False


def _environment() -> dict[str, Any]:
    """Defaults that the environment changes, as tqdm's own do."""
    found: dict[str, Any] = {}
    if "TQDM_DISABLE" in os.environ:
        found["disable"] = os.environ["TQDM_DISABLE"].lower() not in ("", "0", "false")
    if os.environ.get("TQDM_NCOLS", "").isdigit():
        found["ncols"] = int(os.environ["TQDM_NCOLS"])
    if "TQDM_ASCII" in os.environ:
        ascii = os.environ["TQDM_ASCII"]
        found["ascii"] = {"true": True, "1": True, "false": False, "0": False}.get(
            ascii.lower(), ascii
        )
    return found
