"""What a calculation might say of its jobs, for tests of what is shown of it."""

from __future__ import annotations

import random
from typing import Any

from async_plot.views.jobs import Jobs
from async_plot.wire.messages import Failure, Job, Message, Progress, Slowest, Worker

NOW = 1000.0  # on the view's clock
WALL = 1.7e9  # since the epoch

TRACE = """Traceback (most recent call last):
  File "/home/u/model/sim.py", line 51, in simulate
    return solve(a, b)
  File "/home/u/model/solver.py", line 9, in solve
    raise np.linalg.LinAlgError("Singular matrix")
numpy.linalg.LinAlgError: Singular matrix
"""


def job(key: str = "j", **changes: Any) -> Job:
    facts: dict[str, Any] = {
        "job": key,
        "worker": "",
        "desc": "samples",
        "function": "simulate",
        "file": "/home/u/model/sim.py",
        "line": 42,
        "doc": "Simulate one sample.\n\nAnd more.",
        "caller": "/home/u/run.py",
        "caller_line": 17,
        "call": "for r in server.map(simulate, samples):",
        "engine": "loky",
        "workers": 8,
        "started": WALL - 75,
    }
    return Job(**{**facts, **changes})


def bar(
    key: str = "j", done: float = 1234, total: float = 10_000, **changes: Any
) -> Progress:
    """How a job's own bar stands."""
    facts: dict[str, Any] = {
        "bar": key,
        "parent": "",
        "job": key,
        "worker": "",
        "desc": "samples",
        "unit": "it",
        "done": float(done),
        "total": float(total),
        "failed": 0,
        "elapsed": 75.0,
        "rate": 16.4,
        "remaining": max(0.0, total - done) / 16.4,
        "state": "running",
        "postfix": "",
        "place": [],
        "leave": True,
    }
    return Progress(**{**facts, **changes})


def loop(key: str, done: float, total: float, desc: str, **changes: Any) -> Progress:
    """How a bar of the calculation itself stands."""
    return bar(key, done, total, **{"job": "", "desc": desc, **changes})


def inner(
    key: str, worker: int, done: float, total: float, desc: str, **changes: Any
) -> Progress:
    """How a bar of a worker stands."""
    facts = {
        "job": "j",
        "worker": f"w{worker}",
        "desc": desc,
        "leave": False,
        "elapsed": 10.0,
        "rate": done / 10,
    }
    return bar(key, done, total, **{**facts, **changes})


def worker(number: int, **changes: Any) -> Worker:
    facts: dict[str, Any] = {
        "worker": f"w{number}",
        "number": number,
        "job": "j",
        "pid": 4000 + number,
        "host": "node7",
        "thread": "",
        "state": "working",
        "chunk": 2,
        "counted": 1,
        "task": 1200 + 7 * number,
        "argument": f"x={0.17 * number:.2f}, seed={number}",
        "since": WALL - (95 if number == 3 else 0.7 * number),
        "done": 150 + number,
        "failed": 0,
        "cpu": 0.97 - 0.01 * (number % 5),
        "memory": 1.2e8 + 1e6 * number,
        "startup": 0.8,
        "init": 0.3,
        "waiting": 2.5,
        "working": 70.0,
        "ending": 0.0,
        "text": "",
    }
    return Worker(**{**facts, **changes})


def workers(count: int) -> list[Worker]:
    """That many, in all states."""
    chance = random.Random(1)
    states = ["working", "waiting", "starting", "died"]
    return [
        worker(
            number,
            state=chance.choices(states, [90, 6, 3, 0.5])[0],
            since=WALL - chance.expovariate(0.3),
        )
        for number in range(1, count + 1)
    ]


def failure(task: int, **changes: Any) -> Failure:
    facts: dict[str, Any] = {
        "job": "j",
        "worker": "w2",
        "number": 2,
        "task": task,
        "argument": f"x={task / 10}",
        "kind": "LinAlgError",
        "text": "Singular matrix",
        "trace": TRACE,
        "time": WALL - 5,
    }
    return Failure(**{**facts, **changes})


SLOWEST = Slowest(
    "j",
    [17, 9, 4, 3, 2],
    [95.0, 1.5, 1.2, 1.0, 0.9],
    ["x=0.51, seed=3", "x=9", "x=4", "x=3", "x=2"],
    [3, 1, 1, 2, 2],
)

OTHER = failure(
    40,
    kind="ValueError",
    text="x must be positive",
    trace=TRACE.replace("solver.py", "check.py").replace(
        "numpy.linalg.LinAlgError: Singular matrix", "ValueError: x must be positive"
    ),
)

EIGHT = [worker(number) for number in range(1, 9)]
TROUBLED = [
    worker(1),
    worker(2, state="waiting", task=-1, since=0.0),
    worker(3),
    worker(4, state="died", text="killed by SIGKILL: out of memory"),
    worker(5, state="starting", task=-1, cpu=-1.0, memory=-1.0),
    *EIGHT[5:],
]
OVER = [worker(number, state="ended", task=-1) for number in range(1, 9)]


def heard(
    *messages: Message, end: str = "", unfolded: bool | None = None, live: bool = True
) -> Jobs:
    """What is known after these."""
    jobs = Jobs(live=live)
    for message in messages:
        jobs.hear(message, NOW, WALL)
    if unfolded is not None:
        jobs.folds["samples"] = unfolded
    jobs.end(end)
    return jobs


CASES: dict[str, Jobs] = {
    "loops": heard(
        loop("b", 37, 100, "epochs", rate=0.2, remaining=315.0, postfix="loss=0.03"),
        loop("c", 512, 4096, "batches", parent="b", leave=False, unit="sample"),
    ),
    "no total": heard(loop("b", 3712, -1, "events", unit="event")),
    "bytes": heard(loop("b", 3e8, 2e9, "download", unit="B", rate=1.2e7)),
    "no bar yet": heard(job(), worker(1, state="starting", task=-1)),
    "one worker": heard(job(), bar(), worker(1)),
    "eight workers": heard(job(), bar(), *EIGHT, SLOWEST),
    "eight, folded up": heard(job(), bar(), *EIGHT, SLOWEST, unfolded=False),
    "troubled": heard(
        job(), bar(failed=3), *TROUBLED, SLOWEST, failure(9), failure(12), OTHER
    ),
    "bars inside": heard(
        job(),
        bar(done=3, total=20, rate=0.04, remaining=425.0),
        *EIGHT[:2],
        inner("e1", 1, 4, 10, "epochs"),
        inner("b1", 1, 300, 512, "batches", parent="e1"),
        inner("e2", 2, 9, 10, "epochs"),
        inner("b2", 2, 12, 512, "batches", parent="e2"),
    ),
    "64 workers": heard(job(), bar(rate=900.0), *workers(64)),
    "64, unfolded": heard(job(), bar(), *workers(64), SLOWEST, unfolded=True),
    "512 workers": heard(job(), bar(failed=2), *workers(512), failure(9)),
    "512, unfolded": heard(job(), bar(), *workers(512), unfolded=True),
    "finished": heard(
        job(), bar(done=10_000, state="finished"), *OVER, SLOWEST, end="finished"
    ),
    "finished, unfolded": heard(
        job(),
        bar(done=10_000, state="finished", failed=3),
        *OVER,
        SLOWEST,
        failure(9),
        unfolded=True,
        end="finished",
    ),
    "stopped": heard(job(), bar(state="stopped"), *OVER),
    "interrupted": heard(job(), bar(state="interrupted"), *OVER, end="interrupted"),
    "failed": heard(
        job(), bar(state="failed", failed=1), *OVER, failure(9), end="failed"
    ),
    "lost": heard(job(), bar(), *EIGHT, end="lost", unfolded=True, live=False),
}
