"""`[guard]` of outlay.toml: caps on every request of this configuration, whoever asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from outlay.types import Sampling

Count = Annotated[int, Meta(ge=1, le=10_000_000)]


class GuardEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """The table. None is no cap; of several caps on one thing the smallest binds.

    `reasoning_tokens` ends thinking that is seen, and the best answer is asked for within `answer_tokens`.
    `max_output_tokens` (of one sample) and `fan_out` (calls of one request) refuse what the gateway is asked for.
    """

    reasoning_tokens: Count | None = None
    answer_tokens: Count | None = None
    max_output_tokens: Count | None = None
    fan_out: Count | None = None

    def on(self, sampling: Sampling) -> Sampling:
        """The sampling within these caps on thinking."""
        return thinking_within(sampling, self.reasoning_tokens, self.answer_tokens)


def thinking_within(sampling: Sampling, reasoning_tokens: int | None, answer_tokens: int | None) -> Sampling:
    """The sampling with at most so much thinking, and so much answer after thinking that was cut.

    Example:
        >>> thinking_within(Sampling(reasoning_tokens=500), 200, None).reasoning_tokens
        200
    """
    if reasoning_tokens is None and answer_tokens is None:
        return sampling
    return msgspec.structs.replace(
        sampling,
        reasoning_tokens=least(sampling.reasoning_tokens, reasoning_tokens),
        answer_tokens=least(sampling.answer_tokens, answer_tokens),
    )


def least(*caps: int | None) -> int | None:
    """The smallest of the caps that there are; None where there is none.

    Example:
        >>> least(None, 8, 3), least(None)
        (3, None)
    """
    return min((cap for cap in caps if cap is not None), default=None)
