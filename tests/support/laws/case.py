"""A planted case of a law (`from laws.case import Case`).

What is done with it is written in `tests/contract/test_contract_laws.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """Data made from known parameters, and what the law must say about them.

    `x` and `past` are the positional arguments of `Fit.predict`, as tuples.
    """

    name: str
    fit: Callable[[], Any]
    """Fits the law to the planted data; its result is the module's `Fit`."""
    truth: dict[str, tuple[float, float]]
    """Attribute of the Fit -> (planted value, tolerance)."""
    predicted: tuple[tuple[tuple, float, float], ...]
    """(x, true value, tolerance): points where the prediction is checked against the truth."""
    past: tuple
    """A point beyond the data: the prediction carries a warning, or `CannotSay` is raised."""
    grid: tuple[tuple, ...] = ()
    """Points in order along which the law claims to rise or fall."""
    direction: int = 0
    """+1: predictions never fall along the grid; -1: never rise; 0: nothing claimed."""
    inverts: tuple[tuple, ...] = ()
    """Points at which `Fit.invert(Fit.predict(*x).value)` gives x[0] back; empty where no inverse exists."""
    wrong_form: Callable[[], Any] | None = None
    """Fits the law to data that it cannot describe: `Fit.form.wrong` must be True there."""
    unfit: tuple[Callable[[], Any], ...] = field(default=())
    """Fits that are not identified (one question, all right, NaN, …): each raises `UsageError`."""
