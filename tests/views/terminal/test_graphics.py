"""What a terminal says that it can show, and what it is asked."""

from __future__ import annotations

import os
import termios

import pytest

from async_plot.views.terminal import graphics
from async_plot.views.terminal.graphics import Graphics, ask, blocks, from_environment

from .answering import Terminal

COMMON = {"width": 10, "height": 20, "paper": "#102030", "ink": "#eeeeee"}
MODERN = {"TERM": "xterm-256color"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may stand still for a while; silence is not waited for here."""
    monkeypatch.setattr(graphics, "PATIENCE", 30.0)


@pytest.mark.parametrize(
    ("kind", "form", "name"),
    [
        ("plain", "quarters", "VTE(7600)"),
        ("xterm", "sixel", "XTerm(379)"),
        ("kitty", "kitty", "kitty(0.35.1)"),
        ("konsole", "sixel", "Konsole 23.04"),
        ("old", "quarters", ""),
    ],
)
def test_a_terminal_is_taken_at_its_word(kind: str, form: str, name: str) -> None:
    """Each is shown the best that it says it understands."""
    with Terminal(kind) as terminal:
        before = termios.tcgetattr(terminal.tty)
        found = ask(terminal.tty, terminal.tty, MODERN)
        assert termios.tcgetattr(terminal.tty) == before
    assert (found.form, found.otherwise, found.name) == (form, "quarters", name)
    assert found.answers
    if kind != "old":
        assert {key: getattr(found, key) for key in COMMON} == COMMON
        assert found.dark
    if kind == "xterm":
        assert (found.colours, found.largest) == (16, (300, 200))


@pytest.mark.parametrize("kind", ["plain", "xterm", "old"])
def test_nothing_of_kittys_is_sent_to_others(kind: str) -> None:
    """Some would print it."""
    with Terminal(kind) as terminal:
        ask(terminal.tty, terminal.tty, MODERN)
        assert b"\x1b_" not in terminal.said
        assert b"\x1bP" not in terminal.said


def test_what_is_typed_meanwhile_is_no_answer() -> None:
    """It is passed over."""
    with Terminal("xterm", typed=b"q\x1b[Aabc") as terminal:
        assert ask(terminal.tty, terminal.tty, MODERN).form == "sixel"


def test_a_terminal_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for for long, and shown characters; no answer is expected."""
    monkeypatch.setattr(graphics, "PATIENCE", 0.05)
    with Terminal("silent") as terminal:
        found = ask(terminal.tty, terminal.tty, MODERN)
    assert found == Graphics()


@pytest.mark.parametrize("term", ["linux", "dumb", ""])
def test_some_are_not_asked(term: str) -> None:
    """What they print of a question would stay on the screen."""
    with Terminal("kitty") as terminal:
        found = ask(terminal.tty, terminal.tty, {"TERM": term})
        assert not terminal.said
    assert not found.answers
    assert found.form == ("halves" if term == "linux" else "quarters")


def test_what_is_no_terminal_is_not_asked() -> None:
    """A file or a pipe gives what the environment tells."""
    reading, writing = os.pipe()
    try:
        assert ask(reading, writing, MODERN) == Graphics()
    finally:
        os.close(reading)
        os.close(writing)


def test_blocks_are_those_that_an_encoding_has() -> None:
    """In any locale there is something to be seen."""
    assert blocks(MODERN, "utf-8") == "quarters"
    assert blocks({"TERM": "linux"}, "utf-8") == "halves"
    assert blocks(MODERN, "ascii") == blocks(MODERN, "latin-1") == "spaces"
    assert blocks(MODERN, "no such encoding") == "spaces"
    with Terminal("kitty") as terminal:
        assert ask(terminal.tty, terminal.tty, MODERN, "ascii").form == "spaces"


@pytest.mark.parametrize(
    ("environ", "form"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty", "GHOSTTY_RESOURCES_DIR": "/g"}, "kitty"),
        # In one that was started from kitty's shell, or far from it.
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "quarters"),
        ({"TERM": "xterm-kitty"}, "quarters"),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "TMUX": "/t"}, "quarters"),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "STY": "2"}, "quarters"),
    ],
)
def test_without_asking_only_what_is_sure(environ: dict[str, str], form: str) -> None:
    """What runs in a terminal inherits what it sets, and passes it on."""
    assert from_environment(environ, "utf-8").form == form


def test_paper_is_light_where_the_terminal_is() -> None:
    """By what some set; and can be turned round."""
    assert from_environment({"COLORFGBG": "15;0"}, "utf-8").dark
    light = from_environment({"COLORFGBG": "0;default;15"}, "utf-8", (9, 19))
    assert not light.dark
    assert (light.width, light.height) == (9, 19)
    assert light.inverted().dark
    assert not light.inverted().inverted().dark


@pytest.mark.parametrize(
    "said",
    [
        b"\x1b[6;0;0t",
        b"\x1b[6;99999;1t",
        b"\x1b]11;rgb:zz/00/00\x07",
        b"\x1b]11;rgb:/\x07",
        b"\x1b[?1;0;0S",
        b"\x1b[?1;2S",
        b"\x1b_Gi=30;OK\x1b\\",
        b"\x1b_Gi=31;no OK",
        b"\x1b[",
        b"\xff\xfe\x00",
    ],
)
def test_nonsense_changes_nothing(said: bytes) -> None:
    """Of an answer that is none, or somebody else's."""
    assert graphics.understood(said, Graphics()) == Graphics()


def test_a_name_is_printable() -> None:
    """It comes from outside and may be shown."""
    heard = graphics.understood(b"\x1bP>|x\x01y\xe9\x1b\\", Graphics())
    assert heard.name == "xyé"
