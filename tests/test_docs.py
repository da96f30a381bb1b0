"""The documentation: complete, true to the code's names, and built without a warning.

Sphinx builds it once; what has an entry is read from the inventory of that build.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import async_plot
from async_plot import Client, Plotter, cli, errors
from async_plot.net.feed import Feed
from async_plot.server import Server
from async_plot.wire import messages

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.rst"))
BUILD_TIMEOUT = 240.0  # seconds; it takes a few


@dataclasses.dataclass
class Built:
    """One build of the documentation."""

    status: int
    output: str
    html: Path

    def entries(self, *kinds: str) -> set[str]:
        """Names that have an entry of one of these kinds, e.g. ``"py:class"``."""
        content = (self.html / "objects.inv").read_bytes()
        inventory = InventoryFile.loads(content, uri="").data
        return {name for kind in kinds for name in inventory.get(kind, {})}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the pages as ``make docs`` does, every broken reference a warning.

    Where tests run in several processes, one builds them for all.
    """
    directory = tmp_path_factory.getbasetemp() / "docs"
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parents[1] / "docs"
    directory.mkdir(exist_ok=True)
    note = directory / "done"
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            note.write_text(json.dumps(build(directory)))
        status, output = json.loads(note.read_text())
    return Built(status, output, directory / "html")


def build(directory: Path) -> tuple[int, str]:
    """Exit status and output of Sphinx."""
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q"]
    command += ["-b", "html", "-d", str(directory / "doctrees")]
    done = subprocess.run(
        [*command, str(DOCS), str(directory / "html")],
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT,
    )
    return done.returncode, done.stdout + done.stderr


def test_build(built: Built) -> None:
    """Sphinx has nothing to complain about: no broken reference, no orphaned page."""
    assert (built.status, built.output.strip()) == (0, "")


# -- what has an entry -------------------------------------------------------------


def public_names() -> Iterator[str]:
    for name in async_plot.__all__:
        if not name.startswith("__"):
            yield f"async_plot.{name}"
    for name in errors.__all__:
        yield f"async_plot.errors.{name}"
    for kind in (
        *messages.FROM_CALCULATION,
        *messages.FROM_VIEWER,
        *messages.FROM_RENDERER,
        *messages.OF_SKETCHES,
    ):
        yield f"async_plot.wire.messages.{kind.__name__}"


def test_public_names(built: Built) -> None:
    """Each public class, function, error and message has its entry."""
    entries = built.entries("py:class", "py:exception", "py:function")
    assert set(public_names()) - entries == set()


# The rest of `Feed` is between it and the background thread.
OF_FEED = ("update", "update_with")


def test_public_members(built: Built) -> None:
    """Each public method and property has an entry."""
    members = {
        f"async_plot.{kind.__name__}.{name}"
        for kind in (Server, Client, Plotter)
        for name in dir(kind)
        if not name.startswith("_")
        and (name in OF_FEED or not hasattr(Feed, name) or kind is not Server)
    }
    assert members - built.entries("py:method", "py:property", "py:attribute") == set()


def test_every_message_is_in_the_protocol() -> None:
    """The protocol's document names each message with its code."""
    text = (DOCS / "protocol.rst").read_text()
    missing = [
        kind.__name__
        for kind in (
            *messages.FROM_CALCULATION,
            *messages.FROM_VIEWER,
            *messages.FROM_RENDERER,
            *messages.OF_SKETCHES,
        )
        if not re.search(rf"\b{kind.__name__}\b", text)
        or not re.search(rf"\b{kind.code}\b", text)
    ]
    assert missing == []


# -- command line and environment --------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    """Each command of the program and each of its options, as ``(program, option)``."""

    def walk(
        parser: argparse.ArgumentParser, program: str
    ) -> Iterator[tuple[str, str]]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, inner in action.choices.items():
                    yield from walk(inner, f"{program} {name}")
            elif action.option_strings:
                for option in action.option_strings:
                    if option not in ("-h", "--help"):
                        yield program, option
            else:
                yield program, str(action.metavar or action.dest)

    yield from walk(cli.parser(), "async-plot")


def test_options(built: Built) -> None:
    """Each option and argument of the command line has its entry."""
    options = {
        f"{program.replace(' ', '-')}.{option}" for program, option in commands()
    }
    assert options - built.entries("std:cmdoption") == set()


def variables() -> set[str]:
    """Environment variables of ours that the package's source names."""
    found: set[str] = set()
    for path in sorted((ROOT / "async_plot").rglob("*.py")):
        found |= set(re.findall(r"\bASYNC_PLOT(?:_[A-Z]+)?\b", path.read_text()))
    return found


def test_environment_variables(built: Built) -> None:
    """Each environment variable that the package reads has its entry."""
    assert variables() - built.entries("std:envvar") == set()


def test_known_environment_variables() -> None:
    """The search in the source finds what is known to be there."""
    assert variables() >= {"ASYNC_PLOT", "ASYNC_PLOT_DEBUG", "ASYNC_PLOT_HOME"}


@pytest.mark.parametrize("where", ["reference/command_line.rst"])
def test_commands_have_headings(where: str) -> None:
    """Each command has a heading of its own."""
    text = (DOCS / where).read_text()
    programs = {program for program, _ in commands()} - {"async-plot"}
    missing = [p for p in programs if not re.search(rf"^``{p}``\n-+$", text, re.M)]
    assert missing == []


# -- words -------------------------------------------------------------------------


def test_glossary(built: Built) -> None:
    """Each word of the vocabulary is in the glossary."""
    words = "frame plotter snapshot source viewer view message header buffer connection"
    words += " key ready credit record run budget"
    assert set(words.split()) - built.entries("std:term") == set()


# -- files that the pages name -----------------------------------------------------


def directives(name: str) -> Iterator[tuple[Path, Path]]:
    for page in PAGES:
        for match in re.finditer(rf"\.\. {name}:: *(\S+)", page.read_text()):
            yield page, page.parent / match[1]


def test_included_files_exist() -> None:
    """Code and pictures that the pages show are files of this repository."""
    named = [
        pair
        for name in ("literalinclude", "include", "image", "figure")
        for pair in directives(name)
    ]
    assert named
    assert [path for _, path in named if not path.resolve().is_file()] == []


def test_examples_are_shown() -> None:
    """Each example is shown on some page: one that nobody reads would rot."""
    shown = {path.resolve() for _, path in directives("literalinclude")}
    assert [
        p.name for p in (ROOT / "examples").glob("[0-9]*.py") if p not in shown
    ] == []


def test_long_code_is_a_file() -> None:
    """Code in a page itself is a few lines; more is an example that runs."""
    long = []
    for page in PAGES:
        pattern = r"\.\. code-block:: (?:python|ipython)\n\n((?:   .*\n|\n)+)"
        for match in re.finditer(pattern, page.read_text()):
            if len(match[1].strip().splitlines()) > 8:
                long.append((page.name, match[1]))
    assert long == []


def test_contributors_commands() -> None:
    """The four commands for contributors are targets of the Makefile."""
    text = (DOCS / "howto" / "contribute.rst").read_text()
    named = re.findall(r"^   make (\S+)", text, re.M)
    makefile = (ROOT / "Makefile").read_text()
    assert len(named) == 4
    assert [n for n in named if not re.search(rf"^{n}:", makefile, re.M)] == []
