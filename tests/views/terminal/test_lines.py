"""The list that all pages are made of: selection, mouse, and what is drawn of it."""

from __future__ import annotations

from textual.app import App, ComposeResult

from async_plot.views.terminal.lines import Item, Lines

from ...helpers import AMPLE, Deadline
from .support import run


class Page(App[None]):
    """One list of a hundred lines."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.lines = Lines(**options)
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.lines

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        self.chosen.append(event.item.key)


def items(count: int, begin: int = 0) -> list[Item]:
    return [item(k) for k in range(begin, begin + count)]


def item(number: int) -> Item:
    return Item(str(number), lambda width: [(f"line {number}", "ink")])


def test_keys_and_mouse_select_and_choose() -> None:
    """A click on what is selected, or enter, opens it; the wheel only scrolls."""

    async def test() -> None:
        page = Page()
        async with page.run_test(size=(40, 10)) as pilot:
            page.lines.show(items(100))
            await pilot.press("down", "down", "enter")
            assert page.chosen == ["2"]
            await pilot.press("pagedown")
            assert page.lines.selected.key == "11"  # type: ignore[union-attr]
            await pilot.press("end", "up")
            assert page.lines.selected.key == "98"  # type: ignore[union-attr]
            await pilot.pause()
            await pilot.click(Lines, offset=(5, 3))
            assert page.lines.selected.key == "93"  # type: ignore[union-attr]
            assert page.chosen == ["2"]
            await pilot.press("home", "k")
            assert page.lines.selected.key == "0"  # type: ignore[union-attr]

    run(test())


def test_the_selection_stays_with_its_line() -> None:
    """Also when lines come before it; if it goes, what is there then is selected."""

    async def test() -> None:
        page = Page()
        async with page.run_test(size=(40, 10)):
            page.lines.show(items(5, begin=10))
            page.lines.select(3)
            page.lines.show(items(20))
            assert page.lines.selected.key == "13"  # type: ignore[union-attr]
            page.lines.show(items(2))
            assert page.lines.selected.key == "1"  # type: ignore[union-attr]
            page.lines.show([])
            assert page.lines.selected is None

    run(test())


def test_only_what_has_changed_is_drawn_again() -> None:
    """Lines that look as before cost the terminal nothing."""

    async def test() -> None:
        page = Page()
        async with page.run_test(size=(40, 10)) as pilot:
            page.lines.show(items(100))
            deadline = Deadline(AMPLE)
            while page.lines._room == 40 or not page.lines.has_focus:
                deadline.check("the bar at the side")
                await pilot.pause()
            page.lines.show(items(100))
            await pilot.pause()
            asked = []
            page.lines.refresh = lambda *regions, **_: asked.append(regions)  # type: ignore[assignment, method-assign, return-value]
            page.lines.show(items(100))
            assert asked == []
            changed = items(100)
            changed[4] = Item("4", lambda width: [("another", "ink")])
            changed[50] = Item("50", lambda width: [("out of sight", "ink")])
            page.lines.show(changed)
            ((region,),) = asked
            assert (region.y, region.height) == (4, 1)

    run(test())


def test_the_end_is_followed_until_somebody_goes_up() -> None:
    """And again when he has come back."""

    async def test() -> None:
        page = Page(follows=True)
        async with page.run_test(size=(40, 10)) as pilot:
            page.lines.show(items(100))
            await pilot.pause()
            assert page.lines.selected.key == "99"  # type: ignore[union-attr]
            await pilot.press("up")
            page.lines.show(items(101))
            assert page.lines.selected.key == "98"  # type: ignore[union-attr]
            await pilot.press("end")
            page.lines.show(items(110))
            assert page.lines.selected.key == "109"  # type: ignore[union-attr]

    run(test())
