"""How a server is asked for a stream: in the best way that it takes, found out by being refused, and remembered.

Refused requests are not billed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outlay.errors import BadRequest, ProviderError, Unreachable
from outlay.models.errors_http import Problem
from outlay.models.limiter import Place
from outlay.models.openai_http import Http

# Too many requests, no capacity, and what some providers say for it; with no status: no connection was accepted.
_OVERLOADED = frozenset({429, 503, 529})
# How to ask for a stream, the best way first.
_WAYS: tuple[dict[str, Any], ...] = (
    {"stream": True, "stream_options": {"include_usage": True}},
    {"stream": True},
    {},
)
# In each chunk, from servers that can. Only of one choice: with several, each chunk counts but its own.
_RUNNING: dict[str, Any] = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}


class Ways:
    """The way in which one server takes requests for streams.

    Args:
        http: the server.
        one_choice: told that the server blames the parameter `n`.
    """

    def __init__(self, http: Http, one_choice: Callable[[], None]):
        self._http, self._one_choice = http, one_choice
        self._way = 0

    async def ask(self, url: str, body: dict[str, Any], place: Place, *, n: int, counts: bool) -> Any:
        """The open reply with status 200, streamed in the best way that the server takes.

        Args:
            url: the whole address.
            body: the request without its fields about streaming.
            place: learns how it fared.
            n: choices asked for.
            counts: the server can count in every chunk.

        Raises:
            ProviderError: it was refused, or no connection came about.
        """
        way, running = self._way, _RUNNING if n == 1 and counts else {}
        while True:
            place.sent()
            try:
                response = await self._http.open("POST", url, body | _WAYS[way] | (running if way == 0 else {}))
            except Unreachable as error:
                raise _told(place, error, 0) from None
            if response.status == 200:
                place.answered()
                # Only what has worked is remembered: a refusal may mention streams for another reason.
                self._way = way
                return response
            error, said = await self._http.refused(response)
            if isinstance(error, BadRequest) and n > 1 and said.param == "n":
                self._one_choice()
            other = _other_way(way, said)
            if other is None or not isinstance(error, BadRequest) or error.fatal:
                raise _told(place, error, response.status)
            way = other

    async def ask_whole(self, url: str, body: dict[str, Any], place: Place) -> Any:
        """The open reply with status 200 to a request as it is; `place` learns how it fared.

        Raises:
            ProviderError: it was refused, or no connection came about.
        """
        place.sent()
        try:
            response = await self._http.open("POST", url, body)
        except Unreachable as error:
            raise _told(place, error, 0) from None
        if response.status != 200:
            raise _told(place, (await self._http.refused(response))[0], response.status)
        place.answered()
        return response


def _told(place: Place, error: ProviderError, status: int) -> ProviderError:
    """The error, of which the gate learns where it says that the upstream has too much to do."""
    refused = status in _OVERLOADED or (isinstance(error, Unreachable) and not error.billed)
    if refused and error.retryable:
        place.overloaded()
    return error


def _other_way(way: int, said: Problem) -> int | None:
    """The next of `_WAYS` to try after a refusal, or None where the refusal is not about streaming."""
    text = f"{said.param} {said.message}".lower()
    if "stream_options" in text or "include_usage" in text:
        return 1 if way == 0 else None
    return 2 if way < 2 and "stream" in text else None
