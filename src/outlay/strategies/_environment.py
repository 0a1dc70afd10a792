"""A text environment of the user's: made, reset and stepped through; whatever it does instead is said in a sentence.

`make(goal, seed)` gives an object with `rules` (the grammar of actions), `reset()` and `step(action)`. Both return
{"observation": text, "done": bool, "success": bool}, the latter two false unless given, and may be coroutines.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from outlay import plugins
from outlay.errors import UsageError
from outlay.prompts import demonstrations as prompts
from outlay.prompts._data import cut

PARTS = ("rules", "reset", "step")
LARGEST_FAILURE = 300


class Seen(Struct, frozen=True):
    """What an environment says after a step: what is seen, whether the episode is over, and whether it succeeded."""

    observation: str
    done: bool = False
    success: bool = False


def made(name: str, goal: str, seed: int) -> Any:
    """The environment of a goal.

    Raises:
        UsageError: there is none of this name, it fails, or it lacks what an environment has.
    """
    if not name.partition(":")[2]:
        raise UsageError(f"The environment {name!r} is to be written as package.module:make.")
    make = plugins.load("environment", name)
    try:
        found = make(goal, seed)
    except Exception as error:  # the boundary to code of the user's
        raise UsageError(f"The environment {name} could not be made: {_told(error)}.") from None
    if inspect.iscoroutine(found):
        found.close()
        raise UsageError(f"{name} is no environment: it is a coroutine; a plain function or a class makes one.")
    if missing := [part for part in PARTS if not hasattr(found, part)]:
        raise UsageError(f"{name} is no environment: what it makes has no {' and no '.join(missing)}.")
    return found


async def saw(act: Callable[[], Any]) -> dict[str, Any]:
    """What `reset` or `step` returned, as plain data, its observation cut to its bound.

    Raises:
        UsageError: it failed, or returned something else.
    """
    try:
        told = act()
        told = await told if inspect.isawaitable(told) else told
    except Exception as error:  # the boundary to code of the user's
        raise UsageError(f"The environment failed: {_told(error)}.") from None
    try:
        seen = msgspec.convert(told, Seen)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"An environment must return its observation as the head of cascade says: {error}."
        ) from None
    seen = msgspec.structs.replace(seen, observation=cut(seen.observation, prompts.LARGEST))
    return msgspec.to_builtins(seen)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LARGEST_FAILURE]}".rstrip(".: ")
