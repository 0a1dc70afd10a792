"""Reading a request's body: bounded in size and depth, valid JSON in valid UTF-8, or a refusal in one sentence."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from outlay.errors import UsageError
from outlay.gateway.errors import TooLarge

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
    return value


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
