"""A role that several models may play, each for what those before it failed to answer.

The first sits in the seat `ROLE`, the next in `ROLE.1`, and so on. Models, cards and providers are kept by seat.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from outlay.errors import BadRequest, ProviderError

T = TypeVar("T")


def seated(by_role: Mapping[str, T | Sequence[T]]) -> dict[str, T]:
    """The models of every role by seat; a role of one model has one seat.

    Example:
        >>> seated({"default": ("a", "b"), "judge": "c"})
        {'default': 'a', 'default.1': 'b', 'judge': 'c'}
    """
    found: dict[str, T] = {}
    for role, models in by_role.items():
        several = models if isinstance(models, (list, tuple)) else (models,)
        for link, model in enumerate(several):
            found[f"{role}.{link}" if link else role] = model  # type: ignore[assignment]  # a text is no list of models
    return found


def seats(role: str, known: Collection[str]) -> list[str]:
    """The seats of a role among the known ones, in the order in which they are asked.

    Example:
        >>> seats("default", ["judge", "default.2", "default.1"])
        ['default.1', 'default.2']
    """
    first = [role] if role in known else []
    if len(known) <= len(first):
        return first
    links = (seat.removeprefix(f"{role}.") for seat in known if seat.startswith(f"{role}."))
    return first + [f"{role}.{link}" for link in sorted(int(link) for link in links if link.isdecimal())]


def roles(known: Collection[str]) -> list[str]:
    """The roles that the known seats are of, in order.

    Example:
        >>> roles(["default", "default.1", "judge"])
        ['default', 'judge']
    """
    return list(dict.fromkeys(seat.partition(".")[0] for seat in known))


def elsewhere(failure: ProviderError) -> bool:
    """Whether another model may succeed where this failure came from: it is the upstream's, not the request's.

    A refused key and an empty account count too: the next model may have its own (our choice).

    Example:
        >>> from outlay.errors import Unreachable
        >>> elsewhere(Unreachable("no connection")), elsewhere(BadRequest("no such field"))
        (True, False)
    """
    return not isinstance(failure, BadRequest) or failure.fatal or failure.retryable
