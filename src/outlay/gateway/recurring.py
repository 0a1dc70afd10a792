"""Recognises a long beginning that a tenant's requests keep coming back to, in bounded memory and little time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from outlay.types import Message

BLOCK_CHARS = 2_048
LEAST_BLOCKS = 2
"""A shared beginning below 4,096 characters, about 1,000 tokens, is hardly worth notes (our choice)."""
MOST_BLOCKS = 48
"""Beginnings are told apart over their first 98,304 characters; longer contexts are added by hand."""
TIMES = 4
"""How often a beginning comes before it is taken for one that keeps coming back (our choice)."""
MOST_NODES = 50_000
"""Beginnings that are remembered over all tenants; of more, those that came longest ago are forgotten."""


class Recurring:
    """Counts how often each beginning of whole blocks came, tenant by tenant: a trie whose paths are chained hashes."""

    def __init__(self, most_nodes: int = MOST_NODES) -> None:
        self._times: OrderedDict[int, int] = OrderedDict()
        self._most = most_nodes

    def __len__(self) -> int:
        """How many beginnings are remembered."""
        return len(self._times)

    def saw(self, tenant: str, messages: Sequence[Message]) -> str | None:
        """Count a request; the longest beginning that now came for the fourth time, cut at a sentence, or None.

        Each beginning is returned once, unless it was forgotten in between.

        Args:
            tenant: whose request it is; nothing is compared across tenants.
            messages: its messages.

        Example:
            >>> seen = Recurring()
            >>> asked = [{"role": "user", "content": "All about eggs. " * 300 + f"How many {n}?"} for n in "abcd"]
            >>> [len(seen.saw("a", [message]) or "") for message in asked]
            [0, 0, 0, 4095]
        """
        text = beginning(messages, MOST_BLOCKS * BLOCK_CHARS)
        # Python's own string hash is keyed with a secret of this process: nobody can make two beginnings collide.
        path, again = hash(tenant), 0
        times = self._times
        for number in range(1, len(text) // BLOCK_CHARS + 1):
            path = hash((path, text[(number - 1) * BLOCK_CHARS : number * BLOCK_CHARS]))
            came = times.pop(path, 0) + 1
            times[path] = came
            if came == TIMES:
                again = number
        while len(times) > self._most:
            times.popitem(last=False)
        return _at_a_sentence(text[: again * BLOCK_CHARS]) if again >= LEAST_BLOCKS else None


def beginning(messages: Sequence[Message], most_chars: int) -> str:
    """The first characters of a conversation as text, with a blank line between messages; images are left out."""
    parts: list[str] = []
    left = most_chars
    for message in messages:
        content = message.get("content")
        texts = (
            [p.get("text") for p in content if isinstance(p, dict)] if isinstance(content, list) else [content]
        )
        text = "\n".join(t for t in texts if isinstance(t, str))
        parts.append(text[:left])
        left -= len(text) + 2
        if left <= 0:
            break
    return "\n\n".join(parts)[:most_chars]


def _at_a_sentence(text: str) -> str:
    """The text up to the last end of a paragraph, line or sentence in its last block, where there is one."""
    for mark in ("\n\n", "\n", ". "):
        at = text.rfind(mark, len(text) - BLOCK_CHARS)
        if at > 0:
            return text[: at + len(mark.rstrip(" ")) if mark == ". " else at]
    return text
