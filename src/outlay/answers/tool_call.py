"""The tool calls of a reply: function names with their arguments, in order.

`from_tool_calls` takes the calls as the wire gave them; `extract` reads the ones that a model wrote into its
text (`<tool_call>{…}</tool_call>`). Names and the order of calls count; ids, spacing and key order do not. A
call without arguments is a class like any other; one whose arguments are not a JSON object could not run and
gives no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from json import JSONDecoder
from typing import Any

from outlay.answers import json as json_kind
from outlay.answers._stated import tail

_WRITTEN = re.compile(r"<tool_call>(.{1,20000}?)</tool_call>", re.DOTALL)
_DECODER = JSONDecoder(parse_float=Decimal, parse_int=Decimal)


def extract(text: str) -> str | None:
    """The tool calls written into a text, in canonical form; None where there is none.

    Example:
        >>> extract('<tool_call>{"name": "now", "arguments": {}}</tool_call>')
        '[{"arguments":{},"name":"now"}]'
    """
    text = tail(text)
    written = [m.split("<tool_call>")[-1] for m in _WRITTEN.findall(text)] if "</tool_call>" in text else []
    if written:
        return canonical("[" + ",".join(written) + "]")
    found = json_kind.extract(text)
    return None if found is None else canonical(found)


def from_tool_calls(tool_calls: Sequence[dict[str, Any]]) -> str | None:
    """The calls of a completion in canonical form; None for no call, or one that could not run.

    Args:
        tool_calls: OpenAI's (`{"function": {"name": …, "arguments": "…"}}`) or bare `{"name", "arguments"}`.

    Example:
        >>> from_tool_calls([{"id": "c1", "function": {"name": "add", "arguments": '{"b": 2, "a": 1}'}}])
        '[{"arguments":{"a":1,"b":2},"name":"add"}]'
    """
    calls = [_call(c) for c in tool_calls]
    if not calls or None in calls:
        return None
    try:
        return json_kind.written(calls)
    except (ValueError, ArithmeticError, RecursionError, TypeError):
        return None


def canonical(value: str) -> str | None:
    """The calls with sorted keys and exact numbers, from a JSON list of calls or one call.

    Example:
        >>> canonical('{"name": "now"}')
        '[{"arguments":{},"name":"now"}]'
    """
    calls = _decoded(value)
    if isinstance(calls, dict):
        calls = [calls]
    return from_tool_calls(calls) if isinstance(calls, list) else None


def equal(value: str, reference: str) -> bool:
    r"""Whether two texts hold the same calls in the same order.

    Example:
        >>> equal('{"name": "f", "arguments": {"a": 1}}', '[{"name": "f", "arguments": {"a": 1.0}}]')
        True
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def _call(call: Any) -> dict[str, Any] | None:
    body = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"]:
        return None
    arguments = body.get("arguments", body.get("parameters"))
    if isinstance(arguments, str):
        arguments = _decoded(arguments) if arguments.strip() else {}
    elif arguments is None:
        arguments = {}
    return {"name": body["name"], "arguments": arguments} if isinstance(arguments, dict) else None


def _decoded(text: str) -> Any:
    if len(text) > json_kind.LONGEST:
        return None
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return None
