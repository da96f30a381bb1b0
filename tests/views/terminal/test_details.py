"""Texts behind lines: failures, workers, functions; copied, scrolled, made harmless."""

from __future__ import annotations

from async_plot.client import Client
from async_plot.server import Server
from async_plot.views.terminal import ink
from async_plot.views.terminal.app import Top
from async_plot.views.terminal.details import text_items

from .support import failure, job, opened, progress, run, shows, worker


def test_a_failure_is_opened_copied_and_left() -> None:
    """By keys: the whole traceback, the argument, the clipboard."""

    async def test(server: Server) -> None:
        app = Top(client=Client(server))
        async with opened(app) as pilot:
            jobs = app.runs.watched[server_run(app)].state.jobs
            for message in (
                job(),
                progress("j1", job="j1", desc="sweep"),
                worker(),
                failure(3, trace="Traceback\n  File x\nValueError: \x1b[31mred"),
            ):
                jobs.hear(message, app.clock(), 1e9)
            await shows(app, pilot, "sweep", "▲ ValueError")
            await pilot.press("down", "enter")
            text = await shows(app, pilot, "Traceback", "called with 0.3")
            assert "\x1b" not in text
            await pilot.press("c")
            assert "ValueError" in app.clipboard
            await pilot.press("escape")
            await shows(app, pilot, "● 1")
            await pilot.press("down", "down", "enter")
            await shows(app, pilot, "Worker 1", "4242 on node1", "98 % of a core")
            await pilot.press("escape", "end", "enter")
            await shows(app, pilot, "Solve one case.", "/home/a/solver.py:12")
            await pilot.press("escape", "question_mark")
            await shows(app, pilot, "Everywhere", "leave")

    with Server(view=None, name="solver") as server:
        run(test(server))


def server_run(app: Top) -> str:
    (key,) = app.runs.watched
    return key


def test_long_lines_are_broken_and_no_cursor_is_moved() -> None:
    """Each line fits; nothing but the text is left of what would move a cursor."""
    text = "short\n" + "漢" * 50 + "\n\tx\x1b[2J\r\n" + "e\u0301" * 30
    for width in (1, 2, 3, 10, 200):
        lines = [each.draw(width)[0][0] for each in text_items(text, width)]
        assert all(ink.measure(str(line)) <= max(width, 2) for line in lines)
        assert not any("\x1b" in str(line) or "\t" in str(line) for line in lines)
    whole = "".join(str(each.draw(200)[0][0]) for each in text_items(text, 200))
    assert whole.count("漢") == 50
