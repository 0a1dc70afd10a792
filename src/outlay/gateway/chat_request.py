"""A chat request in OpenAI's shape becomes outlay's values: every field is honoured, sent on, or refused by name."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from outlay.gateway.errors import BadField, param_of
from outlay.types import Message, Sampling

REFUSED = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "audio": "only text comes back through this server",
    "web_search_options": "its price a call is unknown to this server",
    "best_of": "use n",
    "use_beam_search": "its cost has no bound that this server knows",
    "n_predict": "use max_completion_tokens",
    "max_new_tokens": "use max_completion_tokens",
    "max_output_tokens": "use max_completion_tokens",
    "num_predict": "use max_completion_tokens",
    "prediction": "what of it is rejected is billed as output beyond any bound",
    "chat_template": "this server's own templates are not the caller's to write",
    "n_cmpl": "use n",
    "id_slot": "this server's own slots are not the caller's to choose",
    "base_url": "this server calls its own models only",
    "api_base": "this server calls its own models only",
    "api_key": "this server calls its own models with its own keys",
    "extra_headers": "this server calls its own models with its own headers",
}
"""Fields that are not sent on, with what to do instead: they decide what is bought or where, or their reply is lost."""
TIERS = frozenset({"auto", "default", "flex"})
"""Service tiers that cost at most the listed price."""


class StreamOptions(Struct, frozen=True):
    """How a stream ends; other fields of it concern the upstream's own wire and have no meaning here."""

    include_usage: bool = False


class Fields(Struct, frozen=True):
    """The fields of a chat request that outlay itself reads."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Annotated[str, Meta(max_length=4096)] | Annotated[list[str], Meta(max_length=64)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    modalities: list[str] | None = None
    service_tier: str | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    outlay: dict[str, Any] | None = None


OWN = frozenset(Fields.__struct_fields__)


class ChatRequest(Struct, frozen=True):
    """One chat request, read."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    n: int
    seed: int | None
    stream: bool
    include_usage: bool
    outlay: dict[str, Any] | None

    @property
    def implied_kind(self) -> str | None:
        """The answer kind that the request's own shape states: tools, or a response format in JSON."""
        extra = self.sampling.extra
        if extra.get("tools") and extra.get("tool_choice") != "none":
            return "tool_call"
        form = extra.get("response_format") or {}
        return "json" if str(form.get("type", "")).startswith("json") else None


def read(body: dict[str, Any]) -> ChatRequest:
    r"""The request of a decoded body. Fields that outlay does not know are sent on to the model's server.

    Raises:
        BadField: a field is missing, of the wrong type, out of range, contradicts another, or cannot be honoured.

    Example:
        >>> asked = read({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stop": "\n", "top_k": 5})
        >>> asked.sampling.stop, asked.sampling.extra
        (('\n',), {'top_k': 5})
    """
    given = {name: value for name, value in body.items() if value is not None}
    _refuse(given)
    try:
        fields = msgspec.convert(given, Fields)
    except msgspec.ValidationError as error:
        raise BadField(param_of(error), f"The request is not in order: {error}.") from None
    _check(fields.messages)
    extra = {name: value for name, value in given.items() if name not in OWN}
    for name in ("tools", "response_format", "service_tier"):
        if name in given:
            extra[name] = given[name]
    sampling = Sampling(
        temperature=fields.temperature,
        top_p=fields.top_p,
        max_output_tokens=_bound(fields),
        stop=(fields.stop,) if isinstance(fields.stop, str) else tuple(fields.stop or ()),
        top_logprobs=_top_logprobs(fields),
        extra=extra,
    )
    return ChatRequest(
        fields.model,
        tuple(fields.messages),
        sampling,
        fields.n or 1,
        fields.seed,
        bool(fields.stream),
        fields.stream_options is not None and fields.stream_options.include_usage,
        fields.outlay,
    )


def _refuse(given: dict[str, Any]) -> None:
    for name in given.keys() & REFUSED.keys():
        raise BadField(name, f"{name} cannot be honoured: {REFUSED[name]}.", code="unsupported_parameter")
    if given.get("modalities") not in (None, ["text"]):
        raise BadField("modalities", "Only text comes back through this server.", code="unsupported_parameter")
    if given.get("service_tier") not in (None, *TIERS):
        told = "This service tier has a price of its own, which this server does not know."
        raise BadField("service_tier", told, code="unsupported_parameter")


def _check(messages: list[Message]) -> None:
    """Whatever reads messages later may rely on a role, and on a content that is a text or a list of parts."""
    for place, message in enumerate(messages):
        if not isinstance(message.get("role"), str):
            raise BadField(f"messages[{place}].role", "Every message needs a role, such as user.")
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        if not isinstance(content, str | list | None) or not all(isinstance(part, dict) for part in parts):
            told = "The content of a message is a text or a list of parts, each of them an object with a type."
            raise BadField(f"messages[{place}].content", told)


def _bound(fields: Fields) -> int | None:
    if fields.max_tokens is None or fields.max_completion_tokens is None:
        return fields.max_completion_tokens or fields.max_tokens
    if fields.max_tokens != fields.max_completion_tokens:
        raise BadField("max_tokens", "max_tokens and max_completion_tokens differ; send one of them.")
    return fields.max_completion_tokens


def _top_logprobs(fields: Fields) -> int | None:
    if fields.logprobs:
        return fields.top_logprobs or 0
    if fields.top_logprobs:
        raise BadField("top_logprobs", "top_logprobs needs logprobs to be true.")
    return None
