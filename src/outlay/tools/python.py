"""Runs Python in the sandbox and returns what it prints."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from outlay.errors import MissingAbility
from outlay.sandbox.bubblewrap import Caps, probe, run_python

LAST_WORDS = 2_000
"""Characters of an error's end that are returned."""

Code = Annotated[
    str,
    Meta(max_length=50_000, description="A whole program, standard library only. Print what you want to see."),
]
Megabytes = Annotated[int, Meta(ge=64, le=16_384)]
Seconds = Annotated[float, Meta(gt=0.0, le=600.0)]


async def python(code: Code, *, timeout_s: Seconds = 5.0, memory_mb: Megabytes = 512) -> str:
    """Runs a Python program and returns what it prints.

    Standard library only, no network; nothing is kept between calls. The program runs inside bubblewrap and never
    outside of it. That it fails or takes too long is part of what it says, not a failure of the tool.

    Args:
        code: the program, at most 50,000 characters.
        timeout_s: seconds that it may run.
        memory_mb: memory, in millions of bytes.

    Returns:
        Its output, and the end of its error if it failed.

    Raises:
        MissingAbility: there is no sandbox here; the sentence says what to do.

    Cost: the seconds it takes, at the price of a core of this machine, and the price that its user set on a call.
    """
    caps = Caps(timeout_s=timeout_s, memory_bytes=memory_mb * 1_000_000)
    ended = await run_python(("-I", "-S", "-"), stdin=code.encode("utf-8", "replace"), caps=caps)
    said = [ended.output.rstrip()]
    if ended.exit_code is None:
        said.append(f"[stopped after {timeout_s:g} s]")
    elif ended.exit_code != 0:
        said.append(f"[exit code {ended.exit_code}]\n{ended.errors[-LAST_WORDS:]}")
    return "\n".join(said).strip() or "[it printed nothing; print what you want to see]"


def ready(*, timeout_s: Seconds = 5.0, memory_mb: Megabytes = 512) -> None:
    """Refuse, before anything is bought, where there is no sandbox.

    Raises:
        MissingAbility: the sentence says what to do.
    """
    if (why := probe()) is not None:
        raise MissingAbility(why)
