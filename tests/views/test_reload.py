"""Classes from files that change: loaded, watched, and kept while the new one fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

from async_plot.errors import PlotterError
from async_plot.views import reload
from async_plot.views.reload import PlotterFile, Reloading, check_names

SOURCE = """
class Marks:
    colour = "{colour}"
    def __init__(self, figure):
        self.axes = figure.subplots()
    def draw(self, *args):
        self.axes.set_facecolor(self.colour)
"""


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the module search path, the modules and the settings as they were."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    with matplotlib.rc_context():
        yield
    for name in set(sys.modules) - before:
        if name.startswith("_plotter_") or name == "beside":
            del sys.modules[name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "marks.py"
    file.write_text(SOURCE.format(colour="red"))
    return file


def looked(file: PlotterFile) -> bool:
    """Whether two looks tell of a change; a third one never does."""
    told = [file.changed() for _ in range(3)]
    assert told in ([False, False, False], [False, True, False])
    return told[1]


# -- loading and looking -----------------------------------------------------------


def test_a_changed_file_is_loaded_again(path: Path) -> None:
    """However quick the change: neither its size nor its second need differ."""
    file = PlotterFile(path, "Marks")
    assert file.load().colour == "red"  # type: ignore[attr-defined]
    assert not looked(file)
    for colour in ("tan", "sky", "red"):
        path.write_text(SOURCE.format(colour=colour))
        assert looked(file)
        assert file.load().colour == colour  # type: ignore[attr-defined]
    assert not looked(file)


def test_the_same_content_is_no_change(path: Path) -> None:
    """A file that is touched, or written anew as it was."""
    file = PlotterFile(path, "Marks")
    file.load()
    path.write_text(path.read_text())
    assert not looked(file)
    other = path.with_suffix(".new")
    other.write_text(path.read_text())
    other.replace(path)
    assert not looked(file)


def test_what_editors_do_on_the_way_is_no_change(path: Path) -> None:
    """Swap files, an emptied directory entry, a file written in two steps."""
    file = PlotterFile(path, "Marks")
    file.load()
    path.with_name(".marks.py.swp").write_text("x")
    assert not looked(file)
    path.rename(path.with_name("marks.py~"))
    assert not looked(file)  # for however long it is away
    path.write_text("")
    assert not file.changed()
    path.write_text(SOURCE.format(colour="blue"))
    assert looked(file)
    assert file.load().colour == "blue"  # type: ignore[attr-defined]


def test_modules_beside_it_are_loaded_again(path: Path) -> None:
    """Those of its own directory; a change of them is a change of the class."""
    beside = path.with_name("beside.py")
    beside.write_text("COLOUR = 'red'")
    source = "import json, beside" + SOURCE.replace('"{colour}"', "beside.COLOUR")
    path.write_text(source)
    file = PlotterFile(path, "Marks")
    assert file.load().colour == "red"  # type: ignore[attr-defined]
    json = sys.modules["json"]
    beside.write_text("COLOUR = 'tan'")
    assert looked(file)
    assert file.load().colour == "tan"  # type: ignore[attr-defined]
    assert sys.modules["json"] is json
    known = sys.modules["beside"]
    beside.write_text("COLOUR = 'tan")
    assert looked(file)
    with pytest.raises(SyntaxError):
        file.load()
    assert sys.modules["beside"] is known
    beside.write_text("COLOUR = 'blue'")
    assert looked(file)
    assert file.load().colour == "blue"  # type: ignore[attr-defined]


def test_a_dataclass_finds_its_module(path: Path) -> None:
    """The file's module is among the others while its classes are made."""
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass, KW_ONLY\n"
        "@dataclass\nclass Marks:\n    figure: object\n    _: KW_ONLY\n"
        "    size: int = 3\n    def draw(self): pass\n"
    )
    assert PlotterFile(path, "Marks").load().__name__ == "Marks"


def test_a_class_that_is_missing_is_named_with_those_there_are(path: Path) -> None:
    """Those that draw, and were made there."""
    with pytest.raises(PlotterError, match=r"no class Mark in marks.py; .* are Marks$"):
        PlotterFile(path, "Mark").load()
    path.write_text("from async_plot import Plotter")
    with pytest.raises(PlotterError, match="none there draws"):
        PlotterFile(path, "Mark").load()


def test_settings_are_those_of_the_newest_file(path: Path) -> None:
    """What an earlier version of it set for matplotlib is undone."""
    file = PlotterFile(path, "Marks")
    plain = matplotlib.rcParams["lines.linewidth"]
    style = "import matplotlib\nmatplotlib.rcParams['lines.linewidth'] = 7\n"
    path.write_text(style + SOURCE)
    file.load()
    assert matplotlib.rcParams["lines.linewidth"] == 7
    path.write_text(SOURCE)
    file.load()
    assert matplotlib.rcParams["lines.linewidth"] == plain
    path.write_text(style + "1 / 0")
    with pytest.raises(ZeroDivisionError):
        file.load()
    assert matplotlib.rcParams["lines.linewidth"] == plain


def test_the_place_is_the_last_one_in_files_of_the_user(path: Path) -> None:
    """A failure inside a library is blamed on the line that called it."""
    file = PlotterFile(path, "Marks")
    text = (
        f'  File "{path}", line 3, in f\n    a\n'
        f'  File "{path.parent}/inner/beside.py", line 12, in g\n    b\n'
        '  File "/usr/lib/python3/numpy.py", line 99, in h\n    c\nValueError: no\n'
    )
    assert file.where(text) == "inner/beside.py line 12"
    assert file.where("ValueError: no") == "marks.py"


# -- painters ----------------------------------------------------------------------


class Painted:
    """Stands in for a `Painter`: notes what it is asked to take."""

    figures = (1,)

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken: list[object] = []

    def replace(self, load, frame) -> None:
        self.taken.append((load().colour, frame))


def test_each_painter_gets_its_file_and_its_newest_frame(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without a name is for all that have none of their own."""
    monkeypatch.setattr(reload, "LOOK_EVERY", 0)
    other = path.with_name("other.py")
    other.write_text(SOURCE.format(colour="tan"))
    files = {"": PlotterFile(path, "Marks"), "b": PlotterFile(other, "Marks")}
    for file in files.values():
        file.load()
    reloading = Reloading(files)
    assert reloading.of("a") is files[""] and reloading.of("b") is files["b"]
    painters = [Painted("a"), Painted("b"), Painted("c")]

    def look() -> list[str]:
        changed = [*reloading.changed(), *reloading.changed()]
        return [str(each) for each in reloading.reload(changed, painters)]  # type: ignore[arg-type]

    assert look() == []
    newest = [type("Frame", (), {"plotter": name, "number": 9})() for name in "ab"]
    for frame in newest:
        reloading.note(frame)
    path.write_text(SOURCE.format(colour="sky"))
    assert look() == ["marks.py:Marks has changed and draws now"] * 2
    assert [p.taken for p in painters] == [
        [("sky", newest[0])],
        [],
        [("sky", None)],
    ]
    other.write_text(SOURCE.format(colour="red"))
    assert look() == ["other.py:Marks has changed and draws now"]
    assert painters[1].taken == [("red", newest[1])]


def test_files_are_looked_at_now_and_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at each turn of an event loop; and never where there are none."""
    looks: list[object] = []
    file = PlotterFile(path, "Marks")
    monkeypatch.setattr(file, "changed", lambda: looks.append(1))
    reloading = Reloading({"": file})
    for _ in range(100):
        reloading.changed()
    assert len(looks) < 3
    assert Reloading({}).of("") is None and Reloading({}).changed() == []


def test_a_name_that_the_run_has_not_is_misuse(path: Path) -> None:
    """It says which there are."""
    file = PlotterFile(path, "Marks")
    check_names({"": file, "a": file}, ["a", "b"])
    with pytest.raises(ValueError, match="no plotter 'c' in this run; it has 'a', 'b'"):
        check_names({"c": file}, ["a", "b"])
    with pytest.raises(ValueError, match="one without a name"):
        check_names({"c": file}, [""])
