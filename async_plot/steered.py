"""The part of a `Server` that views steer: its checkpoints and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import StopRequested

    # Whatever a calculation needs only once it is watched is imported then.
    from .net.feed import Feed
    from .net.parameters import Parameter

__all__ = ["UNSTEERED", "Steered"]


class Unsteered:
    """Stands for the helm where there is none: nobody can steer."""

    steered = False
    stopped = False

    def obey(self, feeds: Iterable[Feed]) -> None:
        """Do nothing."""

    def has_stopped(self, error: StopRequested) -> bool:
        """Nobody has."""
        return False

    def end(self) -> None:
        """Do nothing."""


UNSTEERED = Unsteered()


class Steered:
    """The part of a `Server` that views steer."""

    # Made by each server: a default of the class would make looking it up slow.
    _helm: Any  # a Helm, or `UNSTEERED`
    _feeds: dict[str, Feed]

    def checkpoint(self) -> None:
        """Agree to be steered here: to be paused, stopped, or given new parameters.

        What views ask for takes effect at the next checkpoint, and nowhere else. While
        nothing is asked for, a call costs about as much as one of an empty method.

        Raises
        ------
        StopRequested
            If a view asked the calculation to stop; so does each later checkpoint. It
            is a ``SystemExit``: ``except Exception`` lets it pass, and so the script
            leaves its loops. The ``with`` block of this server takes it.

        Notes
        -----
        A pause blocks here each thread that comes, until a view resumes the run; the
        newest arguments of ``update`` are shown then. It ends by itself 30 s after
        the view that asked for it was heard of last, unless it was asked to hold.
        Ctrl-C comes through at once.

        Before the start, after the end, in a forked child, and with
        ``ASYNC_PLOT=off``, it returns at once.

        Examples
        --------
        >>> from async_plot import Server
        >>> with Server(view=None) as server:
        ...     dt = server.parameter("dt", 0.01, min=0, max=1, unit="s")
        ...     for step in range(1000):
        ...         server.checkpoint()
        ...         server.update(step * dt.value)
        """
        if self._helm.steered:
            self._helm.obey(self._feeds.values())

    def parameter(
        self,
        name: str,
        default: Any,
        *,
        min: float | None = None,
        max: float | None = None,
        choices: Sequence[Any] | None = None,
        unit: str = "",
        text: str = "",
    ) -> Parameter:
        """Make a value that views can change while the calculation runs.

        Parameters
        ----------
        name : str
            What it is called in the views.
        default : float, int, bool or str
            Its value until a view changes it, and its type.
        min, max : float, optional
            Bounds of a number, which belong to it.
        choices : list of str, float, int or bool, optional
            The values that it may have.
        unit : str, optional
            For the views.
        text : str, optional
            What it is, in a sentence, for the views.

        Returns
        -------
        Parameter
            Its ``value`` is what it is now; that changes at `checkpoint` alone. The
            same name, asked for again in the same way, gives the same one.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, or the name has been given to another parameter;
            the text says what would be accepted.
        """
        from .net.helm import Helm
        from .net.parameters import Parameter

        made = Parameter(
            name, default, min=min, max=max, choices=choices, unit=unit, text=text
        )
        if self._helm is UNSTEERED:
            self._helm = Helm()  # of no run
        kept: Parameter = self._helm.parameter(made)
        return kept
