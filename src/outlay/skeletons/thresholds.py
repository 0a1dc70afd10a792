"""The threshold that decides who writes: stated by the buyer, calibrated for this pair of models, or the paper's.

`outlay calibrate` writes calibrated ones into `thresholds.json` in outlay's home, one a strategy and pair of models.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from outlay import config
from outlay.errors import StoreError, UsageError
from outlay.run import Run
from outlay.skeletons.pair import LARGE, SMALL

FILE = "thresholds.json"


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
    try:
        return msgspec.json.decode(path().read_bytes(), type=list[Calibrated])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            f"{path()} cannot be read as thresholds ({error}); delete it and calibrate again."
        ) from None


def find(strategy: str, small: str, large: str) -> Calibrated | None:
    """The threshold of a strategy for a pair of models, or None."""
    return next((c for c in read() if (c.strategy, c.small, c.large) == (strategy, small, large)), None)


def keep(new: Calibrated) -> Path:
    """Write a threshold in the place of an older one of its strategy and pair; returns the file.

    Raises:
        StoreError: it cannot be written.
    """
    place = (new.strategy, new.small, new.large)
    others = [c for c in read() if (c.strategy, c.small, c.large) != place]
    where = path()
    partial = where.with_suffix(f".{os.getpid()}.partial")
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.format(msgspec.json.encode([*others, new]), indent=1) + b"\n")
        partial.replace(where)
    except OSError as error:
        raise StoreError(
            f"{where} cannot be written ({error.strerror}); free some space and try again."
        ) from None
    return where
