"""Caps on one request: the output tokens of a sample, and the calls that the whole of it can take."""

from __future__ import annotations

from collections.abc import Sequence

from outlay.guards._decision import GO, Asked, Decision
from outlay.types import Count, Tokens


def caps(
    request: Asked,
    history: Sequence[Asked],
    *,
    output_tokens: Tokens | None = None,
    fan_out: Count | None = None,
) -> Decision:
    """Whether a request keeps within the caps; None is no cap. What came before does not matter to it.

    A request that states no output bound is admitted: it gets the cap as its bound.

    Args:
        request: what is asked for.
        history: requests of the same caller before it.
        output_tokens: the most output tokens of one sample.
        fan_out: the most calls of the request.

    Source: none; our choice. The same caps hold for a key (`outlay keys create`), for the server (`[guard]`) and for a
        named plan; of several the smallest binds.

    Example:
        >>> caps(Asked(calls=9), (), fan_out=8).why
        'This request can take 9 calls and 8 are allowed a request.'
    """
    if fan_out is not None and request.calls > fan_out:
        return Decision(
            False, f"This request can take {request.calls:,} calls and {fan_out:,} are allowed a request."
        )
    asked = request.output_tokens
    if output_tokens is not None and asked is not None and asked > output_tokens:
        return Decision(
            False, f"This request asks for {asked:,} output tokens and {output_tokens:,} are allowed a sample."
        )
    return GO
