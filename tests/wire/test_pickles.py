"""Tests of the one place where pickles are made and read."""

from __future__ import annotations

import abc
import importlib
import pickle
import sys
import threading
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from async_plot.errors import PlotterError
from async_plot.wire import pickles

from ..helpers import ROOT, run_script

LOCK = threading.Lock()
FACTOR = 3


class Scaled:
    """Uses a global of its module."""

    def draw(self, y):
        return FACTOR * y


@pytest.fixture
def sibling(tmp_path, monkeypatch):
    """Make a module beside a script, and its import."""

    def make(source, name="sibling_module"):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        made.append(name)
        return module

    made: list[str] = []
    yield make
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def clean_registry():
    """Whatever a test does, cloudpickle is left as it was."""
    before = set(cloudpickle.list_registry_pickle_by_value())
    yield
    assert set(cloudpickle.list_registry_pickle_by_value()) == before


def load_elsewhere(data, expression, tmp_path):
    """Load a plotter in another interpreter and directory; print an expression."""
    (tmp_path / "plotter.pickle").write_bytes(data)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    source = (
        "import sys, pathlib\n"
        "from async_plot.wire import pickles\n"
        "plotter = pickles.load_plotter(pathlib.Path(sys.argv[1]).read_bytes())\n"
        f"print({expression})\n"
    )
    return run_script(
        source, str(tmp_path / "plotter.pickle"), directory=elsewhere
    ).stdout.strip()


# -- by value or by reference ------------------------------------------------------


def test_class_of_a_module_outside_site_packages_goes_by_value(sibling, tmp_path):
    """With what it uses of its module, and of a sibling that it imports."""
    sibling("OFFSET = 100\ndef shift(x): return x + OFFSET\n", "other_sibling")
    module = sibling(
        "from other_sibling import shift\n"
        "GAIN = 2\n"
        "class Base:\n"
        "    def twice(self, x): return GAIN * x\n"
        "class Mine(Base):\n"
        "    def draw(self, x): return shift(self.twice(x))\n"
    )
    data = pickles.dump_plotter(module.Mine)
    assert load_elsewhere(data, "plotter().draw(1)", tmp_path) == "102"


def test_class_of_the_tests_goes_by_value(tmp_path):
    """A package in a checkout is outside site-packages too."""
    data = pickles.dump_plotter(Scaled)
    assert b"FACTOR" in data
    assert load_elsewhere(data, "plotter().draw(2)", tmp_path) == "6"


def test_local_class_with_closure_and_lambda_goes_by_value(tmp_path):
    """Classes made in functions travel with what they close over."""
    gain = 5

    class Local:
        scale = staticmethod(lambda x: gain * x)

        def draw(self, x):
            return [self.scale(v) for v in x]

    data = pickles.dump_plotter(Local)
    assert load_elsewhere(data, "plotter().draw([1, 2])", tmp_path) == "[5, 10]"


def test_class_of_the_script_goes_by_value(tmp_path):
    """A class of ``__main__`` is loaded where there is another ``__main__``."""
    source = (
        "import sys, pathlib\n"
        "from async_plot.wire import pickles\n"
        "LIMIT = 7\n"
        "class Main:\n"
        "    def draw(self, x): return min(x, LIMIT)\n"
        "pathlib.Path(sys.argv[1]).write_bytes(pickles.dump_plotter(Main))\n"
    )
    target = tmp_path / "made"
    run_script(source, str(target))
    assert load_elsewhere(target.read_bytes(), "plotter().draw(9)", tmp_path) == "7"


def test_installed_class_goes_by_reference():
    """A class of site-packages or of the standard library is only named."""
    for installed in (np.ndarray, threading.Thread, pytest.Item):
        data = pickles.dump_plotter(installed)
        assert len(data) < 100
        assert pickles.load_plotter(data) is installed


def test_class_of_this_package_goes_by_reference():
    """The viewer has this very package."""
    from async_plot.net.feed import Feed

    data = pickles.dump_plotter(Feed)
    assert len(data) < 100
    assert pickles.load_plotter(data) is Feed


@pytest.mark.parametrize(
    ("module", "local"),
    [
        (np, False),
        (threading, False),
        (pytest, False),
        (sys, False),
        (pickles, False),
        (sys.modules[__name__], True),
    ],
    ids=["site-packages", "library", "pure", "built in", "ours", "tests"],
)
def test_places_that_a_viewer_imports_from(module, local):
    """Installed is what lies in the interpreter's own directories."""
    assert pickles._is_local(module.__name__, module) is local


def test_prefix_is_no_place_of_installed_modules():
    """Scripts beside a virtual environment's own directories are not installed."""
    for name in (f"{sys.prefix}/script.py", f"{sys.prefix}/src/mine/part.py"):
        assert not name.startswith(pickles._INSTALLED)


def test_name_that_begins_like_an_installed_place_is_not_one():
    """Directories are compared whole."""
    library = Path(threading.__file__).parent
    assert str(library / "x.py").startswith(pickles._INSTALLED)
    assert not f"{library}-mine/x.py".startswith(pickles._INSTALLED)


def test_what_the_user_registered_stays_registered(sibling):
    """A module that the user wants by value is still so afterwards."""
    module = sibling("class Mine:\n    def draw(self): pass\n")
    cloudpickle.register_pickle_by_value(module)
    try:
        pickles.dump_plotter(module.Mine)
        assert module.__name__ in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def test_registry_is_clean_after_an_interrupt(sibling, monkeypatch):
    """Ctrl-C while modules are registered leaves none of them so."""
    sibling("x = 1\n", "one_more")
    real = cloudpickle.register_pickle_by_value
    calls = []

    def interrupted(module):
        calls.append(module)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(module)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(cloudpickle, "register_pickle_by_value", interrupted)
        pickles.dump_plotter(Scaled)
    assert len(calls) == 3
    assert not pickles._registry_lock.locked()


def test_strange_modules_are_passed_over(monkeypatch):
    """What else may stand in ``sys.modules`` does not disturb."""
    monkeypatch.setitem(sys.modules, "strange_none", None)
    monkeypatch.setitem(sys.modules, "strange_alias", pickles)
    monkeypatch.setitem(sys.modules, "strange_object", object())
    pickles.dump_plotter(Scaled)


# -- whose fault it is -------------------------------------------------------------


def with_attribute():
    class Mine:
        lock = threading.Lock()

        def draw(self):
            pass

    return Mine


def with_inherited_attribute():
    class Mine(with_attribute()):
        pass

    return Mine


def with_global():
    class Mine:
        def draw(self):
            return LOCK

    return Mine


def with_global_in_comprehension():
    class Mine:
        def draw(self, x):
            return [LOCK for _ in x], (lambda: lambda: LOCK)

    return Mine


def with_closure():
    mutex = threading.Lock()

    class Mine:
        def draw(self):
            return mutex

    return Mine


def with_default():
    class Mine:
        def draw(self, x=threading.Lock()):  # noqa: B008
            pass

    return Mine


def with_keyword_default():
    class Mine:
        def draw(self, *, x=threading.Lock()):  # noqa: B008
            pass

    return Mine


def with_static_method():
    mutex = threading.Lock()

    class Mine:
        @staticmethod
        def help():
            return mutex

        def draw(self):
            pass

    return Mine


def with_property():
    class Mine:
        @property
        def help(self):
            return LOCK

        def draw(self):
            pass

    return Mine


def with_abstract_base():
    class Mine(abc.ABC):
        __slots__ = ("value",)

        @abc.abstractmethod
        def draw(self):
            return LOCK

    return Mine


def with_installed_base():
    class Mine(threading.Thread):
        def draw(self):
            return LOCK

    return Mine


CULPRITS = [
    (with_attribute, "its attribute 'lock'"),
    (with_inherited_attribute, "its attribute 'lock'"),
    (with_global, "global 'LOCK', used by its method 'draw'"),
    (with_global_in_comprehension, "global 'LOCK', used by its method 'draw'"),
    (with_closure, "'mutex', used by its method 'draw'"),
    (with_default, "a default of its method 'draw'"),
    (with_keyword_default, "a default of its method 'draw'"),
    (with_static_method, "'mutex', used by its method 'help'"),
    (with_property, "global 'LOCK', used by its method 'help'"),
    (with_abstract_base, "global 'LOCK', used by its method 'draw'"),
    (with_installed_base, "global 'LOCK', used by its method 'draw'"),
]


@pytest.mark.parametrize(
    ("make", "culprit"), CULPRITS, ids=lambda c: getattr(c, "__name__", c)
)
def test_culprit_is_named(make, culprit):
    """The error names the class, what in it cannot be pickled, and what to do."""
    with pytest.raises(PlotterError) as caught:
        pickles.dump_plotter(make())
    text = str(caught.value)
    assert "Mine cannot be sent to a viewer" in text
    assert f"{culprit}" in text
    assert "lock" in text
    assert "create it in __init__" in text
    assert isinstance(caught.value.__cause__, TypeError)


def test_unknown_culprit_is_the_class():
    """Where no single part fails, the class is named with the reason."""

    class Meta(type):
        pass

    class Mine(metaclass=Meta):
        def draw(self):
            pass

    def refuse(value):
        raise RuntimeError("no")

    # Its class of classes cannot be pickled, though each part can.
    Meta.__reduce_ex__ = lambda self, protocol: refuse(self)
    Meta.lock = threading.Lock()
    with pytest.raises(PlotterError, match="the class cannot be pickled"):
        pickles.dump_plotter(Mine)


# -- values of frames --------------------------------------------------------------


def test_value_with_its_buffers_beside_it():
    """Arrays inside an object are handed to the callback, not pickled."""
    buffers = []
    array = np.arange(1000.0)
    data = pickles.dumps({"a": array}, buffers.append)
    assert len(data) < 300
    assert [b.raw().nbytes for b in buffers] == [8000]
    back = pickles.loads(data, [bytearray(b.raw()) for b in buffers])
    assert np.array_equal(back["a"], array)


def test_value_without_a_callback_is_whole():
    """Without a callback everything is in the pickle."""
    array = np.arange(1000.0)
    data = pickles.dumps(array)
    assert np.array_equal(pickles.loads(data, []), array)


def test_function_as_a_value():
    """What the standard pickle refuses, cloudpickle carries."""
    gain = 4
    assert pickles.loads(pickles.dumps(lambda x: gain * x), [])(2) == 8


def test_pickles_are_of_protocol_5():
    """Buffers beside a pickle need protocol 5."""
    for data in (pickles.dumps([1]), pickles.dump_plotter(Scaled)):
        assert data[:2] == pickle.PROTO + bytes([5])


def test_no_other_module_unpickles():
    """``pickle.loads`` stands in exactly one module of the package."""
    readers = set()
    for path in (ROOT / "async_plot").rglob("*.py"):
        text = path.read_text()
        for word in ("pickle.load", "Unpickler", "marshal.load", "shelve", "joblib"):
            if word in text:
                readers.add(path.relative_to(ROOT).as_posix())
        assert "allow_pickle=True" not in text
    # The wire's documentation of it aside, nobody else knows how.
    assert {r for r in readers if "pickles" not in r} == set()
    assert readers == {"async_plot/wire/pickles.py"}
