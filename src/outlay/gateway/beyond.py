"""What of a server's reply outlay does not read, gathered over a stream, for the client that is passed through."""

from __future__ import annotations

from typing import Any

from outlay.types import Beyond, Delta

_NOTHING = Beyond()


class Gathered:
    """What the deltas of one reply held beyond the fields that are read.

    Beside the choices and beside a message the last word counts; inside a message pieces are joined as the official
    openai client joins them: texts and lists are appended, objects joined field by field, anything else replaced.

    Example:
        >>> gathered = Gathered()
        >>> gathered.take(0, Delta(beyond=Beyond({"service_tier": "flex"}, {}, {"annotations": [1]})))
        >>> gathered.take(0, Delta(beyond=Beyond({}, {"stop_reason": 7}, {"annotations": [2]})))
        >>> gathered.reply, gathered.of(0).choice, gathered.of(0).message
        ({'service_tier': 'flex'}, {'stop_reason': 7}, {'annotations': [1, 2]})
    """

    def __init__(self) -> None:
        self.reply: dict[str, Any] = {}
        self._choices: dict[int, Beyond] = {}

    def take(self, index: int, delta: Delta) -> None:
        """Take in one delta of a choice."""
        if delta.beyond is not None:
            self.add(index, delta.beyond)

    def add(self, index: int, more: Beyond) -> None:
        """Take in what one delta of a choice held."""
        self.reply = self.reply | more.reply
        before = self.of(index)
        message = _joined(before.message, more.message) if more.message else before.message
        self._choices[index] = Beyond({}, before.choice | more.choice, message)

    def of(self, index: int) -> Beyond:
        """What was gathered of a choice; empty where there was nothing."""
        return self._choices.get(index, _NOTHING)


def _joined(before: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    joined = dict(before)
    for name, value in more.items():
        held = joined.get(name)
        if isinstance(held, dict) and isinstance(value, dict):
            joined[name] = _joined(held, value)
        elif isinstance(held, (str, list)) and type(held) is type(value):
            joined[name] = held + value
        else:
            joined[name] = value
    return joined
