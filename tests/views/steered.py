"""What a calculation that is steered might say, for tests of what is shown of it."""

from __future__ import annotations

import json
import math
from typing import Any

from async_plot.views.controls import Controls
from async_plot.views.steering import Wheel
from async_plot.wire.messages import Log, Parameter, Steering
from async_plot.wire.steering import LOGGER

NOW = 1000.0  # on the view's clock
WALL = 1.7e9  # since the epoch

Sent = list[tuple[str, str, Any, bool]]


def steering(state: str = "running", **changes: Any) -> Steering:
    facts: dict[str, Any] = {
        "since": WALL - 130,
        "by": "" if state == "running" else "anna@node1, window",
        "hold": False,
        "checkpoints": 1234,
        "interrupt": "",
    }
    return Steering(state, **{**facts, **changes})


def parameter(name: str, value: Any, order: int = 1, **changes: Any) -> Parameter:
    if "choices" in changes:
        changes["choices"] = [json.dumps(each) for each in changes["choices"]]
    kinds = {bool: "bool", int: "int", float: "float", str: "string"}
    for key in ("wanted", "value"):
        if key in changes:
            changes[key] = json.dumps(changes[key])
    facts: dict[str, Any] = {
        "order": order,
        "kind": "choice" if changes.get("choices") else kinds[type(value)],
        "value": json.dumps(value),
        "wanted": "",
        "default": json.dumps(value),
        "minimum": -math.inf,
        "maximum": math.inf,
        "unit": "",
        "text": "",
        "choices": [],
        "undo": 0,
    }
    return Parameter(name, **{**facts, **changes})


DT = parameter(
    "dt", 0.01, 1, minimum=1e-6, maximum=1.0, unit="s", text="time step", undo=2
)
STEPS = parameter("steps", 40, 2, minimum=1.0, maximum=100.0, wanted=60)
RATE = parameter("learning rate of the optimiser", 3e-4, 3, minimum=0.0)
CLIP = parameter("clip", True, 4, text="limit the gradients")
SCHEMES = ["upwind", "central", "weno"]
SCHEME = parameter("scheme", "upwind", 5, choices=SCHEMES)
LABEL = parameter("label", "first try", 6, text="goes into the name of the file")
SOLVERS = [f"gmres with preconditioner {k}" for k in range(9)]
MANY = parameter("solver", SOLVERS[0], 7, choices=SOLVERS)
ALL = [DT, STEPS, RATE, CLIP, SCHEME, LABEL, MANY]


def heard(*messages: Any, may: bool = True, sent: Sent | None = None) -> Controls:
    """What a view offers after these."""
    kept: Sent = [] if sent is None else sent

    def steer(action: str, name: str = "", value: Any = "", hold: bool = False) -> bool:
        kept.append((action, name, value, hold))
        return True

    controls = Controls(Wheel(steer if may else None))
    for message in messages:
        controls.hear(message, NOW, WALL)
    return controls


def command(text: str) -> Log:
    """What every view is told of a command."""
    return Log(WALL, 20, LOGGER, text)


def _cases() -> dict[str, Controls]:
    cases = {
        "running": heard(steering()),
        "no checkpoint": heard(steering(checkpoints=0)),
        "no interrupt": heard(steering(interrupt="SIGINT is ignored there")),
        "pausing": heard(steering("pausing")),
        "paused": heard(steering("paused")),
        "paused, looked at": heard(steering("paused"), DT, may=False),
        "stopping": heard(steering("stopping")),
        "parameters": heard(steering(), *ALL),
        "parameters, folded up": heard(steering(), *ALL),
        "parameters, looked at": heard(steering(), *ALL[:4], may=False),
        "a command": heard(steering("paused")),
        "stop once more": heard(steering("paused"), DT),
        "wanted": heard(
            steering("paused"),
            parameter("scheme", "weno", 1, choices=SCHEMES, wanted="upwind"),
            parameter("clip", True, 2, wanted=False),
            parameter("label", "first try", 3, wanted="second try"),
        ),
        "refused": heard(steering(), DT, STEPS),
        "pointed at": heard(steering(checkpoints=0)),
    }
    cases["parameters"].unfolded = True
    cases["a command"].hear(command("paused by anna@node1, window"), NOW - 1, WALL)
    cases["stop once more"].act("stop", 0.0, NOW - 1)
    cases["refused"].type("dt", "7", NOW - 1)
    why = cases["pointed at"].why_not("step")
    cases["pointed at"].point(f"step: {why}", first=True)
    return cases


CASES = _cases()
