"""Any server that speaks OpenAI's chat protocol: OpenAI, vLLM, SGLang, llama.cpp and their imitators.

Always streamed, because only a stream can be metered while it runs and stopped when it is no longer wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from outlay.errors import BadRequest, MissingAbility, ProviderError
from outlay.models import dialects, openai_card
from outlay.models.errors_http import Redactor
from outlay.models.limit_rule import LimitRule
from outlay.models.limiter import Limiter, Place
from outlay.models.openai_http import Http
from outlay.models.openai_probe import CONTINUES, PROBE, Probe
from outlay.models.openai_reply import Reply, document
from outlay.models.openai_server import n_tokens, rendered
from outlay.models.openai_ways import Ways
from outlay.models.pieces import pieces
from outlay.models.provider import Card
from outlay.models.sse import Events
from outlay.money import Price
from outlay.types import Delta, Request, Usage


class openai_chat:
    """A model of a server that speaks OpenAI's chat protocol.

    What it decides, and why:

    - The dialect is stated, or asked of the server (`owned_by` in `GET /models`, free of charge), never read
      from the URL. A server that does not say is spoken to in plain OpenAI, without any field that a strict
      server refuses.
    - `n`, `logprobs` and `seed` are taken from the dialect's documentation and not probed, since a probe costs
      the buyer's money; `abilities` overrides them. A server that sends fewer choices than asked for, or blames
      the parameter `n`, is remembered as one with `max_n` 1; no other error is read so.
    - `prefix` is probed before the first request that needs it (see `probe`), since servers without it open a
      new turn in silence.
    - A server that refuses `stream_options` or streaming is asked again without, and that is remembered.
    - Errors name the host and never the key or a header. No retries here, but for a kept-alive connection that
      was closed before the first byte (`openai_http`).

    Args:
        model: the name by which the server knows the model.
        base_url: up to and including `/v1`.
        api_key: sent as a bearer token; empty for none.
        dialect: `openai`, `vllm`, `sglang` or `llama.cpp`; None asks the server.
        headers: further headers of every request.
        price: what the model charges, or None where nobody knows.
        context_tokens: the context, where the server does not say.
        max_output_tokens: the most output of one sample that the model allows, where known.
        image_tokens: the most input tokens that one image takes, where known.
        max_n: the most choices of one request, where it differs from the dialect's.
        abilities: what the model can do, where it differs from the dialect's.
        connect_s: seconds that a connection may take.
        silence_s: seconds that the server may send nothing; there is no limit on the whole of a reply.
        concurrency: the most requests at once; the upstream's answers may teach less (`limit_rule`).
        limiter: the gate that is shared with others who ask this model; None is one of its own.

    Raises:
        UsageError: no such dialect, or not a base URL.

    Example:
        >>> openai_chat("gpt-5-mini", base_url="https://api.openai.com/v1", api_key="sk-secret")
        openai_chat('gpt-5-mini' at api.openai.com)
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str = "",
        dialect: str | None = None,
        headers: Mapping[str, str] | None = None,
        price: Price | None = None,
        context_tokens: int | None = None,
        max_output_tokens: int | None = None,
        image_tokens: int | None = None,
        max_n: int | None = None,
        abilities: frozenset[str] | None = None,
        connect_s: float = 5.0,
        silence_s: float = 600.0,
        concurrency: int = 64,
        limiter: Limiter | None = None,
    ):
        redact = Redactor([api_key, *(headers or {}).values()])
        sent = {**(headers or {}), **({"Authorization": f"Bearer {api_key}"} if api_key else {})}
        self.model = model
        self._http = Http(
            base_url, sent, redact, connect_s=connect_s, silence_s=silence_s, concurrency=concurrency
        )
        self._dialect = None if dialect is None else dialects.dialect(dialect)
        limits = context_tokens, max_output_tokens, image_tokens
        self._stated = openai_card.Stated(model, price, *limits, max_n, abilities, concurrency)
        self._ways = Ways(self._http, lambda: self._lose("n"))
        self.limiter = limiter or Limiter(LimitRule(concurrency))
        self._card: Card | None = None
        self._probe: Probe | None = None
        self._counts = True
        self._reading, self._probing = asyncio.Lock(), asyncio.Lock()

    def __repr__(self) -> str:
        return f"openai_chat({self.model!r} at {self._http.host})"

    async def card(self) -> Card:
        """The card: stated facts, then what the server says of itself, then the dialect's.

        Costs at most two requests that are free of charge, once; none for a stated `openai` dialect. Changes
        when the server turns out not to draw several choices, or not to continue a text.

        Raises:
            AuthError, Unreachable, TimedOut: the server was asked and cannot be used.
        """
        if self._card is None:
            async with self._reading:
                if self._card is None:
                    self._card, self._dialect = await openai_card.read(self._http, self._stated, self._dialect)
        return self._card

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Deltas of the reply as they come, each with its choice; the usage last, where the server counts.

        Closing the iterator closes the connection, which stops generation upstream. Empty content is a
        completion with an empty text. A reply that is whole is never turned into an error by what follows it.

        Raises:
            MissingAbility: the request has a prefix and the server does not continue it. Nothing was sent.
            UsageError: `extra` holds a field that outlay sets.
            ProviderError: see `outlay.errors`; `billed` where tokens may have been bought.
        """
        known = not request.prefix or (self._probe is not None and self._probe.prefix)
        return self._stream(request) if known else self._continued(request)

    async def probe(self) -> Probe:
        """Whether the server continues a given assistant text, asked once and kept.

        Buys 4 output tokens and about 40 input tokens, outside any budget unless the caller reserves them
        first; it is therefore made only when a prefix is first needed. A dialect without the ability is not
        asked, nor a model whose `abilities` were stated.

        Raises:
            ProviderError: the server could not be asked; the next call asks again.
        """
        # One probe, however many samples ask for it at the same moment.
        async with self._probing:
            if self._probe is None:
                await self.card()
                self._probe = self._stated_probe() or await self._bought_probe()
                if not self._probe.prefix:
                    self._lose("prefix")
        return self._probe

    async def count_input(self, request: Request) -> int | None:
        """Input tokens of the rendered request by the server's tokenizer (llama.cpp), else None."""
        await self.card()
        if not self._spoken().has_tokenizer or not self._counts:
            return None
        prompt = await rendered(self._http, dialects.body(self._spoken(), self.model, request))
        return None if prompt is None else await self._counted(prompt, special=True)

    async def count_text(self, text: str) -> int | None:
        """Tokens of a text by the server's tokenizer (llama.cpp), else None."""
        await self.card()
        if not self._spoken().has_tokenizer or not self._counts:
            return None
        return await self._counted(text, special=False)

    async def relay(
        self, path: str, body: dict[str, Any], *, left_s: float | None = None
    ) -> tuple[dict[str, Any], Usage | None]:
        """The server's reply to a request at `path` under the base URL, and the usage in it; nothing is added to it.

        Raises:
            ProviderError: see `outlay.errors`; `billed` where it may have been answered.
        """
        with await self.limiter.enter(left_s) as place:
            url = f"{self._http.base_url}/{path}"
            response = await self._ways.ask_whole(url, {**body, "model": self.model}, place)
            try:
                return document(await self._http.document(response), self._http.host)
            finally:
                response.close()

    async def relay_stream(
        self, path: str, body: dict[str, Any], *, left_s: float | None = None
    ) -> AsyncGenerator[tuple[dict[str, Any], Usage | None], None]:
        """The events of the server's streamed reply to a request at `path`, each with the usage in it.

        A server that answers in one piece gives one event. Closing the iterator stops generation upstream.

        Raises:
            ProviderError: see `outlay.errors`; `billed` where tokens may have been bought.
        """
        with await self.limiter.enter(left_s) as place:
            n = body.get("n", 1) if isinstance(body.get("prompt"), str) else 2
            url = f"{self._http.base_url}/{path}"
            response = await self._ask(url, {**body, "model": self.model}, place, n)
            async with aclosing(pieces(self._http, response)) as found:
                async for piece in found:
                    yield piece

    async def close(self) -> None:
        """Close every connection; requests in flight fail."""
        await self._http.close()

    async def _continued(self, request: Request) -> AsyncGenerator[Delta, None]:
        if not (await self.probe()).prefix:
            lacks = (
                f"{self.model} at {self._http.host} does not continue a given assistant text (ability prefix)"
            )
            raise MissingAbility(f"{lacks}; choose a strategy or a model without that need.")
        async with aclosing(self._stream(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def _stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        if self._card is None:
            await self.card()
        http, spoken = self._http, self._spoken()
        place = await self.limiter.enter(request.left_s)
        try:
            body = dialects.body(spoken, self.model, request)
            response = await self._ask(f"{http.base_url}/chat/completions", body, place, request.n)
        except BaseException:
            place.leave()
            raise
        reply = Reply(
            http.host,
            request.n,
            per_choice=spoken.usage_per_choice,
            prefix=request.prefix,
            redact=http.redact,
            verbatim=request.verbatim,
        )
        events = Events() if response.content_type == "text/event-stream" else None
        try:
            try:
                while not reply.done:
                    block = await (http.block(response) if events else http.document(response))
                    # A document is one event; a block of a stream finishes any number of them.
                    found = [block] if events is None else events.feed(block) if block else events.close()
                    for data in found:
                        for delta in reply.document(data) if events is None else reply.event(data):
                            yield delta
                    if not block:
                        break
            except ProviderError:
                # What follows a whole reply cannot make it worse.
                if not reply.whole:
                    raise
            if reply.ignored_n:
                self._lose("n")
            for delta in reply.close():
                yield delta
            if reply.done:
                await http.drain(response)
        finally:
            # Does nothing to a connection that was read to its end; drops any other, which stops the server.
            response.close()
            place.leave()

    async def _ask(self, url: str, body: dict[str, Any], place: Place, n: int) -> Any:
        return await self._ways.ask(url, body, place, n=n, counts=self._spoken().running_usage)

    def _lose(self, ability: str) -> None:
        """Take an ability off the card that the server turned out not to have."""
        if self._card is not None:
            max_n = 1 if ability == "n" else self._card.max_n
            self._card = replace(self._card, abilities=self._card.abilities - {ability}, max_n=max_n)

    def _spoken(self) -> dialects.Dialect:
        return self._dialect or dialects.DIALECTS["openai"]

    async def _counted(self, text: str, *, special: bool) -> int | None:
        counted = await n_tokens(self._http, text, special=special)
        self._counts = counted is not None
        return counted

    def _stated_probe(self) -> Probe | None:
        if self._spoken().prefix is None:
            return Probe(False, None)
        return None if self._stated.abilities is None else Probe("prefix" in self._stated.abilities, None)

    async def _bought_probe(self) -> Probe:
        text, usage = "", None
        try:
            async for delta in self._stream(PROBE):
                text += delta.text
                usage = delta.usage or usage
        except BadRequest:
            return Probe(False, usage)
        return Probe(text.startswith(CONTINUES), usage)
