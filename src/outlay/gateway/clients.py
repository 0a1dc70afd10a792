"""Whether the client of a request is still there, as its connection tells it: no task need listen for its end."""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

CLIENT = "outlay.client"
"""Where a request's scope holds its `Client`; absent under a server that is not ours."""


class Client:
    """Who sent the requests of one connection; they are served one after the other."""

    __slots__ = ("_flow", "_left", "gone")

    def __init__(self, flow: FlowControl):
        self._flow, self.gone = flow, False
        self._left: Callable[[], object] | None = None

    def watch(self, left: Callable[[], object]) -> None:
        """Have `left` called when the client leaves."""
        # The end of a connection is seen only while it is read; a large body may have paused that.
        self._flow.resume_reading()
        self._left = left

    def unwatch(self) -> None:
        """Have nothing called any more."""
        self._left = None

    def leave(self) -> None:
        """The connection is gone."""
        self.gone = True
        if self._left is not None:
            self._left()
