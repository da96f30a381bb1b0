"""A cell: its messages, their size and their words."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from async_plot.errors import ProtocolError
from async_plot.net.cell import Cell, picture_bundle, words_bundle
from async_plot.wire.messages import Picture, Words

from .kernels import PNG, Shell


def test_a_second_showing_takes_the_place_of_the_first() -> None:
    """Under the request that ran the cell, whatever the kernel is about by then."""
    shell = Shell("with Server() as server:")
    cell = Cell(shell)
    cell.show("strip", {"text/plain": "a"})
    first = shell.request
    shell.run("something else")
    cell.show("strip", {"text/plain": "b"})
    (one, two) = shell.sent
    assert (one.kind, two.kind) == ("display_data", "update_display_data")
    assert one.parent["header"] == two.parent["header"] == first["header"]
    assert one.display_id == two.display_id
    assert two.content["data"] == {"text/plain": "b"}


def test_two_cells_never_share_a_place() -> None:
    """Not even in two runs of one cell."""
    shell = Shell("code")
    for _ in range(2):
        Cell(shell).show("strip", {})
    assert len({each.display_id for each in shell.sent}) == 2


def test_a_cell_that_is_run_again_shows_everything_anew() -> None:
    """Its page was emptied; another cell changes nothing."""
    shell = Shell("loop()")
    cell = Cell(shell)
    cell.show("a", {"text/plain": "1"})
    cell.show("a", {"text/plain": "2"})
    cell.show("b", {"text/plain": "3"})
    before = {each.display_id for each in shell.sent}
    shell.run("other()")
    assert not cell.follow()
    shell.run("loop()")
    assert cell.follow()
    assert not cell.follow()
    again = shell.sent[3:]
    assert [each.kind for each in again] == ["display_data"] * 2
    assert [each.content["data"]["text/plain"] for each in again] == ["2", "3"]
    assert all(each.parent["header"] == shell.request["header"] for each in again)
    assert not before & {each.display_id for each in again}


def test_a_cell_is_known_by_what_the_page_says() -> None:
    """Where it says nothing, by its text."""
    assert Cell(Shell("code", cell_id="c1")).key == "c1"
    assert Cell(Shell("code")).key == "code"


@pytest.mark.parametrize(
    "request_",
    [{}, {"header": {"msg_type": "comm_msg", "msg_id": "5"}, "content": {"code": "x"}}],
)
def test_what_no_cell_started_follows_none(request_: dict[str, Any]) -> None:
    """A widget's callback, or the kernel's own start."""
    shell = Shell("x")
    shell.request = request_
    cell = Cell(shell)
    assert cell.key == ""
    cell.show("a", {})
    shell.run("x")
    assert not cell.follow()


def test_a_picture_has_its_size_on_the_page() -> None:
    """However many pixels it has, within what a page can be."""
    data, metadata = picture_bundle(Picture("", 0, 640, 10**9, "frame 3", [PNG]))
    assert base64.b64decode(data["image/png"]) == PNG
    assert data["text/plain"] == "frame 3"
    assert metadata["image/png"] == {"width": 640, "height": 20_000, "alt": "frame 3"}


@pytest.mark.parametrize("buffers", [[], [b""], [b"<script>"], [PNG, PNG]])
def test_only_a_picture_is_a_picture(buffers: list[bytes]) -> None:
    """Whatever else it is does not come into a notebook."""
    with pytest.raises(ProtocolError, match="no PNG"):
        picture_bundle(Picture("", 0, 1, 1, "", buffers))


def test_words_are_text() -> None:
    """Nothing that they hold is markup, as text and as coloured text."""
    words = Words(
        ["failed", "<b>run</b>", "", "<script>1</script>"],
        ["failed", "name", "line", "alarm"],
        "</pre><img src=x>",
        True,
    )
    bundle = words_bundle(words)
    assert bundle["text/plain"] == "✗ failed  <b>run</b>\n<script>1</script>"
    page = bundle["text/html"]
    assert "&lt;script&gt;" in page and "&lt;/pre&gt;&lt;img" in page
    assert not any(tag in page for tag in ("<script", "<b>", "<img"))


def test_an_unknown_kind_of_word_is_plain() -> None:
    """As a later renderer may say; a kind is never written into the page."""
    page = words_bundle(Words(["x"], ['"><script>'], "", False))["text/html"]
    assert "script" not in page and ">x<" in page
