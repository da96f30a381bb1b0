"""Attacks by files that look like one's own: recordings, records, what lies beside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest

from async_plot import Client, Recording, Server
from async_plot.errors import AsyncPlotError
from async_plot.net import death, runs
from async_plot.net.recorder import Recorder
from async_plot.net.records import MAGIC, Records, Writer
from async_plot.wire import framing
from async_plot.wire.messages import Frame, Message, PlotterCode, Seal, Welcome

from ..wire.samples import SAMPLES
from .support import Canary

WELCOME = SAMPLES[Welcome]
assert isinstance(WELCOME, Welcome)
PICKLE = 13  # the extension type of a pickle within a payload


def hostile(canary: Canary) -> list[Message]:
    """Messages that run something if anybody unpickles what they hold."""
    inner = msgpack.packb([canary.pickle, []])
    argument = msgpack.ExtType(PICKLE, inner)
    payload = msgpack.packb([[argument], {}])
    nested = msgpack.packb([[], {"a": [{"b": argument}]}])
    return [
        replace(WELCOME, path=["/of/the/attacker"]),
        PlotterCode("", "Evil", [3, 11], [canary.pickle]),
        Frame("", 1, 1.0, False, payload, []),
        Frame("", 2, 1.0, False, nested, []),
    ]


def unsealed(messages: list[Message]) -> bytes:
    return MAGIC + b"".join(bytes(p) for m in messages for p in framing.encode(m))


def with_stolen_seals(messages: list[Message], own: Path) -> bytes:
    """The beginning and the seals of a file of the victim's, on other messages."""
    with Writer(own) as writer:
        start = writer.size
        for message in messages:
            kind = type(message)
            writer.append(framing.encode(SAMPLES[kind]))
    content = own.read_bytes()
    with Records(own) as records:
        seals = [content[e.offset + e.size : e.end] for e in records.entries]
    pieces = [b"".join(map(bytes, framing.encode(message))) for message in messages]
    return content[:start] + b"".join(a + b for a, b in zip(pieces, seals))


def with_made_seals(messages: list[Message]) -> bytes:
    """Seals of somebody who has guessed their form."""
    content = [MAGIC, bytes(framing.encode(Seal(b"f" * 16, 0, False, b"m" * 32))[0])]
    for index, message in enumerate(messages, 1):
        content += map(bytes, framing.encode(message))
        seal = Seal(b"f" * 16, index, True, b"m" * 32)
        content.append(bytes(framing.encode(seal)[0]))
    return b"".join(content)


@pytest.mark.parametrize("how", ["unsealed", "stolen", "made"])
def test_a_file_from_elsewhere_runs_nothing(how: str, tmp_path: Path) -> None:
    """Whatever seals stand in it; as a program reads it, or by parts."""
    canary = Canary(tmp_path)
    messages = hostile(canary)
    path = tmp_path / "gift.aplot"
    path.write_bytes(
        {
            "unsealed": lambda: unsealed(messages),
            "stolen": lambda: with_stolen_seals(messages, tmp_path / "own"),
            "made": lambda: with_made_seals(messages),
        }[how]()
    )
    with Records(path) as records:
        assert len(records.entries) == len(messages)
        assert not records.codes[""].buffers
        assert records.welcome is not None and records.welcome.path == []
        for entry in records.entries:
            if entry.kind is Frame:
                with pytest.raises(AsyncPlotError, match="--trust"):
                    records.read(entry)
    with pytest.raises(AsyncPlotError, match="--trust"):
        list(Client(path))
    canary.check()


def test_what_this_user_recorded_is_not_refused(tmp_path: Path) -> None:
    """The same objects in a file of one's own."""
    path = tmp_path / "own.aplot"
    with Server(view=None, record=path) as server:
        server.update(pytest, {"a": [Canary]})
    [frame] = Client(path)
    assert frame.args[0] is pytest and frame.args[1]["a"][0].__name__ == "Canary"


def test_a_recording_overwrites_nothing_by_a_link(tmp_path: Path) -> None:
    """Neither the one that is planted at its name, nor beside it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "run.aplot"
    (tmp_path / "run.aplot~").symlink_to(victim)
    (tmp_path / ".run.aplot.thinned").symlink_to(victim)
    for _ in range(2):
        with Recorder(Recording(path, limit=1 << 16)) as recorder:
            for number in range(1, 6):
                frame = Frame("", number, 0.0, False, b"\x92\x90\x80", [bytes(20_000)])
                recorder.add_message(frame, float(number))
    assert recorder.stride > 1
    assert victim.read_text() == "precious"
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(FileExistsError):
        Server(view=None, record=path)


@pytest.mark.parametrize("name", ["died", "fault"])
def test_what_somebody_else_put_beside_a_record_is_not_believed(name: str) -> None:
    """Nor is anything shown of it but words."""
    with Server(view=None) as server:
        server.update(1)
        assert server.connection_file is not None
        run = runs.read(server.connection_file)
    (run.directory / "record").unlink()
    run = runs.end(run, "lost")
    note = json.dumps({"state": "killed", "reason": "your disk", "time": 1})
    path = run.directory / name
    path.unlink(missing_ok=True)
    path.write_text(note if name == "died" else "Fatal Python error: your disk")
    path.chmod(0o666)
    assert death.fate(run).reason == death.UNSEEN
    path.chmod(0o600)
    assert "your disk" in death.fate(run).reason
