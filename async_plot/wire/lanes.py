"""The words that messages are made of: lanes, roles, rights, states of a run.

Knows no message.
"""

from __future__ import annotations

import enum
from typing import Any

__all__ = ["Index", "Lane", "Memory", "Right", "Role", "RunState"]

# Raw memory that travels beside a header: a memoryview, or an array's own buffer.
Memory = Any

Index = int  # of a task; -1 where there is none


class Lane(enum.Enum):
    """How a message waits: whole and in order, or only the newest of its key."""

    KEPT = "kept"
    NEWEST = "newest"


class Role(enum.IntEnum):
    """What the end that dials is."""

    VIEWER = 1
    WORKER = 2
    HUB = 3


class Right(enum.IntEnum):
    """What the end that dials may do; each right holds the ones below it."""

    LOOK = 1
    CONTROL = 2
    ADMINISTER = 3


class RunState(str, enum.Enum):
    """How a calculation stands, in the words that every view shows."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # a view asked for it, and a checkpoint obeyed
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    LOST = "lost"  # said by the viewer's own end: the calculation left no word
