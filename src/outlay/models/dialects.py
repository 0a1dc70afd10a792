"""What the servers that speak OpenAI's chat protocol do differently, as one table of facts.

A dialect is stated by the user or named by the server itself (`owned_by` in its model list), never guessed from
the text of a URL: a gateway in front of vLLM has any address, and a strict server refuses fields it does not
know.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from msgspec import Struct

from outlay.errors import UsageError, nearest
from outlay.types import Request

# Everything that decides how much is bought, or how the reply is read, is set from the request alone.
OWN_FIELDS = frozenset({
    "model", "messages", "stream", "stream_options", "n", "best_of", "max_tokens", "max_completion_tokens",
    "seed", "logprobs", "top_logprobs",
})  # fmt: skip
# Servers hold seeds in 31, 32 or 64 bits; the least of them is understood by all in the same way.
SEEDS = 2**31 - 1


class Dialect(Struct, frozen=True):
    """How one family of servers is spoken to.

    `owned_by`: the word by which the server names itself in its model list. `neutral`: sampling fields that
    make it draw from the model's own distribution when the buyer chose no truncation (its defaults would
    distort the samples). `prefix`: fields that make it continue a last assistant message, or None where it
    cannot. `usage_per_choice`: each choice of a streamed request brings a usage of its own, which repeats the
    whole prompt. `running_usage`: the server counts in every chunk if asked to, so that a stream that is cut can be
    settled at what was written. `least_top_logprobs`: the smallest `top_logprobs` that reports anything.
    `has_tokenizer`: `/apply-template` and `/tokenize` exist.
    """

    name: str
    owned_by: str
    max_tokens_field: str = "max_tokens"
    neutral: MappingProxyType[str, Any] = MappingProxyType({})
    prefix: MappingProxyType[str, Any] | None = None
    usage_per_choice: bool = False
    running_usage: bool = False
    least_top_logprobs: int = 0
    has_tokenizer: bool = False
    hides_reasoning: bool = False
    max_n: int = 128
    abilities: frozenset[str] = frozenset({"chat", "n", "logprobs", "seed", "tools"})


_CONTINUE = MappingProxyType({"continue_final_message": True, "add_generation_prompt": False})
# vLLM and SGLang take the model's generation_config as defaults, a repetition penalty included; SGLang refuses
# top_k 0, llama.cpp means "all" by it.
_NEUTRAL_GPU = MappingProxyType({"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0})
_NEUTRAL_LLAMA = MappingProxyType({"top_p": 1.0, "top_k": 0, "min_p": 0.0})
_OPEN = frozenset({"chat", "n", "logprobs", "seed", "prefix", "tools"})

DIALECTS = {
    d.name: d
    for d in (
        Dialect("openai", "openai", max_tokens_field="max_completion_tokens", hides_reasoning=True),
        Dialect("vllm", "vllm", neutral=_NEUTRAL_GPU, prefix=_CONTINUE, running_usage=True, abilities=_OPEN),
        Dialect("sglang", "sglang", neutral=_NEUTRAL_GPU, prefix=_CONTINUE, running_usage=True, abilities=_OPEN),
        Dialect(
            "llama.cpp", "llamacpp", neutral=_NEUTRAL_LLAMA, prefix=MappingProxyType({}), usage_per_choice=True,
            least_top_logprobs=1, has_tokenizer=True, abilities=_OPEN,
        ),
    )
}  # fmt: skip
"""Every dialect by the name a user writes."""


def dialect(name: str) -> Dialect:
    """The dialect that a user calls `name`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in DIALECTS:
        raise UsageError(f"There is no dialect {name!r}; {nearest(name, DIALECTS)}")
    return DIALECTS[name]


def named_by(owned_by: str) -> Dialect:
    """The dialect of a server that calls itself `owned_by`; plain OpenAI for every other word."""
    return next((d for d in DIALECTS.values() if d.owned_by == owned_by), DIALECTS["openai"])


def body(spoken: Dialect, model: str, request: Request) -> dict[str, Any]:
    """The JSON body that asks a server of this dialect for `request`, streaming fields left out.

    `sampling.extra` is sent untouched. An absent temperature means 1 for servers that run open models, and the
    provider's default for OpenAI's; in a verbatim request it means what the server means by it.

    Raises:
        UsageError: `extra` holds a field that decides how much is bought.

    Example:
        >>> from outlay.types import Request
        >>> body(DIALECTS["openai"], "m", Request(({"role": "user", "content": "hi"},), 9, seed=2**31))
        {'model': 'm', 'messages': [{'role': 'user', 'content': 'hi'}], 'max_completion_tokens': 9, 'seed': 1}
    """
    sampling = request.sampling
    refused = sorted(OWN_FIELDS & sampling.extra.keys())
    if refused:
        raise UsageError(f"{refused[0]} is set by outlay and cannot be passed as an extra field; leave it out.")
    fields = {
        "model": model,
        "messages": list(request.messages),
        spoken.max_tokens_field: request.max_output_tokens,
        "n": request.n if request.n > 1 else None,
        "seed": request.seed if request.seed is None or request.verbatim else request.seed % SEEDS,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stop": list(sampling.stop) or None,
    }
    made = {name: value for name, value in fields.items() if value is not None}
    if spoken.neutral and not request.verbatim:
        made.setdefault("temperature", 1.0)
        if sampling.top_p is None:
            made |= spoken.neutral
    return made | _logprob_fields(spoken, request) | _prefixed(spoken, request) | sampling.extra


def _logprob_fields(spoken: Dialect, request: Request) -> dict[str, Any]:
    if request.sampling.top_logprobs is None:
        return {}
    top = max(request.sampling.top_logprobs, spoken.least_top_logprobs)
    return {"logprobs": True, "top_logprobs": top} if top else {"logprobs": True}


def _prefixed(spoken: Dialect, request: Request) -> dict[str, Any]:
    if not request.prefix:
        return {}
    message = {"role": "assistant", "content": request.prefix}
    return {"messages": [*request.messages, message], **(spoken.prefix or {})}
