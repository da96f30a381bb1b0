"""Which runs are listed, which are listened to, and what a run is that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

from async_plot.commands.top import listed
from async_plot.errors import RunNotFoundError, VersionError
from async_plot.net import files
from async_plot.server import Server
from async_plot.views.terminal.app import Top
from async_plot.views.terminal.runs import LIGHT, Listed, Runs

from .support import opened, run, shows


def found(number: int, **fields: object) -> Listed:
    known = {"started": float(number), "alive": True, "pid": number, "host": "node1"}
    return Listed(f"r{number}", f"run {number}", **{**known, **fields})  # type: ignore[arg-type]


def test_two_hundred_runs_scroll() -> None:
    """The newest stands first; the last one is a key away."""

    def unreachable(_: object) -> object:
        raise RunNotFoundError("it has just gone")

    async def test() -> None:
        everything = [found(number, alive=False) for number in range(200)]
        app = Top(listing=lambda: everything, connect=unreachable)  # type: ignore[arg-type]
        async with opened(app, 80, 20) as pilot:
            await shows(app, pilot, "run 199", lambda text: "run 5 " not in text)
            await pilot.press("end")
            await shows(app, pilot, "run 0 ", lambda text: "run 199" not in text)
            await pilot.press("enter")
            await shows(app, pilot, "it has just gone")

    run(test())


def test_a_run_that_cannot_be_read_is_told_in_its_line(home: Path) -> None:
    """A damaged file, and one that others could have planted, hide no other run."""
    with Server(view=None, name="good"):
        base = files.home() / files.hostname()
        for name, mode in (("damaged", 0o600), ("planted", 0o666)):
            os.mkdir(base / name, 0o700)
            (base / name / "connection.json").write_text("{")
            os.chmod(base / name / "connection.json", mode)

        async def test() -> None:
            app = Top(listing=listed)
            async with opened(app) as pilot:
                await shows(
                    app,
                    pilot,
                    "▶ good",
                    "? damaged",
                    "connection.json is neither",
                    "? planted",
                    "connection.json is open to other users",
                )

        run(test())


def test_a_run_of_another_version_says_so() -> None:
    """It is alive, and its line says why it cannot be looked at."""

    class Foreign:
        """A client whose handshake fails."""

        control = False
        is_far = False
        heard_at = float("inf")

        def __init__(self, listed: Listed) -> None:
            self.run = listed

        def messages(self) -> object:
            raise VersionError(1, 9)

        def close(self, reason: str) -> None:
            pass

    async def test() -> None:
        one = found(1)
        one = Listed(**{**{k: getattr(one, k) for k in one.__slots__}, "run": one})
        app = Top(listing=lambda: [one], connect=Foreign)  # type: ignore[arg-type]
        async with opened(app) as pilot:
            await shows(app, pilot, "run 1", "version")
            await pilot.press("enter")
            await shows(app, pilot, "? lost", "version 9")

    run(test())


def test_only_so_many_are_listened_to() -> None:
    """The newest ones; the others are listed all the same."""
    asked = []

    def connect(name: object) -> object:
        asked.append(name)
        raise RunNotFoundError("gone")

    everything = [found(number, run=number) for number in range(2 * LIGHT)]
    runs = Runs(lambda: everything, connect)  # type: ignore[arg-type]
    runs._found = everything
    runs.take()
    assert sorted(asked) == list(range(LIGHT, 2 * LIGHT))
    assert len(runs.listed) == 2 * LIGHT
    assert set(runs.errors) == {f"r{number}" for number in asked}
