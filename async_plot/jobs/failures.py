"""How a task failed, in words that can travel: its argument, its traceback, its error.

Nothing in here lets an object of the user's - its ``repr``, its ``str``, its way of
being pickled - raise, or take long.
"""

from __future__ import annotations

import contextlib
import os
import reprlib
import threading
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ..errors import StopRequested, TaskError
from ..wire import pickles

__all__ = ["Fault", "blame", "brief", "described", "raised", "shown"]

SHOWN = 200  # characters of an argument
TRACE = 65_536  # characters of a traceback
_PATIENCE = 0.25  # seconds that the repr of somebody's own class may take
_OURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


@dataclass(frozen=True, slots=True)
class Fault:
    """How one task failed.

    Attributes
    ----------
    argument, kind, text, trace
        As in `async_plot.errors.TaskError`.
    error : bytes or Exception or None
        The exception: pickled where it has to travel, None if it cannot.
    time : float
        Seconds since the epoch.
    """

    argument: str
    kind: str
    text: str
    trace: str
    error: Any
    time: float


def described(
    item: Any, error: BaseException, *, star: bool, travels: bool, now: float
) -> Fault:
    """Describe an exception that a task has just raised."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    kept: Any = None
    if isinstance(error, Exception):
        kept = _pickled(error) if travels else error
    elif isinstance(error, StopRequested):  # only threads of the calculation can
        kept = error
    return Fault(
        argument=shown(item, star=star),
        kind=type(error).__qualname__,
        text=brief(error),
        trace=_written(error, trace),
        error=kept,
        time=now,
    )


def blame(fault: Fault, task: int, worker: str) -> TaskError:
    """Make the error that stands for a failed task."""
    return TaskError(task, worker, fault.argument, fault.kind, fault.text, fault.trace)


def raised(fault: Fault, error: TaskError) -> BaseException:
    """What a failed task makes its job raise: its own exception, or else `error`."""
    own = fault.error
    if isinstance(own, StopRequested):
        return own.with_traceback(None)
    if isinstance(own, bytes):
        try:
            own = pickles.loads(own, ())
        except Exception:  # of a class that only the worker has
            own = None
    # Out of an iterator these two would mean something else.
    if not isinstance(own, Exception) or isinstance(
        own, (StopIteration, StopAsyncIteration)
    ):
        return error
    own.__cause__ = error
    return own.with_traceback(None)


def shown(item: Any, *, star: bool = False) -> str:
    """Show a task's arguments in short; never raises, and never takes long."""
    with contextlib.suppress(Exception):
        if star:
            return _cut(", ".join(_repr(each) for each in item))
        return _cut(_repr(item))
    return "?"


# -- private -----------------------------------------------------------------------

_PLAIN = (int, float, complex, bool, str, bytes, type(None))
_slow: set[type] = set()  # classes whose repr took too long


class _Repr(reprlib.Repr):
    """Bounds what is shown of the common containers, before it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = SHOWN
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 8

    def repr_instance(self, x: Any, level: int) -> str:
        kind = type(x)
        if kind in _slow:
            return f"<{kind.__qualname__}>"
        text = repr(x)
        if len(text) > self.maxother:
            text = text[: self.maxother - 3] + "..."
        return text


def _repr(value: Any) -> str:
    if type(value) in (int, float, bool, type(None), complex):
        with contextlib.suppress(ValueError):  # an integer of very many digits
            return repr(value)
    if type(value) in _PLAIN:
        return _Repr().repr(value)
    answer: list[str] = []

    def ask() -> None:
        try:
            answer.append(_Repr().repr(value))
        except BaseException as error:
            name = type(error).__name__
            answer.append(f"<{type(value).__qualname__}: its repr raised {name}>")

    # The repr of a class that is not ours to know may take for ever.
    asking = threading.Thread(target=ask, name="async_plot repr", daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    if answer:
        return answer[0]
    _slow.add(type(value))
    return f"<{type(value).__qualname__}: its repr takes long>"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _is_ours(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_OURS)


def brief(error: BaseException) -> str:
    """What an exception says; never raises."""
    with contextlib.suppress(Exception):
        return str(error)[:4096]
    return "<its text cannot be had>"


def _written(error: BaseException, trace: TracebackType | None) -> str:
    try:
        lines = traceback.TracebackException(
            type(error), error, trace, compact=True
        ).format()
        text = "".join(lines)
    except Exception as another:
        text = f"<the traceback cannot be written: {type(another).__name__}>\n"
    if len(text) > TRACE:
        half = TRACE // 2
        left_out = f"  ... {len(text) - TRACE} characters ..."
        text = f"{text[:half]}\n{left_out}\n{text[-half:]}"
    return text


def _pickled(error: Exception) -> bytes | None:
    """Pickle an exception, if it comes through that as what it is."""
    try:
        data = pickles.dumps(error)
        back = pickles.loads(data, ())
    except Exception:
        return None
    return data if type(back).__qualname__ == type(error).__qualname__ else None
