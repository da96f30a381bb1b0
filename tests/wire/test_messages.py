"""Tests of the messages themselves."""

from __future__ import annotations

import dataclasses
import re
import typing

import pytest

from async_plot.wire import codec, forms, messages
from async_plot.wire.messages import (
    FROM_CALCULATION,
    FROM_RENDERER,
    FROM_VIEWER,
    IN_FILES,
    OF_SKETCHES,
    TO_WORKER,
    Lane,
    Points,
    Right,
    Role,
    RunState,
)

from ..helpers import ROOT
from .samples import KINDS as SAID
from .samples import SAMPLES

KINDS = (*SAID, *IN_FILES, *FROM_RENDERER, *OF_SKETCHES)

CODES = {
    "Welcome": 1,
    "PlotterCode": 2,
    "Frame": 3,
    "Stats": 4,
    "State": 5,
    "Log": 6,
    "Scalars": 7,
    "Missed": 8,
    "Slot": 9,
    "SlotFrame": 10,
    "Stalled": 11,
    "Seal": 12,
    "Ready": 16,
    "Opened": 17,
    "Trouble": 18,
    "Goodbye": 19,
    "Mapped": 20,
    "Picture": 21,
    "Words": 22,
    "Look": 23,
    "Drawn": 24,
    "Job": 32,
    "Progress": 33,
    "Worker": 34,
    "Failure": 35,
    "Slowest": 36,
    "Points": 37,
    "Pace": 38,
    "Steering": 64,
    "Parameter": 65,
    "Steer": 72,
}


def test_codes_are_the_protocol():
    """No code ever changes its meaning, and none is used twice."""
    assert {kind.__name__: kind.code for kind in KINDS} == CODES
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_codes_tell_the_speaker():
    """A calculation speaks codes 1 to 15, a viewer 16 to 31; the others by subject."""
    of_jobs = {kind for kind in FROM_CALCULATION if kind.__module__.endswith("reports")}
    steering = {kind for kind in KINDS if kind.__module__.endswith("steering")}
    own = {*FROM_CALCULATION, *IN_FILES} - of_jobs - steering
    assert all(1 <= kind.code <= 15 for kind in own)
    assert all(32 <= kind.code <= 63 for kind in {*of_jobs, *TO_WORKER, Points})
    assert all(64 <= kind.code <= 95 for kind in steering)
    viewers = {*FROM_VIEWER, *FROM_RENDERER, *OF_SKETCHES} - steering
    assert all(16 <= kind.code <= 31 for kind in viewers)


def test_numbers_of_roles_and_rights_are_the_protocol():
    """Both stand under the handshake's mac as one byte each."""
    assert {role.name: int(role) for role in Role} == {
        "VIEWER": 1,
        "WORKER": 2,
        "HUB": 3,
    }
    assert Right.LOOK < Right.CONTROL < Right.ADMINISTER
    assert [int(right) for right in Right] == [1, 2, 3]


def test_states_are_words():
    """A state is sent as the word that a view shows."""
    assert [state.value for state in RunState] == [
        "running",
        "finished",
        "stopped",
        "interrupted",
        "failed",
        "lost",
    ]
    assert RunState.FAILED == "failed"


def test_every_kind_is_in_the_union():
    """`Message` names exactly the kinds that the two ends may say, or a file hold."""
    assert set(typing.get_args(messages.Message)) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kind_is_a_frozen_slotted_dataclass(kind):
    """A message cannot be changed after it was made, and carries nothing else."""
    message = SAMPLES[kind]
    name = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(message, name, "other")
    assert not hasattr(message, "__dict__")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kind_documents_every_field_and_its_lane(kind):
    """The docstring has each field in its Attributes section, and names the lane."""
    first, _, attributes = kind.__doc__.partition("Attributes\n    ----------\n")
    assert f"{kind.lane.value.capitalize()} lane" in first
    for field in dataclasses.fields(kind):
        assert field.name in attributes


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_types_of_fields_can_be_checked(kind):
    """Each field of a header has a type that the reader knows how to check."""
    for field in dataclasses.fields(kind):
        if field.name != "buffers":
            assert field.type in forms._CHECKS


def test_only_what_may_be_superseded_is_in_the_newest_lane():
    """Frames, progress and the like are; everything else must arrive."""
    newest = {kind.__name__ for kind in KINDS if kind.lane is Lane.NEWEST}
    assert newest == {
        *("Frame", "SlotFrame", "Stalled", "Stats"),
        *("Progress", "Worker", "Slowest", "Pace", "Look"),
        *("Steering", "Parameter"),
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_repr_shows_no_payload(kind):
    """Arrays, pickles and packed arguments stay out of logs."""
    text = repr(SAMPLES[kind])
    assert "buffers" not in text
    assert "payload" not in text


# -- the protocol's document -------------------------------------------------------


def paragraph(kind):
    """What the protocol's document says of a message, on one line."""
    text = (ROOT / "docs" / "protocol.rst").read_text()
    found = re.search(rf"^``{kind.__name__}``, code .*?\n\n", text, re.M | re.S)
    assert found, kind.__name__
    return " ".join(found.group().split())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kind_stands_in_the_protocols_document(kind):
    """With its code, its lane, and its fields with their types in their order."""
    text = paragraph(kind)
    assert text.startswith(f"``{kind.__name__}``, code {kind.code}, {kind.lane.value}")
    end = 0
    for field in dataclasses.fields(kind):
        declared = field.type.replace("list[", "list of ").rstrip("]")
        wanted = f"``{field.name}``"
        if field.name != "buffers":
            wanted += rf" {declared}\b"
        match = re.search(wanted, text[end:])
        assert match, f"{wanted} after {text[:end]!r}"
        end += match.end()


def test_extension_types_stand_in_the_protocols_document():
    """Every extension type of a payload has its row, and no number is used twice."""
    text = (ROOT / "docs" / "protocol.rst").read_text()
    names = "ARRAY TUPLE SCALAR COMPLEX INT DATETIME DATE TIME TIMEDELTA SET"
    names += " FROZENSET MASKED PICKLE OUTSIDE"
    numbers = [getattr(codec, f"_{name}") for name in names.split()]
    assert numbers == list(range(1, 15))
    for number in numbers:
        assert re.search(rf"^{number} +[a-z]", text, re.M)
