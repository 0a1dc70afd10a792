"""One reply being read: events in, deltas out, with usage normalised and every broken promise noticed.

Pure: it neither reads the network nor a clock, so any recorded stream can be put through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from outlay.errors import BadReply
from outlay.models.errors_http import Redactor, http_error, problem_of
from outlay.models.openai_wire import (
    Chunk,
    Fragment,
    WireChoice,
    WireUsage,
    beyond,
    logprobs_of,
    stopped_by,
    usage_of,
)
from outlay.types import Beyond, Delta, Usage

DONE = b"[DONE]"
_CHUNK = msgspec.json.Decoder(Chunk)


def broke_off(host: str) -> BadReply:
    """The error of a reply that ended before its end."""
    text = f"The reply of {host} broke off before its end; it may have been billed."
    return BadReply(text, retryable=True, billed=True)


def document(data: bytes, host: str) -> tuple[dict[str, Any], Usage | None]:
    """A reply in one piece that is not of a chat, and the usage in it; one without outputs counts none.

    Raises:
        BadReply: it is not a JSON object.
    """
    try:
        said = msgspec.json.decode(data, type=dict[str, Any])
        wire = msgspec.convert(said.get("usage"), WireUsage | None)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadReply(f"{host} sent something that is not a JSON reply.", billed=True) from None
    if wire is not None and wire.completion_tokens is None and "data" in said:
        wire.completion_tokens = 0
    return said, usage_of(wire)


class Reply:
    """The state of one reply: which choices have begun and ended, and which usage was seen.

    Usage leaves in one of two forms, which are never mixed in a reply: `choice` None with the prompt once and
    the sum of the outputs, or one per choice with the whole prompt each. Servers of the second kind are known
    by dialect, so that their usage can be passed on as it comes; a server that turns out to be one (n bare
    usages for n choices) is recognised at the end. Otherwise the last usage counts: cumulative ones grow.

    Args:
        host: the server's name for sentences.
        n: the choices asked for.
        per_choice: the dialect sends one usage per choice.
        prefix: the assistant text that was sent; a reply that is not streamed may repeat it.
        redact: applied to everything the server says in errors.
        verbatim: deltas carry the fields that are not read here too.
    """

    __slots__ = (
        "_begun", "_ended", "_host", "_n", "_per_choice", "_prefix", "_redact", "_usages", "_verbatim", "done"
    )  # fmt: skip

    def __init__(
        self,
        host: str,
        n: int,
        *,
        per_choice: bool,
        prefix: str | None,
        redact: Redactor,
        verbatim: bool = False,
    ):
        self._host = host
        self._n = n
        self._per_choice = per_choice and n > 1
        self._prefix = prefix
        self._redact = redact
        self._verbatim = verbatim
        self._begun: set[int] = set()
        self._ended: list[int] = []
        self._usages: list[tuple[int, Usage]] = []
        self.done = False

    @property
    def begun(self) -> bool:
        """Whether any choice has begun, so that something may have been billed."""
        return bool(self._begun)

    @property
    def whole(self) -> bool:
        """Whether every choice that was asked for has ended."""
        return len(self._ended) >= self._n

    @property
    def ignored_n(self) -> bool:
        """Whether fewer choices came back than were asked for, although those that came are whole."""
        return 0 < len(self._begun) < self._n and len(self._ended) == len(self._begun)

    def event(self, data: bytes) -> Iterator[Delta]:
        """The deltas of one event of a stream.

        Raises:
            BadReply: the event is not what the protocol promises.
            ProviderError: the event is an error.
        """
        if data == DONE:
            self.done = True
            return
        chunk = self._decoded(data)
        more = beyond(data) if self._verbatim else ()
        usage = usage_of(chunk.usage)
        if usage is not None and chunk.choices and self._n == 1:
            # What the chunk's own text cost is known before anybody may stop at that text.
            yield Delta(choice=None, usage=usage)
        for number, choice in enumerate(chunk.choices or ()):
            yield self._delta(choice, choice.delta or choice.message, more[number] if more else None)
        if usage is not None and not (chunk.choices and self._n == 1):
            yield from self._counted(usage, bare=not chunk.choices)

    def document(self, data: bytes) -> Iterator[Delta]:
        """The deltas of a whole reply that was not streamed: one per choice, then the usage.

        With several choices from a server that counts per choice there is no usage: it would be of one choice
        only.
        """
        chunk = self._decoded(data)
        more = beyond(data) if self._verbatim else ()
        for number, choice in enumerate(chunk.choices or ()):
            message = choice.message or choice.delta
            if message and message.content and self._prefix:
                message.content = message.content.removeprefix(self._prefix)
            yield self._delta(choice, message, more[number] if more else None)
        usage = usage_of(chunk.usage)
        if usage is not None and not self._per_choice:
            yield Delta(choice=None, usage=usage)
        self.done = True

    def close(self) -> Iterator[Delta]:
        """What is left to say when the reply has ended: the usage that had to wait for the end.

        Raises:
            BadReply: a choice broke off (no finish reason), nothing came, or fewer choices than asked for came.
        """
        if not self._begun:
            empty = f"{self._host} sent an empty reply; try again, or check the base URL."
            raise BadReply(empty, retryable=True, billed=True)
        if len(self._ended) < len(self._begun):
            raise broke_off(self._host)
        yield from self._held()
        if self.ignored_n:
            came = f"was asked for {self._n} choices and sent {len(self._begun)}"
            raise BadReply(f"{self._host} {came}; set max_n = 1 for this model.", billed=True)

    def _decoded(self, data: bytes) -> Chunk:
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            shown = self._redact(data[:65_536].decode("utf-8", "replace"))
            text = f"{self._host} sent something that is not a chat reply: {shown!r}; check the base URL."
            raise BadReply(text, billed=True) from None
        if chunk.error:
            raise self._failed(chunk)
        return chunk

    def _failed(self, chunk: Chunk) -> Exception:
        code = chunk.error.get("code") if isinstance(chunk.error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        error = http_error(self._host, status, {}, problem_of({"error": chunk.error}), self._redact)
        error.billed = self.begun
        return error

    def _delta(self, choice: WireChoice, piece: Fragment | None, more: Beyond | None) -> Delta:
        index = choice.index
        if not 0 <= index < self._n:
            raise BadReply(f"{self._host} sent choice {index} although {self._n} were asked for.", billed=True)
        self._begun.add(index)
        finish = choice.finish_reason or None
        if finish and index not in self._ended:
            self._ended.append(index)
        if piece is None:
            return Delta(choice=index, finish_reason=finish, stopped_by=stopped_by(choice), beyond=more)
        return Delta(
            choice=index,
            text=piece.content or piece.refusal or "",
            reasoning=piece.reasoning_content or piece.reasoning or "",
            logprobs=logprobs_of(choice.logprobs) if choice.logprobs else (),
            tool_calls=tuple(piece.tool_calls) if piece.tool_calls else (),
            finish_reason=finish,
            refusal=not piece.content and bool(piece.refusal),
            stopped_by=stopped_by(choice),
            beyond=more,
        )

    def _counted(self, usage: Usage, *, bare: bool) -> Iterator[Delta]:
        latest = self._ended[-1] if self._ended else 0
        if self._per_choice:
            # llama.cpp: the usage of a choice follows the chunk that ends it.
            yield Delta(choice=latest, usage=usage)
        elif self._n == 1 or not bare:
            yield Delta(choice=None, usage=usage)
        else:
            # All but the first n are only ever needed for the last one.
            self._usages[self._n :] = [(latest, usage)]

    def _held(self) -> Iterator[Delta]:
        if not self._usages:
            return
        owners = {choice for choice, _ in self._usages}
        if len(self._usages) == self._n and len(owners) == self._n:
            for choice, usage in self._usages:
                yield Delta(choice=choice, usage=usage)
        else:
            yield Delta(choice=None, usage=self._usages[-1][1])
