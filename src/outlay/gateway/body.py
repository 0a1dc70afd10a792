"""Reading a request's body: bounded in size and depth, valid JSON in valid UTF-8, or a refusal in one sentence.

No key stands twice in an object: readers differ in which of the two counts, so a guard in front of this server would
look at one and this server buy the other.
"""

from __future__ import annotations

from json import JSONDecoder
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from outlay.errors import UsageError
from outlay.gateway.errors import BadField, TooLarge

MAX_BYTES = 32 * 2**20
"""Images in messages are large; beyond this a body is refused unread."""
MAX_DEPTH = 64
"""No honest request nests deeper, and everything that walks a body later may recurse."""


async def read(request: Request) -> bytes:
    """The body's bytes.

    Raises:
        TooLarge: more than 32 MiB, said or sent.
        ClientDisconnect: the client left before its end.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or int(said) > MAX_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        UsageError: not valid UTF-8, not JSON, not an object, nested deeper than 64, or with half a surrogate pair.
        BadField: a key stands twice in an object, at whatever depth.

    Example:
        >>> decoded(b'{"n": 2}')
        {'n': 2}
    """
    if not body:
        raise UsageError("The body is empty; send a JSON object.")
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise UsageError("The body is not valid UTF-8.") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError("The body must be a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise _too_deep()
    _each_key_once.decode(body.decode())
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))[:64]
        raise BadField(name, f"The key {name!r} stands twice in the body; send it once.", code="duplicate_key")
    return found


# The fast decoder keeps the last of two in silence. This one reads the same body again, numbers as their texts, since
# it is asked for nothing but its keys: 5 µs for a short body, 1 ms for a text of 1 MB.
_each_key_once = JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, strict=False)


def _deeper(value: Any, most: int) -> bool:
    """Whether containers nest deeper than `most`, without recursion."""
    level = [value]
    for _ in range(most):
        inner = [v for c in level for v in (c.values() if isinstance(c, dict) else c)]
        level = [v for v in inner if isinstance(v, (dict, list))]
        if not level:
            return False
    return True


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than the {MAX_BYTES // 2**20} MiB that this server reads.")


def _too_deep() -> UsageError:
    return UsageError(f"The body nests deeper than {MAX_DEPTH} levels.")
