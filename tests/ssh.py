"""What tests of ssh share: the stand-in, and what a far machine may answer."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from async_plot import Server
from async_plot.net import runs, ssh
from async_plot.net.ssh import MARK, Tunnel

from .helpers import ROOT

__all__ = ["FakeSsh", "answering", "fake", "told"]

BIN = Path(sys.executable).parent


class FakeSsh:
    """The stand-in: what it is to do, and what it was told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.does("ok")
        (directory / "log").touch()
        self.program = directory / "ssh"
        script = ROOT / "tests" / "ssh_standin.py"
        command = shlex.join([sys.executable, "-SE", str(script)])
        self.program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        self.program.chmod(0o700)

    def does(self, mode: str) -> None:
        (self.directory / "next mode").write_text(mode)
        (self.directory / "next mode").replace(self.directory / "mode")

    @property
    def calls(self) -> list[tuple[int, list[str], dict[str, str]]]:
        """Process, arguments and environment of each call."""
        lines = (self.directory / "log").read_text().splitlines(keepends=True)
        return [tuple(json.loads(line)) for line in lines if line.endswith("\n")]

    @property
    def carrying(self) -> int:
        """Process of the newest ssh that carries a connection, or 0."""
        found = [number for number, words, _ in self.calls if "-W" in words]
        return found[-1] if found else 0

    def tunnel(self, **options: Any) -> Tunnel:
        return Tunnel("me@far", command=[str(self.program)], **options)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    """The stand-in, first on a path on which the far machine has async-plot."""
    directory = tmp_path / "fake"
    directory.mkdir()
    monkeypatch.setenv("FAKE_SSH", str(directory))
    monkeypatch.setenv("PATH", f"{directory}:{BIN}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(ssh, "LEAVE", 0.3)
    monkeypatch.setattr(ssh, "RETRY", (0.01, 0.05))
    return FakeSsh(directory)


@pytest.fixture
def answering(fake: FakeSsh) -> Callable[[str], None]:
    """Let the far machine answer quickly, without an interpreter of its own."""
    program = fake.directory / "async-plot"

    def answer(text: str) -> None:
        fresh = program.with_name("next answer")  # the old one may just be read
        fresh.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        fresh.chmod(0o700)
        fresh.replace(program)

    return answer


def told(*servers: Server, **changes: object) -> str:
    """What the far machine would say of these runs."""
    found = [runs.read(server.connection_file) for server in servers]
    return MARK + json.dumps({"runs": [{**ssh.described(r), **changes} for r in found]})
