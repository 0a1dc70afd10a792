"""A request's headers, decoded once: every lookup in Starlette's own goes through all of them."""

from __future__ import annotations

from starlette.requests import Request

from outlay.errors import UsageError

_DECODED = "outlay.headers"
_ONCE = frozenset({"authorization", "host", "idempotency-key", "origin"})
"""Headers of which two would let a proxy in front look at one and this server act on the other; `x-outlay-…` too."""


def sent_headers(request: Request) -> dict[str, str]:
    """The headers by lower-case name; of several of one name the first.

    Raises:
        UsageError: one that decides who asks for what stands twice.

    Example:
        >>> raw = [(b"accept", b"text/html"), (b"accept", b"text/plain")]
        >>> sent_headers(Request({"type": "http", "headers": raw}))
        {'accept': 'text/html'}
    """
    found: dict[str, str] | None = request.scope.get(_DECODED)
    if found is None:
        found = {}
        for name, value in request.scope["headers"]:
            key = name.decode("latin-1")
            if key in found and (key in _ONCE or key.startswith("x-outlay-")):
                raise UsageError(f"The header {key} stands twice; send it once.")
            found.setdefault(key, value.decode("latin-1"))
        request.scope[_DECODED] = found
    return found
