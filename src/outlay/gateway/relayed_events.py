"""The events of a server's streamed reply for the client: as they came, but for the model's name and the end.

The end is held back until everything is settled, so that whoever has seen a finish reason has seen a whole reply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outlay.gateway.chat_reply import account_of
from outlay.types import Answer

Emit = Callable[[bytes], None]


class Events:
    """What goes out of one streamed reply.

    Args:
        model: the name it was asked for by.
        emit: sends one event.
        include_usage: whether the client asked for the usage, which the server was asked for in any case.
    """

    def __init__(self, model: str, emit: Emit, *, include_usage: bool):
        self._model, self._emit, self._include_usage = model, emit, include_usage
        self._held: list[dict[str, Any]] = []

    def take(self, event: dict[str, Any]) -> None:
        """Send an event on, or hold it back where it ends a choice."""
        if "model" in event:
            event = {**event, "model": self._model}
        choices = event.get("choices") or ()
        if not choices and event.get("usage") is not None and not self._include_usage:
            return
        if not choices or any(isinstance(c, dict) and c.get("finish_reason") for c in choices):
            self._held.append(event)
        else:
            self._emit(_line(event))

    def end(self, answer: Answer) -> None:
        """Send what was held back; the last event carries what outlay has to say."""
        *rest, last = self._held or [{"object": "text_completion", "model": self._model, "choices": []}]
        for event in rest:
            self._emit(_line(event))
        self._emit(_line({**last, "outlay": account_of(answer)}))


def _line(event: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
