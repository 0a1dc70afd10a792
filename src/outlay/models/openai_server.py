"""Questions that a chat server answers free of charge: its models, its slots, its template, its tokenizer."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from outlay.models.http_connection import Response
from outlay.models.openai_http import Http
from outlay.models.openai_wire import ListedModel, ModelList, Props, Rendered, Tokenized

T = TypeVar("T")


async def listed(http: Http, model: str) -> ListedModel:
    """The server's entry for a model, or what other entries say about the server; empty without a list.

    Raises:
        AuthError: the key is wrong. A key may be good for chat and not for the list: 403 counts as no list.
        ProviderError: the server fails.
    """
    found = await _get(http, f"{http.base_url}/models", ModelList)
    entries = (found.data or []) if found else []
    first = entries[0] if entries else ListedModel()
    # A server of one model takes any name for it.
    other = first if len(entries) == 1 else ListedModel(owned_by=first.owned_by)
    return next((m for m in entries if m.id == model), other)


async def props(http: Http) -> Props:
    """How many choices a llama.cpp server draws at once and what its template shows, as far as it says so."""
    return await _get(http, f"{http.root}/props", Props) or Props()


async def rendered(http: Http, body: dict[str, Any]) -> str | None:
    """The prompt that llama.cpp makes of a chat request, or None where it does not say."""
    # Only what shapes the prompt: other fields would be validated as for a real request.
    names = ("messages", "tools", "tool_choice", "chat_template_kwargs")
    shaping = {name: body[name] for name in names if name in body}
    found = await _decoded(http, await http.open("POST", f"{http.root}/apply-template", shaping), Rendered)
    return None if found is None else found.prompt


async def n_tokens(http: Http, text: str, *, special: bool) -> int | None:
    """Tokens of a text by llama.cpp's tokenizer, or None; `special`: the text is a rendered prompt."""
    body = {"content": text, "add_special": special, "parse_special": special}
    found = await _decoded(http, await http.open("POST", f"{http.root}/tokenize", body), Tokenized)
    return None if found is None else len(found.tokens)


async def _get(http: Http, url: str, kind: type[T]) -> T | None:
    response = await http.open("GET", url)
    if response.status == 401 or response.status >= 500:
        error, _ = await http.refused(response)
        raise error
    return await _decoded(http, response, kind)


async def _decoded(http: Http, response: Response, kind: type[T]) -> T | None:
    """The reply as `kind`, or None where the server has no such address or answers something else."""
    try:
        raw = await http.document(response) if response.status == 200 else b""
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        response.close()
