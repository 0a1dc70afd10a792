"""What an answer leaves behind: solved work to learn from, and how a cascade of two models fared."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Demonstration(Struct, frozen=True):
    """One solved question, or one step of a solved episode. `vector` is what it is found by, float32 little-endian.

    `id` is a hash of what was asked, the version of the prompts and the model that solved it: the same again is kept
    once. `source` is the question or the episode it is a part of.
    """

    space: str
    id: str
    source: str
    position: int
    goal: str
    plan: str
    observation: str
    reasoning: str
    action: str
    model: str
    prompts: str
    verified: bool
    vector: bytes


class CascadeStep(Struct, frozen=True):
    """How one step of a cascade went.

    `outcome`: `agreed`; `matched` or `differed` (agreed, and audited with the large model); `deferred`; `outright` (the
    large model alone was asked). A cost is None where that model was not asked or its price is unknown.
    """

    stream: str
    outcome: str
    small_nusd: int | None
    large_nusd: int | None


class Kept(Struct, frozen=True):
    """What an answer leaves behind; committed together with it."""

    demonstrations: tuple[Demonstration, ...] = ()
    steps: tuple[CascadeStep, ...] = ()
    most: int = 20_000
    """The most demonstrations of one space; beyond it the oldest tenth goes."""


def kept_of(left: Sequence[Demonstration | CascadeStep]) -> Kept | None:
    """What a store is to keep of these; None for nothing."""
    made = tuple(x for x in left if isinstance(x, Demonstration))
    steps = tuple(x for x in left if isinstance(x, CascadeStep))
    return Kept(made, steps) if left else None
