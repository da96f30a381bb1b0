"""The one place where pickles are made and read. Knows no connection.

Only a viewer that proved the key of a calculation reads one: code flows from the
calculation to its viewers and never back. A test holds that no other module of
the package calls ``pickle.loads``.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

import cloudpickle

from ..errors import PlotterError
from .messages import Memory

__all__ = ["dump_plotter", "dumps", "load_plotter", "loads"]

_registry_lock = threading.Lock()


def dumps(value: Any, buffer_callback: Callable[[Any], Any] | None = None) -> bytes:
    """Pickle a value of a frame, its buffers out of band (protocol 5)."""
    file = io.BytesIO()
    pickler = cloudpickle.Pickler(
        file, protocol=5, buffer_callback=_contiguous(buffer_callback)
    )
    pickler.dump(value)
    data: bytes = file.getvalue()
    return data


def loads(data: bytes, buffers: Sequence[Memory]) -> Any:
    """Unpickle what `dumps` wrote. Runs code: only for a proven peer's bytes."""
    return pickle.loads(data, buffers=buffers)


def dump_plotter(plotter: type) -> bytes:
    """Pickle a plotter class so that it can be loaded where its source is not.

    Classes of ``__main__``, of notebooks and of modules outside site-packages go
    by value, with whatever they use of such modules; installed ones by reference.

    Raises
    ------
    PlotterError
        If it cannot be pickled; the text names the attribute.
    """
    with _by_value():
        try:
            data: bytes = cloudpickle.dumps(plotter, protocol=5)
            return data
        except Exception as error:  # any object's own reduction may have failed
            name, reason = _culprit(plotter, error)
            raise PlotterError(
                f"plotter {plotter.__qualname__} cannot be sent to a viewer: {name} "
                f"cannot be pickled ({reason}); create it in __init__, which runs in "
                "the viewer"
            ) from error


def load_plotter(data: Memory) -> Any:
    """Unpickle a plotter class. Runs code: only for a proven peer's bytes."""
    return pickle.loads(data)


# -- private -----------------------------------------------------------------------


def _contiguous(
    callback: Callable[[Any], Any] | None,
) -> Callable[[Any], bool | None] | None:
    """Leave buffers in the pickle that cannot be seen as flat memory."""
    if callback is None:
        return None

    def keep(buffer: pickle.PickleBuffer) -> bool | None:
        try:
            buffer.raw()
        except BufferError:
            return True
        callback(buffer)
        return None

    return keep


@contextlib.contextmanager
def _by_value() -> Iterator[None]:
    """Let cloudpickle pickle by value the modules that a viewer could not import."""
    with _registry_lock:
        known = set(cloudpickle.list_registry_pickle_by_value())
        with contextlib.ExitStack() as added:
            for name, module in list(sys.modules.items()):
                if name not in known and _is_local(name, module):
                    cloudpickle.register_pickle_by_value(module)
                    added.callback(cloudpickle.unregister_pickle_by_value, module)
            yield


def _is_local(name: str, module: Any) -> bool:
    """Whether a module lies outside every place that a viewer imports from."""
    if not isinstance(module, ModuleType) or module.__name__ != name:
        return False
    if name.partition(".")[0] in ("async_plot", "__main__", "__mp_main__"):
        return False
    file = getattr(module, "__file__", None)
    return bool(file) and not str(file).startswith(_INSTALLED)


def _installed() -> tuple[str, ...]:
    import site

    # Not all of sysconfig's paths: one is the prefix itself, and a virtual
    # environment may well have been made in the directory of the scripts.
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_path(kind) for kind in kinds}
    # An interpreter's own modules; without this a venv's base would look local.
    paths.add(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix}))
    paths.update(site.getsitepackages())
    paths.add(site.getusersitepackages())
    return (*sorted(os.path.join(path, "") for path in paths if path), "<frozen")


_INSTALLED = _installed()


def _culprit(plotter: type, error: BaseException) -> tuple[str, str]:
    """Find the attribute, or the name that a method uses, that cannot be pickled."""
    for name, value in _parts(plotter):
        try:
            cloudpickle.dumps(value, protocol=5)
        except Exception as inner:
            return name, str(inner) or type(inner).__name__
    return "the class", str(error) or type(error).__name__


def _parts(plotter: type) -> Iterator[tuple[str, Any]]:
    functions: list[tuple[str, Any]] = []
    for base in plotter.__mro__[:-1]:
        module = base.__module__
        if module != "__main__" and not _is_local(module, sys.modules.get(module)):
            continue  # it goes by reference, whatever it holds
        for name, value in vars(base).items():
            if name in ("__module__", "__doc__", "_abc_impl") or isinstance(
                value, (GetSetDescriptorType, MemberDescriptorType)
            ):
                continue
            function = getattr(value, "__func__", getattr(value, "fget", value))
            if isinstance(function, FunctionType):
                functions.append((name, function))
            else:
                yield f"its attribute {name!r}", value
    for name, function in functions:
        defaults = [*(function.__defaults__ or ())]
        defaults += (function.__kwdefaults__ or {}).values()
        for default in defaults:
            yield f"a default of its method {name!r}", default
        code = function.__code__
        for free, cell in zip(code.co_freevars, function.__closure__ or ()):
            if free != "__class__":
                with contextlib.suppress(ValueError):  # a cell not filled yet
                    yield f"{free!r}, used by its method {name!r},", cell.cell_contents
        for free in _names(code):
            if free in function.__globals__:
                value = function.__globals__[free]
                yield f"global {free!r}, used by its method {name!r},", value


def _names(code: CodeType) -> Iterator[str]:
    """Names that code looks up, that of its comprehensions and lambdas included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
