"""How jobs stood at any place of a file: the same as if it had been heard to there."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from async_plot.net import stands
from async_plot.net.records import Records
from async_plot.net.stands import Stands
from async_plot.views.jobs import Jobs
from async_plot.wire.messages import Message, Parameter, Steering

from ..recordings import end, frame, welcome, write
from ..views.said import SLOWEST, bar, failure, inner, job, loop, worker
from ..wire.samples import SAMPLES


def tale() -> list[Message]:
    """A job with bars inside, workers and failures; frames between them."""
    chance = random.Random(3)
    said: list[Any] = [welcome(), job(), bar(done=0), worker(1), worker(2)]
    for k in range(400):
        said.append(bar(done=k, total=400, failed=k // 50))
        said.append(worker(chance.choice((1, 2)), task=k))
        if k % 7 == 0:
            said.append(inner(f"i{k}", 1, 1, 2, f"inner {k}"))
        if k % 7 == 5:
            said.append(inner(f"i{k - 5}", 1, 2, 2, "over", state="finished"))
        if k % 50 == 0:
            said += [failure(k), frame(k + 1, k)]
    said += [SLOWEST, bar(done=400, total=400, state="finished"), loop("l", 1, 9, "l")]
    return [*said, end("finished")]


def told(messages: list[Message]) -> Any:
    jobs = Jobs()
    for message in messages:
        jobs.hear(message, 100.0, 0.0)
    return [
        (
            shown.title,
            shown.bar.told if shown.bar else None,
            [each.told for _, _, each in shown.inner],
            [seat.told for seat in shown.crew.seats],
            shown.failures.kept,
            shown.slowest,
        )
        for shown in jobs.shown(200.0)
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "run.aplot", tale())


def test_every_place_is_as_it_was_heard(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any order of places, with marks to go back to and without."""
    monkeypatch.setattr(stands, "EVERY", 100)
    said = tale()
    with Records(recording, trust=True) as records:
        entries = [records.read(each) for each in records.entries]
        kept = Stands(records)
        places = random.Random(4).sample(range(len(records.entries)), 20)
        for place in [*places, len(records.entries)]:
            assert told(kept.at(place)) == told(entries[:place])
        assert len(kept._marks) > 5
        assert len(kept.at(len(entries))) < 20 < len(said)


def test_going_on_tells_what_has_ended_meanwhile(recording: Path) -> None:
    """Else a view would keep bars that it was told of before."""
    with Records(recording, trust=True) as records:
        entries = [records.read(each) for each in records.entries]
        kept = Stands(records)
        begin, upto = 300, len(entries) - 10
        going_on = [*entries[:begin], *kept.at(upto, begin)]
        assert told(going_on) == told(entries[:upto])


def test_a_bounded_number_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that says whatever it likes."""
    monkeypatch.setattr(stands, "MOST", 30)
    path = write(
        tmp_path / "run.aplot",
        [welcome(), *(loop(f"b{k}", 1, 9, "b") for k in range(200)), end("finished")],
    )
    with Records(path, trust=True) as records:
        assert len(Stands(records).at(len(records.entries))) == 30


def test_steering_is_told_as_it_stood(tmp_path: Path) -> None:
    """The newest of each parameter, and of how the run was steered."""
    dt, steering = SAMPLES[Parameter], SAMPLES[Steering]
    other = replace(dt, name="n", value="7")
    set_, resumed = replace(dt, value="0.25"), replace(steering, state="running")
    said = [welcome(), dt, other, steering, frame(1, 1), set_, resumed, end("finished")]
    path = write(tmp_path / "run.aplot", said)
    with Records(path, trust=True) as records:
        kept = Stands(records)
        assert kept.at(5) == [dt, other, steering]
        assert kept.at(len(records.entries)) == [set_, other, resumed]
