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


@pytest.fixture(scope="module")
def modules() -> list[ModuleType]:
    """All of them: one test each would take longer to set up than to run."""
    return [importlib.import_module(f"async_plot.{name}".rstrip(".")) for name in NAMES]


def made_in(module: ModuleType) -> set[str]:
    """Names of the classes and functions without underscore that a module defines."""
    return {
        node.name
        for node in tree(Path(str(module.__file__))).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not node.name.startswith("_")
    }


def test_everything_listed_exists(modules: list[ModuleType]) -> None:
    """Every name in ``__all__`` can be had from its module."""
    for module in modules:
        if module.__file__ and module.__file__.endswith("__init__.py"):
            listed = getattr(module, "__all__", [])
        else:
            assert hasattr(module, "__all__"), module
            listed = module.__all__
        twice = [name for name in set(listed) if listed.count(name) > 1]
        assert not twice, (module, twice)
        missing = [name for name in listed if not hasattr(module, name)]
        assert not missing, (module, missing)


def test_listed_things_are_explained(modules: list[ModuleType]) -> None:
    """Classes and functions in ``__all__``, and public methods, have docstrings."""
    bare = []
    for module in modules:
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isroutine(value)):
                continue
            if not inspect.getdoc(value):
                bare.append((module, name))
            if inspect.isclass(value) and value.__module__ == module.__name__:
                bare += [
                    (module, f"{name}.{method}")
                    for method, part in vars(value).items()
                    if not method.startswith("_")
                    and (inspect.isroutine(part) or isinstance(part, property))
                    and not inspect.getdoc(getattr(value, method))
                ]
    assert not bare


def test_modules_say_what_they_are(modules: list[ModuleType]) -> None:
    """Every module opens with a sentence."""
    for module in modules:
        assert module.__doc__, module
        first = module.__doc__.strip().splitlines()[0].rstrip()
        assert first.endswith((".", ":", "'")), (module, first)


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
