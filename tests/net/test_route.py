"""Where a run is, from here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from async_plot.errors import ClosedError
from async_plot.net import files, route, runs
from async_plot.net.route import Route


class Tunnel:
    """One that is there."""

    retry = (1.0, 2.0)
    found: Any = None

    def why(self) -> str:
        return "ssh: no route to host"

    def renew(self, run: runs.Run) -> Any:
        return self.found


@pytest.fixture
def run() -> runs.Run:
    made, trouble = runs.create("wave", ("127.0.0.1", 9), bytes(32))
    assert not trouble
    return made


def elsewhere(run: runs.Run) -> runs.Run:
    return replace(run, host="another", remote=("192.0.2.7", 4000), fingerprint="ab")


def test_by_what_it_is_reached(run: runs.Run) -> None:
    """On its own machine without TLS, unless a host was given."""
    far = elsewhere(run)
    here = replace(far, host=files.hostname())
    for given, host, to in (
        (run, None, None),
        (here, None, None),
        (far, None, ("192.0.2.7", 4000)),
        (far, "node7", ("node7", 4000)),
        (here, "node7:5000", ("node7", 5000)),
    ):
        way = Route(given, host, None)
        assert way.far == to and way.is_far == (to is not None)
        assert way.pin == ("ab" if to else None)
    tunnel: Any = Tunnel()
    way = Route(far, None, tunnel)
    assert way.far is None and way.is_far and way.pin is None
    assert way.retry == Tunnel.retry and Route(run, None, None).retry == route.RETRY


def test_a_host_where_nothing_listens(run: runs.Run) -> None:
    """Is said at once; not of a run that has ended."""
    with pytest.raises(ValueError, match=r"host='node7' is for a run that listens"):
        Route(run, "node7", None)
    ended = Route(replace(run, address=None), "node7", None)
    with pytest.raises(ClosedError, match="has ended"):
        ended.dial(1.0)


def test_a_far_run_is_given_up_after_refusals_alone(
    run: runs.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a near one the file tells; anything else may pass."""
    refusal = ConnectionRefusedError("refused")
    way = Route(elsewhere(run), None, None)
    assert not way.is_gone(refusal)
    monkeypatch.setattr(route, "GONE", 0.0)
    assert not way.is_gone(OSError("unreachable")), "begins anew"
    assert not Route(run, None, None).is_gone(refusal)
    monkeypatch.setattr(route, "GONE", -1.0)
    assert way.is_gone(refusal)
    monkeypatch.setattr(route, "GONE", 1e9)
    way.arrived()
    assert not way.is_gone(refusal)


def test_what_an_error_means(run: runs.Run) -> None:
    """What ssh says is more; what to do is said at the first attempt."""
    error = OSError("timed out")
    tunnel: Any = Tunnel()
    assert Route(run, None, None).explained(error) is error
    assert "no route" in str(Route(run, None, tunnel).explained(error))
    said = str(Route(elsewhere(run), None, None).unreachable(error))
    assert "192.0.2.7:4000" in said and "--host" in said and "timed out" in said


def test_it_is_looked_at_again(run: runs.Run) -> None:
    """By its file; through a tunnel by who has dug it."""
    way = Route(run, None, None)
    assert way.renew() == way.run.alive
    for path in run.directory.iterdir():
        path.unlink()
    assert not way.renew()
    tunnel: Any = Tunnel()
    way = Route(run, None, tunnel)
    assert not way.renew() and way.run.address is None
    tunnel.found = replace(run, name="again")
    way = Route(run, None, tunnel)
    assert way.renew() and way.run.name == "again"
    assert not Route(run, None, tunnel).renew(closed=True)
