"""The direction of imports, read from the syntax trees."""

from __future__ import annotations

import ast
import functools
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helpers import AMPLE, ROOT

PACKAGE = ROOT / "async_plot"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What each room may import of ours; the longest matching name counts.
ALLOWED = {
    # Lazily, the public names.
    "async_plot": {
        "client",
        "jobs.bars",
        "implicit",
        "jobs.logs",
        "jobs.tqdm",
        "jobs.writer",
        "net.recording",
        "plotter",
        "server",
    },  # lazily, the public names
    "errors": set(),
    "wire": {"wire", "errors"},
    "net": {"net", "wire", "errors"},
    "jobs": {"jobs", "net", "wire", "errors"},
    "plotter": {"errors"},
    "options": {"net", "plotter", "errors"},
    "launching": {"net", "options"},
    "roster": {"server", "net", "errors"},
    "steered": {"net", "errors"},
    "server": {
        *("net", "wire", "plotter", "errors", "jobs", "panel"),
        *("options", "launching", "roster", "steered"),
    },
    "implicit": {"server", "roster", "jobs", "net", "wire"},
    "client": {"net", "wire", "plotter", "errors"},
    "replay": {"net", "wire", "errors"},
    "postmortem": {"net", "wire", "errors"},
    "views": {
        *("views", "client", "replay", "plotter", "wire", "errors"),
        # What can be shown here is a question; what runs, and how to start a viewer,
        # is the client's and the server's business.
        "net.surroundings",
        # Where the keys are to stay live, a plotter needs a process of its own.
        "net.launch",
    },
    "cli": None,  # anything
    "commands": None,
    "demo": None,
    "__main__": {"cli"},
}


def named(path: Path) -> str:
    """Dotted name below the package, ``""`` for its own ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {named(path) for path in MODULES}


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    """Absolute names of all that a module imports, at whatever depth.

    Except in ``_demo``, which a module runs when it is started by itself.
    """
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = ["async_plot", *path.relative_to(PACKAGE).parent.parts]
    body = [node for node in tree(path).body if getattr(node, "name", "") != "_demo"]
    for node in itertools.chain.from_iterable(map(ast.walk, body)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Modules of ours that a module imports, without the package's name."""
    found = set()
    for name in imports(path):
        first, _, rest = name.partition(".")
        if first == "async_plot":
            # ``from .net import runs`` imports net.runs, ``from .errors import X``
            # the module errors.
            found.add(rest if rest in KNOWN else rest.rpartition(".")[0])
    return found - {""}


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def test_modules_import_only_what_their_room_may() -> None:
    """Each room imports the rooms that the design lets it, and no other."""
    wrong = {}
    for path in MODULES:
        name = named(path)
        room = name.partition(".")[0] or "async_plot"
        assert room in ALLOWED, f"room {room} has no place in the table"
        allowed = ALLOWED[room]
        if allowed is not None:
            found = ours(path)
            strange = {n for n in found if not any(within(n, r) for r in allowed)}
            wrong |= {name: sorted(strange)} if strange else {}
    assert wrong == {}


def test_the_table_would_notice() -> None:
    """The reading of imports finds relative, nested and absolute ones."""
    assert {"net.runs", "commands"} <= ours(PACKAGE / "commands" / "runs.py")
    assert {"wire.messages", "net.sockets"} <= ours(PACKAGE / "net" / "reception.py")
    assert not ours(PACKAGE / "errors.py")


def test_pickles_are_read_in_one_module() -> None:
    """Only one module can turn bytes into objects by running what they say."""
    readers = set()
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in {"load", "loads", "Unpickler"}
                and isinstance(node.value, ast.Name)
                and node.value.id
                in {"pickle", "cloudpickle", "dill", "marshal", "_pickle", "shelve"}
            ):
                readers.add(named(path))
        for name in imports(path):
            module, _, attribute = name.rpartition(".")
            if module in {"pickle", "cloudpickle", "_pickle", "dill", "marshal"}:
                assert attribute not in {"load", "loads", "Unpickler"}, named(path)
            assert name not in {"marshal", "shelve", "dill"}, named(path)
    assert readers == {"wire.pickles"}


def test_nothing_evaluates_text() -> None:
    """No module calls eval, exec or compile."""
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile"}, named(path)


def test_no_event_loop_in_the_calculation() -> None:
    """What runs inside a calculation uses no asyncio."""
    for path in MODULES:
        if named(path).partition(".")[0] in {"wire", "net", "server", "plotter"}:
            assert not any(within(name, "asyncio") for name in imports(path))


def test_the_wire_knows_no_socket_clock_or_file() -> None:
    """The wire turns bytes into messages and does nothing else."""
    effects = {"socket", "select", "selectors", "time", "pathlib", "subprocess"}
    for path in MODULES:
        if named(path).partition(".")[0] == "wire":
            found = {name.partition(".")[0] for name in imports(path)} & effects
            assert not found, f"{named(path)} imports {sorted(found)}"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import async_plot", ["numpy", "matplotlib", "msgpack", "cloudpickle"]),
        (
            "from async_plot import Server, Plotter",
            ["matplotlib", "asyncio", "PySide6", "tkinter", "IPython"],
        ),
        ("from async_plot import Client", ["matplotlib", "asyncio", "tkinter"]),
        ("import async_plot.cli", ["numpy", "matplotlib", "socket"]),
    ],
)
def test_importing_loads_nothing_big(statement: str, absent: list[str]) -> None:
    """No toolkit and no plotting library is loaded before something is drawn."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=AMPLE,
        check=True,
        cwd=ROOT,
    )
    assert not set(absent) & set(done.stdout.split())
