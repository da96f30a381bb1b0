"""What is public is listed, exists, and is explained."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import async_plot

from .test_layers import MODULES, named, tree

NAMES = [named(path) for path in MODULES]


@pytest.fixture(params=NAMES, ids=lambda name: name or "async_plot")
def module(request: pytest.FixtureRequest) -> ModuleType:
    name = "async_plot." + request.param if request.param else "async_plot"
    return importlib.import_module(name)


def made_in(module: ModuleType) -> set[str]:
    """Names of the classes and functions without underscore that a module defines."""
    return {
        node.name
        for node in tree(Path(str(module.__file__))).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not node.name.startswith("_")
    }


def test_everything_listed_exists(module: ModuleType) -> None:
    """Every name in ``__all__`` can be had from its module."""
    if module.__file__ and module.__file__.endswith("__init__.py"):
        listed = getattr(module, "__all__", [])
    else:
        listed = module.__all__
    assert list(listed) == list(dict.fromkeys(listed)), "a name stands twice"
    for name in listed:
        assert hasattr(module, name), name


def test_a_listed_thing_is_explained(module: ModuleType) -> None:
    """Classes and functions in ``__all__``, and public methods, have docstrings."""
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        assert inspect.getdoc(value), name
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for method, part in vars(value).items():
                if method.startswith("_"):
                    continue
                if inspect.isroutine(part) or isinstance(part, property):
                    assert inspect.getdoc(getattr(value, method)), f"{name}.{method}"


def test_a_module_says_what_it_is(module: ModuleType) -> None:
    """Every module opens with a sentence."""
    assert module.__doc__
    assert module.__doc__.strip().splitlines()[0].rstrip().endswith((".", ":", "'"))


def test_the_package_lists_its_lazy_names() -> None:
    """The public names are those of ``__all__``, and ``dir`` shows them."""
    assert set(async_plot.__all__) <= set(dir(async_plot))
    for name in async_plot.__all__:
        assert getattr(async_plot, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = async_plot.nothing


def test_errors_are_all_public() -> None:
    """Every error of the tree is listed, and derives from the one root.

    What asks the calculation to stop is no error, and passes ``except Exception``.
    """
    from async_plot import errors

    assert made_in(errors) == set(errors.__all__)
    for name in set(errors.__all__) - {"StopRequested"}:
        assert issubclass(getattr(errors, name), errors.AsyncPlotError)
    assert not issubclass(errors.StopRequested, Exception)
