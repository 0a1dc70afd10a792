"""Where nobody needs a key, this machine's own programs may buy; a web page that its browser shows may not.

A page of any site can have a browser send requests to this machine, and a name of that site can be made to lead here.
The browser says so in `Origin`, and the name stands in `Host`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from outlay.errors import NotAllowed


def refuse_pages(headers: Mapping[str, str]) -> None:
    """Nothing, unless a request comes from a web page of another machine or was sent to another name.

    Raises:
        NotAllowed: it does.

    Example:
        >>> refuse_pages({"host": "127.0.0.1:8000", "origin": "http://localhost:3000"})
    """
    origin, host = headers.get("origin"), headers.get("host")
    if origin is not None and not _is_here(origin.partition("://")[2]):
        raise NotAllowed(
            "A web page of another machine may not use this server without a key; make one (outlay keys create)."
        )
    if host is not None and not _is_here(host):
        raise NotAllowed(
            "This server answers to this machine's own names alone while it needs no key; ask 127.0.0.1, or make a "
            "key (outlay keys create)."
        )


@lru_cache(maxsize=256)
def _is_here(place: str) -> bool:
    """Whether a host, with or without a port, is this machine by its very name; nothing is looked up."""
    name = place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
    name = name.lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
