"""From the name that a user writes to an opened model: local/…, recorded/…, a name of outlay.toml, or a server's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from outlay import plugins
from outlay.config import Config, ModelEntry
from outlay.errors import UsageError, nearest
from outlay.models.endpoints import OPENAI
from outlay.models.limiter import Limiters
from outlay.models.provider import Provider
from outlay.money import FREE, Price, nusd

FORMS = (
    "local/NAME, local/PATH.gguf, recorded/FILE, words/DIMENSIONS, a name of outlay.toml, a provider of your own as "
    "package.module:object, or a model of the server at OPENAI_BASE_URL"
)


def open_model(
    name: str,
    config: Config,
    *,
    seed: int = 0,
    env: Mapping[str, str] = os.environ,
    limiters: Limiters | None = None,
) -> Provider:
    """The provider of a model; nothing is started or asked before its first use.

    Args:
        name: `local/qwen2.5-coder-0.5b`, `local/PATH.gguf`, `recorded/FILE`, `words/384` (an embedder that needs no
            model), a name of `[models]` in outlay.toml, or the name of a model of the OpenAI-compatible server at
            `OPENAI_BASE_URL` (`openai/NAME` or `NAME`), or `package.module:object`: a
            `Provider` of your own, or a function without arguments that makes one.
        config: the configuration.
        seed: permutes the samples of recorded models.
        env: where keys are read.
        limiters: the gates that whoever asks the same model shares; None opens it with one of its own.

    Raises:
        UsageError: no such form, a model file that is not there, or a missing key.
    """
    head, _, rest = name.partition("/")
    if head == "local" and rest:
        from outlay.models.local import local

        return local(rest)
    if head == "recorded" and rest:
        from outlay.models.recorded import recorded

        return recorded(rest, seed=seed)
    if head == "words" and rest:
        from outlay.models.words import words

        return words(rest)
    gates = limiters or Limiters()
    if name in config.models:
        return _server(config.models[name], env, name, gates)
    if _is_dotted(name):
        return _own(name)
    if not name or name.startswith("/") or name.endswith((".gguf", ".json")):
        raise UsageError(f"There is no model {name!r}; write {FORMS}.")
    if not env.get("OPENAI_API_KEY") and not env.get("OPENAI_BASE_URL"):
        known = [*config.models, *(f"local/{n}" for n in _catalogue())]
        raise UsageError(
            f"There is no model {name!r} ({nearest(name, known)}) and no server to ask: set "
            f"OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own."
        )
    return _server(ModelEntry(model=rest if head == "openai" and rest else name), env, name, gates)


def _is_dotted(name: str) -> bool:
    """Whether a name is `package.module:object`; `qwen2.5:7b`, a model of a server, is not."""
    module, colon, attribute = name.partition(":")
    parts = module.split(".")
    return bool(colon) and len(parts) > 1 and all(part.isidentifier() for part in (*parts, attribute))


def _own(name: str) -> Provider:
    found = plugins.load("model", name)
    made: Any = (
        found() if isinstance(found, type) or (not hasattr(found, "stream") and callable(found)) else found
    )
    if not hasattr(made, "stream") or not hasattr(made, "card"):
        raise UsageError(f"{name} is no model: it must be an outlay Provider, or a function that makes one.")
    return made


def _server(entry: ModelEntry, env: Mapping[str, str], name: str, limiters: Limiters) -> Provider:
    from outlay.models.openai_chat import openai_chat
    from outlay.models.openai_embeddings import openai_embeddings

    base_url = entry.base_url or env.get("OPENAI_BASE_URL") or OPENAI
    key = env.get(entry.api_key_env, "")
    if not key and base_url == OPENAI:
        raise UsageError(f"The key of {entry.model} is missing: set {entry.api_key_env}.")
    headers = {
        header: env[variable]
        for header, variable in (
            ("OpenAI-Organization", "OPENAI_ORG_ID"),
            ("OpenAI-Project", "OPENAI_PROJECT_ID"),
        )
        if env.get(variable)
    }
    if entry.embeds:
        price = price_of(entry, base_url)
        return openai_embeddings(
            entry.model,
            base_url=base_url,
            api_key=key,
            headers=headers,
            price=price,
            concurrency=entry.concurrency,
        )
    if entry.rates:
        from outlay.models.openai_rewards import openai_rewards

        return openai_rewards(
            entry.model,
            base_url=base_url,
            dialect="sglang" if entry.dialect == "sglang" else "vllm",
            api_key=key,
            headers=headers,
            price=price_of(entry, base_url),
            concurrency=entry.concurrency,
        )
    return openai_chat(
        entry.model,
        base_url=base_url,
        api_key=key,
        dialect=entry.dialect,
        headers=headers,
        price=price_of(entry, base_url),
        context_tokens=entry.context_tokens,
        max_output_tokens=entry.max_output_tokens,
        image_tokens=entry.image_tokens,
        max_n=entry.max_n,
        concurrency=entry.concurrency,
        limiter=limiters.of(name, entry.concurrency),
    )


def price_of(entry: ModelEntry, base_url: str) -> Price | None:
    """The price of a server's model without asking the server: the user's own, else the snapshot's, else None.

    Raises:
        UsageError: the entry gives half a price.
    """
    if entry.free:
        return FREE
    if entry.input_usd_per_mtok is not None and entry.output_usd_per_mtok is not None:
        return Price(
            nusd(entry.input_usd_per_mtok),
            nusd(entry.output_usd_per_mtok),
            None if entry.cache_read_usd_per_mtok is None else nusd(entry.cache_read_usd_per_mtok),
            None if entry.cache_write_usd_per_mtok is None else nusd(entry.cache_write_usd_per_mtok),
            source="outlay.toml",
            date="",
        )
    if entry.input_usd_per_mtok is not None or entry.output_usd_per_mtok is not None:
        raise UsageError(
            f"The price of {entry.model} is half there: give input_usd_per_mtok and output_usd_per_mtok."
        )
    from outlay.models.prices import lookup

    return lookup(entry.model, base_url=base_url, on=datetime.now(UTC).date())


def _catalogue() -> list[str]:
    from outlay.models.catalogue import CATALOGUE

    return list(CATALOGUE)
