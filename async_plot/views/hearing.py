"""What a run says, taken from an `Inbox` into what a strip tells.

For the window and the notebook alike. Draws nothing; knows no toolkit.
"""

from __future__ import annotations

from ..replay import Jumped
from ..wire.messages import Log, Message, Missed, RunState, State, Welcome
from ..wire.steering import LOGGER
from .absence import Absence
from .inbox import Inbox
from .strip import StripState
from .wording import moment

__all__ = ["connected_again", "hear", "take"]


def take(state: StripState, inbox: Inbox, now: float, wall: float) -> list[Log]:
    """Take what may be superseded, logs, and what jobs have said.

    Parameters
    ----------
    state : StripState
    inbox : Inbox
        Its frames, events and stalls stay there.
    now, wall : float
        Seconds on the view's clock, and since the epoch.

    Returns
    -------
    list of Log
        The records, for a view that shows more of them than text.
    """
    controls = state.controls
    records = []
    while inbox.logs:
        record = inbox.logs.popleft()
        records.append(record)
        at = moment(record.time)
        state.logs.append(f"{at}  {record.text}")
        steers = record.name == LOGGER
        if steers:
            controls.hear(record, now, wall)
        if not (steers and controls.may):  # else it stands beside the buttons
            state.log, state.log_level, state.log_at = record.text, record.level, now
    stats = list(inbox.stats.values())
    for each in stats:
        state.overhead = each.overhead
    state.refused = sum(each.refused for each in stats)
    state.scalars = dict(inbox.histories)
    for message in inbox.take_steering():
        controls.hear(message, now, wall)
    state.hear(inbox.take_news(), now, wall)
    return records


def hear(state: StripState, event: Message | Absence | Jumped, now: float) -> None:
    """Take one of the inbox's events; not what a replay's jump asks for.

    Parameters
    ----------
    state : StripState
    event : Message, Absence or Jumped
    now : float
        Seconds on the view's clock.
    """
    if isinstance(event, Missed):
        state.missed += event.count
    elif isinstance(event, Absence):
        state.missed += event.records
        state.tell(str(event), now, 30.0)
    elif isinstance(event, State):
        state.state, state.state_text, state.ended_at = event.state, event.text, now
        state.controls.hear(event, now, event.time)
    elif isinstance(event, Welcome):
        state.controls.hear(event, now, 0.0)


def connected_again(state: StripState) -> None:
    """Take that the run is there again after a cut."""
    state.state, state.state_text = RunState.RUNNING.value, ""
    state.ended_at, state.stalled = 0.0, ""
