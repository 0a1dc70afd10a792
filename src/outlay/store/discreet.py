"""A ledger that does not keep what was asked and answered: every call and cent, and no prompt and no reply.

Everything that writes a text on its way passes here, so a part of outlay need not know of the setting to keep to it.
What somebody stores on purpose (a context with its notes, a verdict's reason) is kept as ever.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from outlay.errors import KeyReused
from outlay.store.contexts import Context
from outlay.store.kept import Kept
from outlay.store.protocol import Opened, Settled
from outlay.store.replies import Claim, Reply
from outlay.store.sqlite import Sqlite
from outlay.store.without_texts import NOT_KEPT, Keeping, answer_without, trace_without

HELD_BYTES = 32 * 2**20
"""Replies by idempotency key that are held in memory; of more, the oldest are let go."""


class Discreet(Sqlite):
    """A `Sqlite` whose file holds no text of a prompt or a reply.

    Traces and answers are stored without texts, the call cache stays empty, errors lose their text, and what answers
    leave behind to learn from is dropped. A reply with an idempotency key is held in memory: a repetition gets it from
    this process, and from another one a refusal, but never a second purchase.
    """

    how: Keeping = "none"
    _held_bytes = 0

    @functools.cached_property
    def _held(self) -> OrderedDict[tuple[str, str], Reply]:
        return OrderedDict()

    def settle(self, row: Settled, completions: Sequence[tuple[str, str]] = ()) -> None:
        """End a row; nothing goes into the call cache."""
        super().settle(_quiet(row))

    def record_cached(self, row: Opened, end: Settled) -> None:
        """A row of what an earlier setting left in the call cache."""
        super().record_cached(row, _quiet(end))

    async def save_answer(
        self,
        trace_id: str,
        run_id: str,
        question_id: str,
        answer: str,
        trace: str,
        at_us: int,
        *,
        tenant: str = "local",
        kept: Kept | None = None,
    ) -> None:
        """Store an answer with its trace, without texts; only how a cascade's steps went is left behind."""
        told, events = answer_without(answer, self.how), trace_without(trace, self.how)
        steps = None if kept is None or not kept.steps else Kept(steps=kept.steps)
        await super().save_answer(trace_id, run_id, question_id, told, events, at_us, tenant=tenant, kept=steps)

    async def add_context(self, context: Context) -> None:
        """Keep a context that somebody added; one that was only seen to come back is let go."""
        if context.source != "seen":
            await super().add_context(context)

    async def begin_reply(self, claim: Claim, at_us: int) -> Reply | int | None:
        """As any store, with the reply from memory.

        Raises:
            KeyReused: it came with another body, or it was answered and the reply is no longer held.
        """
        begun = await super().begin_reply(claim, at_us)
        if not isinstance(begun, Reply):
            return begun
        if (held := self._held.get((claim.tenant, claim.key))) is None:
            raise KeyReused(
                "This request was answered and paid for, and its reply was not kept (prompts in outlay.toml); use a "
                "new key to buy it again."
            )
        return held

    async def end_reply(self, claim: Claim, reply: Reply, at_us: int) -> None:
        """Record that a claim was answered, and hold the reply."""
        await super().end_reply(claim, Reply(reply.status, reply.media_type, b""), at_us)
        self._hold((claim.tenant, claim.key), reply)

    def _hold(self, key: tuple[str, str], reply: Reply) -> None:
        before = self._held.pop(key, None)
        self._held_bytes += len(reply.body) - (0 if before is None else len(before.body))
        self._held[key] = reply
        while len(self._held) > 1 and self._held_bytes > HELD_BYTES:
            _, oldest = self._held.popitem(last=False)
            self._held_bytes -= len(oldest.body)


async def open_ledger(path: Path | str, *, durability: str = "process", prompts: Keeping = "kept") -> Sqlite:
    """The ledger at a path, opened so that it keeps of prompts and replies what the setting says.

    Raises:
        StoreError: as `Sqlite.open`.
    """
    if prompts == "kept":
        return await Sqlite.open(path, durability=durability)
    ledger = await Discreet.open(path, durability=durability)
    assert isinstance(ledger, Discreet)
    ledger.how = prompts
    return ledger


def _quiet(row: Settled) -> Settled:
    return msgspec.structs.replace(row, error=NOT_KEPT) if row.error else row
