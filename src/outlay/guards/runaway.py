"""A monitor of one reply's stream: thinking that runs past its cap is ended there."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from outlay.guards._decision import GO, Decision
from outlay.prompts.thinking import CLOSE, OPEN
from outlay.types import Delta, Tokens

BYTES_PER_TOKEN = 4
"""How long a token is taken for where a server sends several in one piece (our choice: the mean of English text)."""


class Thinking(Struct, frozen=True):
    """How much of a reply was thinking so far.

    `where`: the text has not begun, is inside the thinking's tags, or is the answer. `held`: the end of the text, kept
    because a tag may be cut by the border of two pieces.
    """

    pieces: int = 0
    bytes: int = 0
    where: Literal["start", "inside", "answer"] = "start"
    held: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of thinking: one a piece, or one for every four bytes where that is more."""
        return max(self.pieces, self.bytes // BYTES_PER_TOKEN)


def runaway(state: Thinking | None, delta: Delta, *, reasoning_tokens: Tokens) -> tuple[Thinking, Decision]:
    """The state after one more piece of a reply, and whether its thinking may go on.

    Thinking is what the server sends as reasoning, and text between `<think>` and `</think>` where the text begins with
    the tag. It is not seen, and so not ended, where a server hides it, or where the chat template writes the opening
    tag and the server leaves the thinking in the text.

    Args:
        state: what the piece before gave; None at the beginning of a choice.
        delta: the next piece of this choice.
        reasoning_tokens: the cap; the piece that goes beyond it ends the thinking.

    Source: the idea is that of budgets on thinking (Elastic Reasoning, arXiv 2505.05315, section 3); to count a stream
        that nobody has counted yet, one token a piece and at least one for four bytes, is our choice.

    Example:
        >>> state, decision = runaway(None, Delta(reasoning="so"), reasoning_tokens=1)
        >>> runaway(state, Delta(reasoning=" on"), reasoning_tokens=1)[1].why
        'the thinking was ended at its cap of 1 tokens'
    """
    state = state or Thinking()
    if delta.reasoning:
        state = _counted(state, delta.reasoning)
    if delta.text and state.where != "answer":
        state = _read(state, delta.text)
    if state.where == "answer" or state.tokens <= reasoning_tokens:
        return state, GO
    return state, Decision(False, f"the thinking was ended at its cap of {reasoning_tokens:,} tokens")


def _counted(state: Thinking, text: str) -> Thinking:
    return replace(state, pieces=state.pieces + 1, bytes=state.bytes + len(text.encode("utf-8", "replace")))


def _read(state: Thinking, text: str) -> Thinking:
    """The state after a piece of text that may be, begin or end thinking."""
    joined = state.held + text
    if state.where == "start":
        begun = joined.lstrip()
        if OPEN.startswith(begun[: len(OPEN)]) and len(begun) < len(OPEN):
            return replace(state, held=begun)
        if not begun.startswith(OPEN):
            return replace(state, where="answer", held="")
        state, joined = replace(state, where="inside"), begun[len(OPEN) :]
    if CLOSE in joined:
        return replace(state, where="answer", held="")
    return replace(_counted(state, text), held=joined[-(len(CLOSE) - 1) :])
