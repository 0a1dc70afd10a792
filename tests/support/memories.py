"""Solved work to keep in a test."""

from __future__ import annotations

from typing import Any

import numpy as np

from outlay.store.kept import CascadeStep, Demonstration, Kept


def vector(*values: float) -> bytes:
    """A float32 vector as it is stored."""
    return np.array(values, "<f4").tobytes()


def solved(id: str, *values: float, space: str = "s", **more: Any) -> Demonstration:
    """A solved question, found by the vector of these values."""
    known = {
        "source": id,
        "position": 0,
        "goal": f"question {id}",
        "plan": "",
        "observation": "",
        "reasoning": f"solution {id}",
        "action": id,
        "model": "large",
        "prompts": "p/1",
        "verified": False,
    }
    return Demonstration(space=space, id=id, vector=vector(*values), **known | more)


async def leave(
    store, *demonstrations: Demonstration, tenant: str = "local", steps=(), most: int = 20_000
) -> None:
    """Save an answer that leaves these behind."""
    kept = Kept(demonstrations, tuple(CascadeStep(*s) for s in steps), most)
    trace_id = store.new_id("trace")
    await store.save_answer(trace_id, "r", "q", "{}", "", 7, tenant=tenant, kept=kept)


async def found(
    store, query: bytes, k: int = 3, *, tenant: str = "local", space: str = "s", **more: Any
) -> list[str]:
    """The actions of the nearest, the nearest first."""
    windows = await store.nearest(tenant, space, query, k, **more)
    return [step["action"] for window in windows for step in window]
