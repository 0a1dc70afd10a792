"""Server-sent events from bytes: an incremental parser that gives the same events on any split.

Only the `data` of an event is kept: chat completion streams put everything there, and an `event:` name never
changes what the data means. The parser is linear in the bytes it is fed and holds at most one unfinished event.
"""

from __future__ import annotations

from outlay.errors import BadReply

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event longer than this is refused: no honest server sends one, and memory stays bounded."""


class Events:
    r"""An incremental parser of one stream: feed it bytes as they arrive, get the data of each finished event.

    Lines may end in `\n`, `\r\n` or `\r`; comments (keep-alives) and unknown fields are skipped; several `data`
    lines of one event are joined with `\n`; a byte-order mark at the start is ignored. Text is not decoded
    here, so a multi-byte character may be split anywhere.

    Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream". One difference: an event that the end of
    the stream cut off is given by `close`, because some servers omit the last blank line.

    Example:
        >>> events = Events()
        >>> events.feed(b"data: 1"), events.feed(b"7\r\n\r"), events.feed(b"\n: hello\n\ndata: 2\n\n")
        ([], [b'17'], [b'2'])
    """

    __slots__ = ("_data", "_line", "_line_bytes", "_size", "_skip_newline", "_started")

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._data: list[bytes] = []
        self._size = 0
        self._skip_newline = False
        self._started = False

    def feed(self, block: bytes) -> list[bytes]:
        """The data of every event that `block` finishes, in order.

        Raises:
            BadReply: an event is longer than 16 MiB.
        """
        if self._skip_newline and block:
            self._skip_newline = False
            if block.startswith(b"\n"):
                block = block[1:]
        if not block:
            return []
        if b"\r" in block:
            # A carriage return at the very end may be the first half of a pair whose second half comes next.
            self._skip_newline = block.endswith(b"\r")
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not self._line and not self._data and (whole := _whole(block)) is not None:
            self._started = True
            return whole
        first, *rest = block.split(b"\n")
        self._hold(first)
        found: list[bytes] = []
        for part in rest:
            self._end_line(found)
            self._hold(part)
        return found

    def close(self) -> list[bytes]:
        """The data of an event that the end of the stream left without its blank line: none or one."""
        found: list[bytes] = []
        if self._line:
            self._end_line(found)
        self._dispatch(found)
        return found

    def _hold(self, part: bytes) -> None:
        if not part:
            return
        self._line_bytes += len(part)
        if self._size + self._line_bytes > MAX_EVENT_BYTES:
            raise BadReply(
                "The server sent a single event of more than 16 MiB; is this really a chat server?", billed=True
            )
        self._line.append(part)

    def _end_line(self, found: list[bytes]) -> None:
        line = b"".join(self._line) if len(self._line) != 1 else self._line[0]
        self._line.clear()
        self._line_bytes = 0
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            self._dispatch(found)
        elif line.startswith(b"data:"):
            self._keep(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            self._keep(b"")

    def _keep(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1

    def _dispatch(self, found: list[bytes]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            if data:
                found.append(data)


def _whole(block: bytes) -> list[bytes] | None:
    """The data of a block of whole events of one `data` line each, as servers mostly send them; None for any other."""
    if not (block.startswith(b"data: ") and block.endswith(b"\n\n")) or len(block) > MAX_EVENT_BYTES:
        return None
    found = block[6:-2].split(b"\n\ndata: ")
    if block.count(b"\n") != 2 * len(found):
        return None
    return [data for data in found if data]
