"""The threshold that decides who writes: stated by the buyer, calibrated for this pair of models, or the paper's.

`outlay calibrate` writes calibrated ones into `thresholds.json` in outlay's home, one a strategy and pair of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, nextafter
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from outlay import config
from outlay.errors import CannotSay
from outlay.run import Run
from outlay.skeletons.findings import keep_finding, read_findings
from outlay.skeletons.pair_rules import LARGE, SMALL

FILE, WHAT = "thresholds.json", "thresholds"


class Calibrated(Struct, frozen=True):
    """A threshold as it was chosen: for which pair (by the models' identities), on what, and to what end."""

    strategy: str
    small: str
    large: str
    value: float
    task: str
    questions: int
    aim: str
    """What it was chosen for, in words: `keep 0.7` or `accuracy 0.8`."""
    share_kept: float
    """The share of drafts that it kept where it was chosen."""


class Dial(Struct, frozen=True):
    """How a strategy's signal decides: drafts are kept where it is high, or low; at `keeps_all` all of them are."""

    keeps_all: float
    keeps: Literal["high", "low"]
    span: float = 1.0
    """The largest signal there is, so that signals become scores in [0, 1]."""

    def score(self, signal: float) -> float:
        """A signal as a score in [0, 1], the higher the better the draft.

        Example:
            >>> Dial(0.0, "high", 9.0).score(4.5), Dial(10.0, "low").score(0.25)
            (0.5, 0.75)
        """
        share = min(max(signal / self.span, 0.0), 1.0)
        return share if self.keeps == "high" else 1.0 - share

    def at(self, signals: Sequence[float], keep: float) -> float:
        """The threshold that keeps the least share of drafts that is at least `keep`, by the signals seen.

        Args:
            signals: the signals of drafts, at least one, not NaN.
            keep: the share to keep, in [0, 1]; 0 keeps none of those seen.

        Raises:
            CannotSay: there are no signals.

        Example:
            >>> Dial(0.0, "high").at([2.0, 5.0, 7.0, 9.0], 0.5)
            7.0
        """
        if not signals:
            raise CannotSay("No draft had a signal, so there is nothing to choose a threshold from.")
        # The first are kept first; the next number beyond one is a threshold that it passes whatever the ties do.
        ordered = sorted(signals, reverse=self.keeps == "high")
        kept = ceil(keep * len(ordered) - 1e-9)
        if self.keeps == "high":
            return ordered[kept - 1] if kept else nextafter(ordered[0], inf)
        return nextafter(ordered[kept - 1], inf) if kept else nextafter(ordered[0], -inf)

    def share(self, signals: Sequence[float], value: float) -> float:
        """The share of drafts with these signals that a threshold keeps."""
        if not signals:
            raise CannotSay("No draft had a signal, so no share of them is kept or dropped.")
        return sum(s >= value if self.keeps == "high" else s < value for s in signals) / len(signals)


class Threshold(Struct, frozen=True):
    """A threshold and where it comes from, in words."""

    value: float
    whence: str


async def threshold(run: Run, strategy: str, given: float | None, default: float) -> Threshold:
    """The stated threshold; else the one calibrated for the two models in play; else the paper's.

    What the file said is traced, so that a replay does not depend on it.

    Raises:
        UsageError: the file is there and cannot be read.
    """
    if given is not None:
        return Threshold(given, "as stated")
    small, large = run.card(SMALL).identity, run.card(LARGE).identity

    async def look() -> dict[str, Any]:
        found = find(strategy, small, large)
        return (
            {}
            if found is None
            else {"value": found.value, "on": f"{found.questions} questions of {found.task}"}
        )

    seen = await run.observe(f"threshold/{strategy}", look)
    if seen:
        return Threshold(seen["value"], f"calibrated for this pair on {seen['on']}")
    return Threshold(default, "the paper's; outlay calibrate finds one for this pair")


def path() -> Path:
    """Where calibrated thresholds are kept."""
    return config.home() / FILE


def read() -> list[Calibrated]:
    """Every calibrated threshold; none where there is no file.

    Raises:
        UsageError: the file is not what it should be.
    """
    return read_findings(path(), Calibrated, WHAT)


def find(strategy: str, small: str, large: str) -> Calibrated | None:
    """The threshold of a strategy for a pair of models, or None."""
    return next((c for c in read() if _place(c) == (strategy, small, large)), None)


def keep(new: Calibrated) -> Path:
    """Write a threshold in the place of an older one of its strategy and pair; returns the file.

    Raises:
        StoreError: it cannot be written.
    """
    return keep_finding(path(), new, WHAT, _place)


def _place(of: Calibrated) -> tuple[str, str, str]:
    return of.strategy, of.small, of.large
