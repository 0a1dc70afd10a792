"""The tool calls of a reply: those that the server took out of it, else those that the model wrote into its text."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from outlay.answers import json as json_kind
from outlay.types import Completion

OPEN, CLOSE = "<tool_call>", "</tool_call>"
LARGEST = 100_000
"""Characters of one call that are read."""


class Call(Struct, frozen=True):
    """One call as a model asked for it. `wrong` says why it cannot be made, where it cannot."""

    name: str = ""
    arguments: dict[str, Any] = {}
    id: str = ""
    wrong: str = ""


def calls_of(completion: Completion) -> tuple[Call, ...]:
    r"""The calls of a reply in their order; none makes it an answer.

    A call without its tags counts where the reply holds JSON of exactly that shape: small models forget the tags. A
    call that is no JSON, names no tool or is cut stays among them, with what is wrong: the model shall read it.

    Example:
        >>> from outlay.types import Usage
        >>> text = 'Let me look. <tool_call>{"name": "find", "arguments": {"q": "a"}}</tool_call>'
        >>> [(c.name, c.arguments) for c in calls_of(Completion(text, "stop", Usage(1, 1)))]
        [('find', {'q': 'a'})]
    """
    if completion.tool_calls:
        return tuple(_native(call) for call in completion.tool_calls)
    found: list[Call] = []
    at = completion.text.find(OPEN)
    while at >= 0:
        start = at + len(OPEN)
        following, end = completion.text.find(OPEN, start), completion.text.find(CLOSE, start)
        if end < 0:
            end = following if following >= 0 else len(completion.text)
        found.append(_written(completion.text[start:end]))
        at = completion.text.find(OPEN, end)
    return tuple(found) or _untagged(completion.text)


def _untagged(text: str) -> tuple[Call, ...]:
    written = json_kind.extract(text)
    if written is None or '"arguments"' not in written:
        return ()
    call = _written(written)
    return () if call.wrong or set(msgspec.json.decode(written)) != {"name", "arguments"} else (call,)


def _native(call: dict[str, Any]) -> Call:
    body = call.get("function")
    body = body if isinstance(body, dict) else {}
    given = body.get("arguments") or "{}"
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    return _call(body.get("name"), text, str(call.get("id") or ""))


def _written(text: str) -> Call:
    try:
        said = msgspec.json.decode(text.strip()[:LARGEST])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Call(wrong=f"this is no JSON: {error}")
    if not isinstance(said, dict):
        return Call(wrong="a call is an object with name and arguments")
    given = said.get("arguments", {})
    return _call(said.get("name"), msgspec.json.encode(given).decode(), "")


def _call(name: Any, arguments: str, id: str) -> Call:
    if not isinstance(name, str) or not name:
        return Call(id=id, wrong="a call names a tool")
    try:
        given = msgspec.json.decode(arguments[:LARGEST])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Call(name, id=id, wrong=f"its arguments are no JSON: {error}")
    if not isinstance(given, dict):
        return Call(name, id=id, wrong="its arguments are no object")
    return Call(name, given, id)
