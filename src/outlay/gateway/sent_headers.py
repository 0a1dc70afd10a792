"""A request's headers, decoded once: every lookup in Starlette's own goes through all of them."""

from __future__ import annotations

from starlette.requests import Request

_DECODED = "outlay.headers"


def sent_headers(request: Request) -> dict[str, str]:
    """The headers by lower-case name; of several of one name the first.

    Example:
        >>> raw = [(b"x-outlay-kind", b"number"), (b"x-outlay-kind", b"text")]
        >>> sent_headers(Request({"type": "http", "headers": raw}))
        {'x-outlay-kind': 'number'}
    """
    found: dict[str, str] | None = request.scope.get(_DECODED)
    if found is None:
        found = {}
        for name, value in request.scope["headers"]:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        request.scope[_DECODED] = found
    return found
