"""What is found out of a run that has ended, and what is saved of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from async_plot import Client, Server
from async_plot.errors import AsyncPlotError
from async_plot.net import death, records, runs
from async_plot.postmortem import Report, examine, save
from async_plot.replay import Replay
from async_plot.wire.messages import Frame, Parameter, State, Stats, Steering

from .recordings import GONE, STARTED, code, end, frame, log, story, welcome, write
from .views.said import EIGHT, OTHER, bar, failure, job

DIED = '{"state": "killed", "reason": "killed by SIGKILL", "time": 1.8e9, "status": 9}'
FAULT = (
    "Fatal Python error: Segmentation fault\n\n"
    "Thread 0x1 (most recent call first):\n  File 'solver.py', line 3 in step\n"
)


def gone(run: runs.Run, **files: str) -> Path:
    """Make the files of a run that was killed of those of one that has ended."""
    content = json.loads(run.connection_file.read_text())
    content.update(address=["127.0.0.1", 1], key="00" * 32, state="running", pid=GONE)
    run.connection_file.write_text(json.dumps(content))
    for name, text in files.items():
        path = run.directory / name
        path.write_text(text)
        path.chmod(0o600)
    return run.record_file


@pytest.fixture
def run() -> runs.Run:
    """A run of one frame, its record there."""
    with Server(view=None, name="wave") as server:
        server.update(np.arange(3.0))
    return runs.find("wave")


def of(path: Path, run: runs.Run | None = None) -> Report:
    return examine(path, run)


def test_a_failed_run(tmp_path: Path) -> None:
    """The exception in a line, its traceback, the frames, the log, the scalars."""
    text = "Traceback (most recent call last):\n  File 'x.py', line 1\nValueError: no\n"
    path = tmp_path / "x"
    write(path, story(30, state="failed", text=text, mid_step=True))
    report = of(path)
    assert (report.state, report.reason) == ("failed", "ValueError: no")
    assert report.traceback == text and not report.native
    (kept,) = report.kept
    assert (kept.whole, kept.mid_step, kept.frames) == (30, 31, 30)
    said = report.text()
    for words in (
        "wave (20270115-080000-1-abcd)",
        "failed: ValueError: no",
        f"{GONE} on ",
        "30 s after its start",
        "the last whole one is 30, 1 s before the end",
        "31 is kept too and may be mid-step",
        "energy = 3 at step 30",
        "  Traceback (most recent call last):",
        "the last 20 of 30",
        "INFO     step 30",
    ):
        assert words in said
    assert "step 10\n" not in said
    facts = json.loads(json.dumps(report.facts()))
    assert facts["plotters"][0]["frame"] == 30
    assert facts["scalars"]["energy"] == {"step": 30.0, "value": 3.0}
    assert len(facts["log"]) == 30


def test_control_sequences_are_not_printed(tmp_path: Path) -> None:
    """Whatever a calculation had in its texts."""
    evil = "\x1b]0;title\x07\x1b[31m"
    said = [
        welcome(f"plot{evil}", name=f"na{evil}me"),
        log(f"log{evil}"),
        frame(1, name=f"plot{evil}"),
        end("failed", f"Error{evil}: x\n  y{evil}"),
    ]
    text = of(write(tmp_path / "x", said)).text()
    assert all(c.isprintable() or c == "\n" for c in text)


def test_a_clean_end(run: runs.Run) -> None:
    """Nothing went wrong, and nothing is said to."""
    report = of(run.record_file, run)
    assert (report.state, report.reason) == ("finished", "")
    assert "Traceback" not in report.text()
    assert report.ended and report.kept[0].updates == 1


def test_a_run_that_left_no_word(run: runs.Run) -> None:
    """That nobody saw its end is said, not guessed."""
    path = gone(run)
    content = [m for m in list_of(path) if not isinstance(m, State)]
    write(path.with_name("new"), content)
    path.with_name("new").replace(path)
    report = of(path, runs.read(run.connection_file))
    assert report.state == "lost" and report.reason == death.UNSEEN
    assert report.ended is None and "not before" in report.text()


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"fault": FAULT}, "crashed: Segmentation fault"),
        ({"died": DIED}, "killed by SIGKILL"),
        ({"fault": FAULT, "died": DIED}, "killed by SIGKILL"),
        ({"died": "[[["}, death.UNSEEN),
        ({"died": '{"reason": 3, "time": "x"}'}, death.UNSEEN),
    ],
)
def test_what_lies_beside_the_record_says_how_it_died(
    beside: dict[str, str], reason: str, run: runs.Run, tmp_path: Path
) -> None:
    """And goes into the file that is saved, and out of it again."""
    path = gone(run, **beside)
    content = [m for m in list_of(path) if not isinstance(m, State)]
    write(path.with_name("new"), content)
    path.with_name("new").replace(path)
    report = of(path, runs.read(run.connection_file))
    assert reason in report.reason
    assert report.native == (FAULT.strip() if "fault" in beside else "")
    assert "once" in report.text() and (report.ended is not None) == (
        reason != death.UNSEEN
    )
    size = save(report, tmp_path / "saved.aplot")
    assert size == (tmp_path / "saved.aplot").stat().st_size
    again = of(tmp_path / "saved.aplot")
    assert (again.state, again.reason, again.native) == (
        report.state,
        report.reason,
        report.native,
    )
    told = list(Replay(tmp_path / "saved.aplot", once=True).messages())
    assert any(isinstance(m, Frame) for m in told)


def test_the_thread_that_crashed_comes_first(tmp_path: Path) -> None:
    """Whatever order faulthandler took."""
    crash = (
        "killed by SIGSEGV\n\nFatal Python error: Segmentation fault\n\n"
        "Thread 0x1 (most recent call first):\n  File 'select.py'\n\n"
        "Current thread 0x2 (most recent call first):\n  File 'solver.py'\n"
    )
    text = of(write(tmp_path / "x", story(1, state="lost", text=crash))).text()
    assert text.index("Fatal") < text.index("solver.py") < text.index("select.py")
    assert "lost: killed by SIGSEGV\n" in text


def test_a_run_without_a_record(run: runs.Run, tmp_path: Path) -> None:
    """What its other files say is told, and can be saved."""
    run.record_file.unlink()
    gone(run, died=DIED)
    report = examine(None, runs.read(run.connection_file))
    assert report.reason == "killed by SIGKILL"
    assert "none is kept" in report.text()
    save(report, tmp_path / "x")
    assert of(tmp_path / "x").reason == "killed by SIGKILL"


def test_cut_at_any_byte(tmp_path: Path) -> None:
    """The last whole frame, never an exception but for what holds no run."""
    path = write(tmp_path / "x", story(3, state="failed", text="x"))
    content = path.read_bytes()
    cut = tmp_path / "cut"
    seen = []
    for size in range(0, len(content), 23):
        cut.write_bytes(content[:size])
        try:
            report = of(cut)
        except AsyncPlotError as error:
            assert "holds no run" in str(error) and not seen
            continue
        assert report.text()
        seen.append(report.kept[0].whole if report.kept else 0)
    assert seen == sorted(seen) and set(seen) == {0, 1, 2, 3}


def test_save_replaces_files_of_ours_only(tmp_path: Path) -> None:
    """Nothing else is overwritten, and not what is to be saved; a recording is kept."""
    path = write(tmp_path / "x~", story(2))
    report = of(path)
    (tmp_path / "thesis").write_text("years of work")
    write(tmp_path / "x", story(1))
    for target in (tmp_path / "thesis", path, tmp_path / "x"):
        with pytest.raises(FileExistsError, match="name another"):
            save(report, target)
    write(tmp_path / "old", story(1))
    save(report, tmp_path / "old")
    assert of(tmp_path / "old").kept[0].whole == 2
    assert of(tmp_path / "old~").kept[0].whole == 1
    assert (tmp_path / "thesis").read_text() == "years of work"


def test_a_foreign_file_stays_foreign(tmp_path: Path, home: Path) -> None:
    """Saving it is no way to become its writer."""

    class Draws:
        def draw(self) -> None: ...

    said = [welcome(), code(Draws), frame(1, {1, 2}), end()]
    path = write(tmp_path / "x", said)
    (home / "seal.key").unlink()
    report = of(path)
    assert not report.own and "--trust" in report.text()
    save(report, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert not of(tmp_path / "copy").own
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "home", "x"]


def test_counts_of_updates(tmp_path: Path) -> None:
    """They are known from what was said last, not from the frames alone."""
    stats = Stats("", 500, 3, 0, 0.001, 60.0, 0)
    path = write(tmp_path / "x", [welcome(), code(), frame(7, at=1), stats])
    report = of(path)
    assert report.kept[0].updates == 500
    assert report.seen == STARTED + 60
    assert "update was called at least 500 times" in report.text()


def test_a_program_reads_every_frame_of_a_recording(tmp_path: Path) -> None:
    """In order, and then it ends."""
    path = write(tmp_path / "run.aplot", story(5, names=("a", "b")))
    frames = list(Client(path))
    assert [(f.plotter, f.number) for f in frames][:3] == [("a", 1), ("b", 1), ("a", 2)]
    assert len(frames) == 10 and frames[-1].args[0][0] == 0.25
    assert [f.number for f in Client(str(path), plotter="b")] == [1, 2, 3, 4, 5]
    assert Client(os.fspath(path)).run.name == "wave"


def list_of(path: Path) -> list[Any]:
    with records.Records(path, trust=True) as read:
        return [read.read(entry) for entry in read.entries]


def test_the_jobs_of_a_run_that_was_lost(tmp_path: Path) -> None:
    """How far they were, what each worker was about, which tasks failed."""
    said = [job(), bar(failed=2), *EIGHT[:2], failure(9), OTHER]
    path = write(tmp_path / "x", [welcome(), code(), *said, frame(1, 2.0)])
    report = of(path)
    text = report.text()
    for words in (
        "1234 of 10000 done, 2 failed, running when it was lost, after 75 s",
        "was in task 1207 (x=0.17, seed=1), process 4001 on node7",
        "task 9 on worker 2, x=0.9: LinAlgError: Singular matrix",
        "Traceback of task 40",
        "ValueError: x must be positive",
    ):
        assert words in text
    facts = json.loads(json.dumps(report.facts()))
    assert facts["jobs"][0]["done"] == 1234 and facts["jobs"][0]["name"] == "samples"
    assert [each["task"] for each in facts["failures"]] == [9, 40]


def test_any_number_of_a_job_can_be_told(tmp_path: Path) -> None:
    """A file says what it likes."""
    wrong = [bar(f"b{x}", x, x, elapsed=x) for x in (np.nan, np.inf, -np.inf, 1e300)]
    report = of(write(tmp_path / "x", [welcome(), code(), *wrong]))
    assert report.text()
    json.dumps(report.facts(), allow_nan=False)


def test_the_parameters_of_a_run_that_was_lost_while_it_was_paused(
    tmp_path: Path,
) -> None:
    """What they were last, what was wanted, and who had it wait."""
    dt = Parameter("dt", 1, "float", "0.25", "", "0.01", 0.0, 1.0, "s", "", [], 1)
    paused = Steering("paused", 3.0, "anna@box, top", True, 7, "")
    said = [dt, replace(dt, name="n", order=2, unit="", wanted="3"), paused]
    path = write(tmp_path / "x", [welcome(), code(), *said, frame(1, 2.0)])
    report = of(path)
    text = report.text()
    for words in (
        "dt = 0.25 s, 0.01 at first",
        "n = 0.25, 0.01 at first, 3 was wanted",
        "it was paused, asked by anna@box, top",
    ):
        assert words in text
    facts = json.loads(json.dumps(report.facts()))
    assert facts["parameters"]["dt"] == {"value": 0.25, "default": 0.01, "unit": "s"}


@pytest.mark.parametrize("value", ["", "NaN", "[1]", 2000 * "[", "\x1b[2J", "1e999"])
def test_any_value_of_a_parameter_can_be_told(tmp_path: Path, value: str) -> None:
    """A file says what it likes."""
    dt = Parameter("dt", 1, "any", value, value, value, 0.0, 1.0, "", "", [], -3)
    report = of(write(tmp_path / "x", [welcome(), code(), dt]))
    assert "\x1b" not in report.text()
    json.dumps(report.facts(), allow_nan=False)


def test_a_run_that_was_steered_keeps_its_parameters() -> None:
    """In its record, as they were at the end."""
    with Server(view=None, name="steered") as server:
        server.parameter("dt", 0.5, unit="s")
        server.update(1)
    assert "dt = 0.5 s" in of(runs.find("steered").record_file).text()
