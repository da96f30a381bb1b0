"""Commands of a viewer, before they are sent."""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest

from async_plot.net import files
from async_plot.net.commander import Commander


def test_a_pause_is_renewed_by_its_own_lease() -> None:
    """Each pause has another one; one that is to hold has none."""
    commander = Commander("window")
    first = commander.command("pause", "", "", hold=False)
    assert first.lease and commander.command("renew", "", "", hold=False).lease == (
        first.lease
    )
    assert commander.command("step", "", "", hold=False).lease == ""
    second = commander.command("pause", "", "", hold=False)
    assert second.lease not in ("", first.lease)
    assert commander.command("pause", "", "", hold=True).lease == ""


@pytest.mark.parametrize("value", [0.5, 7, True, "fast"])
def test_a_value_travels_as_text(value: Any) -> None:
    """And only with what sets one."""
    commander = Commander("program")
    said = commander.command("set", "dt", value, hold=False)
    assert (said.name, json.loads(said.value)) == ("dt", value)
    assert commander.command("undo", "dt", value, hold=False).value == ""


def test_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """User, machine and view; a user without a name has a number."""
    by = Commander("top").command("stop", "", "", hold=False).by
    assert by == f"{getpass.getuser()}@{files.hostname()}, top"

    def nobody() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    by = Commander("top").command("stop", "", "", hold=False).by
    assert by.startswith(("user ", "somebody"))


def test_misuse() -> None:
    """What there is stands in the message."""
    with pytest.raises(ValueError, match=r"'pause'.*not 'halt'"):
        Commander("window").command("halt", "", "", hold=False)
    with pytest.raises(TypeError):
        Commander("window").command("set", "dt", object(), hold=False)
