"""The pages, reached by keys and mouse, of runs of this process."""

from __future__ import annotations

from async_plot.client import Client
from async_plot.commands.top import listed
from async_plot.server import Server
from async_plot.views.terminal.app import Top

from .support import opened, run, shows


def test_it_waits_for_a_run_and_q_leaves() -> None:
    """Where there is none it says so, and shows the one that comes."""

    async def test() -> None:
        app = Top(listing=listed)
        async with opened(app) as pilot:
            await shows(app, pilot, "no run is alive: waiting for one")
            with Server(view=None, name="late"):
                await shows(app, pilot, "▶ late", "1 run alive")
            await shows(app, pilot, "✔ late", "finished")
            await pilot.press("q")
        assert app.return_value == 0

    run(test())


def test_a_run_is_opened_from_the_list_and_left_again() -> None:
    """Its page has its bars; escape goes back."""

    async def test() -> None:
        app = Top(listing=listed)
        with Server(view=None, name="solver") as server:
            bar = server.progress(200, desc="steps")
            bar.update(30)
            async with opened(app) as pilot:
                await shows(app, pilot, "solver", "steps", "15 %")
                await pilot.press("enter")
                await shows(app, pilot, "▶ running", "30 / 200", "details")
                await pilot.press("escape")
                await shows(app, pilot, "1 run alive")

    run(test())


def test_one_run_alone_ends_with_its_end_in_sight() -> None:
    """A traceback that ended it is on the page, and whole behind a key."""

    async def test(server: Server) -> None:
        app = Top(client=Client(server))
        async with opened(app) as pilot:
            await shows(app, pilot, "▶ running")
            try:
                with server:
                    raise ValueError("it went wrong")
            except ValueError:
                pass
            await shows(app, pilot, "✖ failed", "▲ ValueError: it went wrong")
            await pilot.press("m")
            await shows(app, pilot, "Traceback (most recent call last)")
            await pilot.press("escape")
            await shows(app, pilot, "✖ failed")

    run(test(Server(view=None, name="solver").start()))
