"""How fast something advances, and how long it still takes.

Knows instants and counts; no clock, no bar.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

__all__ = ["Estimate", "mean_rate", "remaining_time"]

SMOOTHING = 0.3
APART = 0.5  # seconds at least between two instants that are kept
KEPT = 24  # instants: the weight of an older one would be below 0.03 %


def mean_rate(
    times: Sequence[float], done: Sequence[float], *, smoothing: float = SMOOTHING
) -> float:
    """Rate of the recent increments, see `remaining_time`.

    Parameters
    ----------
    times, done, smoothing
        As for `remaining_time`.

    Returns
    -------
    float
        Units per second.

    Raises
    ------
    ValueError
        As `remaining_time`.
    """
    if len(times) != len(done) or len(times) < 2:
        raise ValueError(
            "times and done must be two vectors of one length, at least 2, not of "
            f"{len(times)} and {len(done)}"
        )
    if not 0 < smoothing <= 1:
        raise ValueError(f"smoothing must be in (0, 1], not {smoothing!r}")
    advance = passed = 0.0
    for index in range(1, len(times)):
        step = times[index] - times[index - 1]
        if not step > 0:
            raise ValueError("times must be strictly increasing")
        advance = (1 - smoothing) * advance + (done[index] - done[index - 1])
        passed = (1 - smoothing) * passed + step
    return advance / passed


def remaining_time(
    times: Sequence[float],
    done: Sequence[float],
    total: float,
    *,
    smoothing: float = SMOOTHING,
) -> float:
    r"""Estimate the time left before a job is finished.

    The rate is an exponentially weighted mean of the recent increments, so that a
    slowdown of the last minute counts more than one of the last hour.

    Parameters
    ----------
    times : (n,) sequence of float
        Instants at which progress was seen, in seconds on one monotonic clock,
        strictly increasing, ``n >= 2``.
    done : (n,) sequence of float
        Number of tasks finished at each instant.
    total : float
        Number of tasks in the job.
    smoothing : float, default: 0.3
        Weight :math:`\alpha` of the newest increment, dimensionless, in ``(0, 1]``;
        at 1 only the newest increment counts.

    Returns
    -------
    float
        Time left, in seconds; ``inf`` while nothing advances.

    Raises
    ------
    ValueError
        If `times` and `done` are not two vectors of one length ``n >= 2``, if `times`
        is not strictly increasing, or if `smoothing` is not in ``(0, 1]``.

    See Also
    --------
    Estimate : The instants that a bar keeps for this.

    Notes
    -----
    With :math:`\Delta t_i` and :math:`\Delta d_i` the increments of `times` and `done`,
    the newest being :math:`i = m`, the rate is

    .. math:: r = \frac{\sum_i (1-\alpha)^{m-i} \Delta d_i}
                       {\sum_i (1-\alpha)^{m-i} \Delta t_i},

    the ratio of two exponential means [1]_, as in ``tqdm`` [2]_; the two share their
    weights, so the start-up bias of each cancels in the ratio.

    References
    ----------
    .. [1] C. C. Holt, "Forecasting seasonals and trends by exponentially weighted
       moving averages", Int. J. Forecasting 20, 5-10 (2004), reprint of ONR report 52
       (1957). doi:10.1016/j.ijforecast.2003.09.015
    .. [2] ``tqdm/std.py``, class ``EMA`` and property ``format_dict``.

    Examples
    --------
    Ten tasks a second, thirty tasks to go:

    >>> remaining_time([0.0, 1.0, 2.0], [0, 10, 20], total=50)
    3.0
    """
    rate = mean_rate(times, done, smoothing=smoothing)
    return _left(total - done[-1], rate)


class Estimate:
    """The instants at which something was seen to advance, and what they tell.

    Parameters
    ----------
    began : float
        Instant of the beginning, in seconds on a monotonic clock.
    done : float, default: 0
        What was done before: it tells nothing about the rate.
    smoothing : float, default: 0.3
        See `remaining_time`; at 0 the mean from the beginning counts alone.

    Notes
    -----
    An increment ends where something advanced, at least half a second after the one
    before; the time since then is an increment of its own, so that the rate falls while
    nothing happens. Several threads may ask: at worst one instant more is kept.
    """

    def __init__(
        self, began: float, done: float = 0, *, smoothing: float = SMOOTHING
    ) -> None:
        self.began = began
        self.initial = done
        self.smoothing = smoothing
        self._seen: deque[tuple[float, float]] = deque([(began, done)], KEPT)

    def rate(self, now: float, done: float) -> float:
        """How fast it advances.

        Parameters
        ----------
        now, done : float
            Instant, and how much is done then.

        Returns
        -------
        float
            Units per second; 0 if nothing was done.
        """
        recent = self._recent(now, done) if self.smoothing > 0 else 0.0
        return recent if recent > 0 else self.overall(now, done)

    def overall(self, now: float, done: float) -> float:
        """Mean rate since the beginning, in units per second."""
        if done <= self.initial:
            return 0.0
        # A clock that was too coarse to tell any time is no reason to divide by zero.
        return (done - self.initial) / max(now - self.began, 1e-6)

    def remaining(self, now: float, done: float, total: float | None) -> float:
        """Seconds left; infinity while that is not known.

        Parameters
        ----------
        now, done : float
            Instant, and how much is done then.
        total : float or None
            How much there is to do.

        Returns
        -------
        float
            Finite and not negative whenever `total` is known and anything was done.
        """
        if total is None:
            return math.inf
        return _left(total - done, self.rate(now, done))

    def _recent(self, now: float, done: float) -> float:
        seen = list(self._seen)
        at, before = seen[-1]
        if now <= at:
            now, done = at, before
        else:
            seen.append((now, done))
            if now - at >= APART and done != before:
                self._seen.append((now, done))
        if len(seen) < 2:
            return 0.0
        times, counts = zip(*seen)
        return mean_rate(times, counts, smoothing=self.smoothing)


def _left(todo: float, rate: float) -> float:
    if todo <= 0:
        return 0.0
    if not rate > 0:
        return math.inf
    return min(todo / rate, 1e15)  # a rate may be as small as floats go
