"""The strip: how the run and its watching stand, drawn under the user's figure.

`StripState` holds what is known; this says it in words, for whoever draws it and for
views that have none but words. Knows no pen, window, network or clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..replay import Place
from ..wire.messages import Message, RunState, Stalled
from . import controltexts, jobtexts
from .controls import Controls
from .jobs import Jobs
from .playbar import told
from .wording import count, duration, last_line, one_line, percent, value

__all__ = [
    "StripState",
    "content",
    "facts",
    "heading",
    "message",
    "standing",
    "words",
]

HANGING = 2.0  # seconds of one drawing from which on it is told
RECENT = 30.0  # seconds that news stands before what is newer
LOGS = 500  # records that are kept
SILENT = 5.0  # seconds without a frame from which on that is told


@dataclass(slots=True)
class StripState:
    """Everything that the strip tells.

    Attributes
    ----------
    name : str
        Name of the run.
    where : str
        What tells this run from others, for when there is nothing else to say.
    state, state_text : str
        One of `RunState`'s values; a failed run's traceback, a lost one's reason.
    ended_at : float
        When it left ``"running"``, in seconds on the clock used throughout; 0 if
        it runs.
    frame, plotter : int, str
        Number of the newest frame shown, 0 before the first, and its plotter where
        there are several.
    frame_at : float
        When it was shown.
    mid_step : bool
        It may have been taken in the middle of a step.
    shown, dropped, refused : int
        Frames shown, passed over because newer ones were there, and not sent
        because of their arguments.
    lag : float or None
        Seconds from the snapshot to the screen, of the newest frame.
    overhead, budget : float or None, float
        Share of the calculation's time that watching cost, and may cost.
    failure, failure_title, failure_at : str, str, float
        The newest traceback of a plotter, a line that names it, when it came.
    failures : int
        How many there were.
    log, log_level, log_at : str, int, float
        The newest log record, its level, when it came.
    logs : deque of str
        The newest records, each with its time.
    missed : int
        Log records and the like that were too many for this viewer, or passed while
        it was cut off.
    note, note_until : str, float
        What this viewer has to say for a while, see `tell`.
    unloaded, unloaded_text : str, str
        Why the file of a plotter could not be loaded again, and the traceback.
    drawing, drawing_since : int, float
        Frame that is being drawn, 0 if none, and since when.
    scalars : dict of {str: (steps, values)}
        Logged scalars.
    stalled : str
        Where all threads were when the calculation last gave no sign of life.
    stalled_at, went_on_at : float
        When it had given the one before, and when it gave the next; 0 until then.
    silent : float
        Seconds in which nothing at all came, if that is to be told.
    silence : str
        What is known of that.
    place, times : Place or None, sequence of float
        Where a replay stands; moments of its frames, if they are few.
    replayed : bool
        It is a replay, or the record of a run that has ended.
    foreign : str
        What is to be known of a replay's file.
    jobs : Jobs
        What was heard of its jobs.
    controls : Controls
        How it is steered, and what this view offers for that.
    """

    name: str = ""
    where: str = ""
    state: str = RunState.RUNNING.value
    state_text: str = ""
    ended_at: float = 0.0
    frame: int = 0
    plotter: str = ""
    frame_at: float = 0.0
    mid_step: bool = False
    shown: int = 0
    dropped: int = 0
    refused: int = 0
    lag: float | None = None
    overhead: float | None = None
    budget: float = 0.01
    failure: str = ""
    failure_title: str = ""
    failure_at: float = 0.0
    failures: int = 0
    log: str = ""
    log_level: int = 20
    log_at: float = 0.0
    logs: deque[str] = field(default_factory=lambda: deque(maxlen=LOGS))
    missed: int = 0
    note: str = ""
    note_until: float = 0.0
    unloaded: str = ""
    unloaded_text: str = ""
    drawing: int = 0
    drawing_since: float = 0.0
    scalars: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    stalled: str = ""
    stalled_at: float = 0.0
    went_on_at: float = 0.0
    silent: float = 0.0
    silence: str = ""
    place: Place | None = None
    times: Sequence[float] = ()
    replayed: bool = False
    foreign: str = ""
    jobs: Jobs = field(default_factory=Jobs)
    controls: Controls = field(default_factory=Controls)

    def take_stall(self, message: Stalled, now: float) -> None:
        """Note that the calculation has stalled, or goes on."""
        if message.text:
            self.stalled, self.went_on_at = message.text, 0.0
        else:
            self.went_on_at = now
        self.stalled_at = now - message.seconds

    @property
    def hangs(self) -> bool:
        """Whether it has stalled, and did not go on."""
        return bool(self.stalled) and not self.went_on_at

    def hear(self, messages: list[Message], now: float, wall: float) -> None:
        """Take what jobs have said, and whether all of it is over."""
        for message in messages:
            self.jobs.hear(message, now, wall)
        self.jobs.end(self.state)
        self.controls.ended = self.state != RunState.RUNNING.value

    def tell(self, note: str, now: float, seconds: float) -> None:
        """Say something for so long."""
        self.note, self.note_until = note, now + seconds


def content(state: StripState, now: float) -> tuple[Any, ...]:
    """All that a drawing would tell; equal means that none is needed."""
    return (
        state.name,
        standing(state, now),
        tuple(facts(state, now)),
        message(state, now),
        told(state.place) if state.place is not None else None,
        tuple(
            (name, len(values), float(values[-1]) if len(values) else None)
            for name, (_, values) in state.scalars.items()
        ),
        state.jobs.revision,
        int(2 * now) if state.jobs.moves(now) else 0,  # times go on
        controltexts.told(state.controls, now),
    )


def words(state: StripState, now: float) -> tuple[list[tuple[str, str]], str]:
    """Tell the strip as text.

    Returns
    -------
    pieces : list of (str, str)
        Text, and how it is to look: one of `RunState`'s values, ``"stalled"``,
        ``"name"``, ``"ink"``, ``"faint"``, ``"alarm"`` or ``"warning"``; ``"line"``
        begins another line.
    whole : str
        The text that the message is a short form of, such as a traceback.
    """
    pieces = heading(state, now)
    for name, (_, values) in list(state.scalars.items())[:8]:
        if len(values):
            pieces.append((f"{one_line(name)} {value(values[-1])}", "ink"))
    kind, short, _, whole = message(state, now)
    if short:
        pieces += [("", "line"), (short, kind)]
    if steered := controltexts.words(state.controls):
        pieces += [("", "line"), *steered]
    told, failures = jobtexts.words(state.jobs, now)
    whole = whole if whole.strip() != short else ""
    return pieces + told, whole or failures


def heading(state: StripState, now: float) -> list[tuple[str, str]]:
    """The first of the pieces that `words` gives: state, name, facts."""
    key, word = standing(state, now)
    pieces = [(word, key), (one_line(state.name), "name")]
    for _, text, kind in facts(state, now):
        if not (kind == "faint" and text.startswith("0 ")):  # nothing to tell
            pieces.append((text, kind))
    return pieces


def standing(state: StripState, now: float, *, short: bool = False) -> tuple[str, str]:
    """How the run stands: a name of its colour, and a word or two."""
    if state.state == RunState.RUNNING.value:
        if state.silent:
            return "stalled", f"silent {duration(state.silent)}"
        key, word = controltexts.standing(state.controls, now, short=short)
        if word:
            return key, word
        if state.hangs:
            return "stalled", f"stalled {duration(now - state.stalled_at)}"
    return state.state, state.state


def facts(state: StripState, now: float) -> list[tuple[int, str, str]]:
    """Weight, text and colour of each fact, in their order on the screen."""
    found: list[tuple[int, str, str]] = []
    running = state.state == RunState.RUNNING.value
    if state.frame:
        where = f"{one_line(state.plotter)} " if state.plotter else ""
        found.append((1, f"{where}frame {count(state.frame)}", "ink"))
        if not state.replayed:
            found.append((4, f"{count(state.shown)} shown", "faint"))
            found.append((5, f"{count(state.dropped)} dropped", "faint"))
    else:
        found.append((1, "no frame yet" if running else "no frame", "faint"))
    weight, kind = (1, "alarm") if state.refused else (7, "faint")
    if state.refused or not state.replayed:
        found.append((weight, f"{count(state.refused)} refused", kind))
    if state.mid_step and state.state != RunState.RUNNING.value:
        found.append((1, "may be mid-step", "warning"))
    if state.foreign:
        found.append((2, "not trusted", "warning"))
    if state.failures:
        plural = "s" if state.failures > 1 else ""
        found.append((2, f"{count(state.failures)} failure{plural}", "alarm"))
    if state.missed:
        found.append((6, f"{count(state.missed)} lines missed", "faint"))
    if running and state.frame:
        age = now - state.frame_at
        if age >= SILENT and not state.drawing:
            found.append((2, f"last frame {duration(age)} ago", "ink"))
        elif state.lag is not None:
            found.append((3, f"lag {duration(state.lag)}", "faint"))
    if state.overhead is not None:
        cost = f"cost {percent(state.overhead)} of {percent(state.budget)}"
        over = state.overhead > 1.2 * state.budget
        found.append((3, cost, "alarm" if over else "faint"))
    return found


def message(state: StripState, now: float) -> tuple[str, str, str, str]:
    """Kind, short text, title and whole text of what most needs to be read.

    The kind is ``"alarm"``, ``"warning"`` or ``"faint"``; the texts may be empty.
    """
    seconds = now - state.drawing_since
    if state.drawing and seconds >= HANGING:
        text = f"drawing frame {count(state.drawing)} for {seconds:.0f} s"
        return "warning", text, "", ""
    if state.unloaded:
        # First of all: whoever changes that file is looking for this.
        title = one_line(state.unloaded)
        return "alarm", title, title, state.unloaded_text
    if state.state == RunState.FAILED.value:
        text = state.state_text
        return "alarm", last_line(text), "The calculation failed", text
    if state.state == RunState.LOST.value:
        reason = one_line(state.state_text.partition("\n")[0])
        reason = reason or "the calculation left no word"
        # What the run's last words do not explain, the failure of a plotter may.
        seen = "this is its last frame" if state.shown else "no frame of it came"
        if state.hangs:
            title, text = _stall(state, state.ended_at)
            return "warning", f"{reason}; {text}", title, state.stalled
        whole = state.state_text if "\n" in state.state_text else ""
        return "warning", f"{reason}; {seen}", "How the calculation ended", whole
    if state.hangs:
        title, text = _stall(state, state.ended_at or now)
        if state.state == RunState.RUNNING.value:  # how long stands in the first row
            where = one_line(state.stalled.partition("\n")[0])
            return "alarm", f"it is {where}", title, state.stalled
        return "warning", text, title, state.stalled
    if state.silent and state.state == RunState.RUNNING.value:
        text = one_line(state.silence.partition("\n")[0])
        return "warning", text, "The calculation is silent", state.silence
    recent = state.failure and now - state.failure_at < RECENT
    if state.failure and (recent or state.failure_at >= state.log_at):
        title = state.failure_title
        return "alarm", one_line(title), title, state.failure
    if state.stalled and now - state.went_on_at < RECENT:
        title, _ = _stall(state, state.went_on_at)
        where = one_line(state.stalled.partition("\n")[0])
        lasted = duration(state.went_on_at - state.stalled_at)
        return "warning", f"it goes on after {lasted} {where}", title, state.stalled
    if state.mid_step:
        return "warning", "this frame may be from the middle of a step", "", ""
    if now < state.note_until:
        return "warning", one_line(state.note), "", ""
    if state.log:
        kind = (
            "alarm"
            if state.log_level >= 40
            else ("warning" if state.log_level >= 30 else "faint")
        )
        whole = "\n".join(reversed(state.logs)) or state.log
        return kind, one_line(state.log), "Log of the calculation", whole
    if state.foreign:
        return "warning", state.foreign, "", ""
    return "faint", one_line(state.where), "", ""


def _stall(state: StripState, until: float) -> tuple[str, str]:
    """Title and short text of a stall that lasts, or lasted."""
    title = f"No sign of life for {duration(until - state.stalled_at)}"
    where = one_line(state.stalled.partition("\n")[0])
    return title, f"{title[0].lower()}{title[1:]}, {where}"
