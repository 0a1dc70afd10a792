"""A streamed reply that is no chat, event by event as it came: its usage, its failures, and whether it is whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from outlay.errors import BadReply
from outlay.models.errors_http import Redactor, http_error, problem_of
from outlay.models.http_connection import Response
from outlay.models.openai_http import Http
from outlay.models.openai_reply import DONE, broke_off, document
from outlay.models.sse import Events
from outlay.types import Usage


async def pieces(http: Http, response: Response) -> AsyncGenerator[tuple[dict[str, Any], Usage | None], None]:
    """The events of an open reply, each with the usage in it; a reply in one piece is one event.

    Closing the iterator closes the connection, which stops generation upstream.

    Raises:
        ProviderError: the reply is not whole, or an event of it is an error.
    """
    events = Events() if response.content_type == "text/event-stream" else None
    reply = Pieces(http.host, http.redact)
    try:
        while not reply.done:
            block = await (http.block(response) if events else http.document(response))
            found = [block] if events is None else events.feed(block) if block else events.close()
            for data in found:
                if (piece := reply.event(data)) is not None:
                    yield piece
            if events is None or not block:
                break
        reply.close()
        if reply.done:
            await http.drain(response)
    finally:
        response.close()


class Pieces:
    """The state of one streamed reply.

    Args:
        host: the server's name for sentences.
        redact: applied to everything the server says in errors.
    """

    def __init__(self, host: str, redact: Redactor):
        self._host, self._redact = host, redact
        self._begun: set[Any] = set()
        self._ended: set[Any] = set()
        self.done = False

    def event(self, data: bytes) -> tuple[dict[str, Any], Usage | None] | None:
        """One event and the usage in it; None for the mark of the end.

        Raises:
            BadReply: it is not a JSON object.
            ProviderError: it is an error.
        """
        if data == DONE:
            self.done = True
            return None
        said, usage = document(data, self._host)
        if said.get("error"):
            raise self._failed(said["error"])
        for choice in said.get("choices") or ():
            if isinstance(choice, dict):
                self._begun.add(choice.get("index"))
                if choice.get("finish_reason"):
                    self._ended.add(choice.get("index"))
        return said, usage

    def close(self) -> None:
        """Nothing, if the reply was whole.

        Raises:
            BadReply: it was empty or broke off.
        """
        if not self._begun:
            told = f"{self._host} sent an empty reply; try again, or check the base URL."
            raise BadReply(told, retryable=True, billed=True)
        if not self.done and self._begun - self._ended:
            raise broke_off(self._host)

    def _failed(self, error: Any) -> Exception:
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        failure = http_error(self._host, status, {}, problem_of({"error": error}), self._redact)
        failure.billed = bool(self._begun)
        return failure
