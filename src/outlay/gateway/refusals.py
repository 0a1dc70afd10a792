"""Around the routes: whatever fails in them becomes a reply in OpenAI's shape, in one layer.

Starlette's own two layers do the same, and each stands in the way of every message of every reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from outlay.errors import OutlayError, UsageError
from outlay.gateway.errors import NotFound, body_of, headers_of, status_of
from outlay.gateway.insides import worded
from outlay.gateway.logs import BEGUN, CLIENT_LEFT
from outlay.gateway.state import state_of


class Refusals:
    """Serves an application; a failure before its reply has begun is told in a reply of its own."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._app(scope, receive, send)
        except (OutlayError, HTTPException, ClientDisconnect) as error:
            if scope.get(BEGUN):
                raise
            reply = _told(Request(scope), error)
            # An exception that is kept and raised again would gather the frames of every request it ended.
            error.__traceback__ = None
        except Exception:
            # The boundary: whatever is left is a defect of outlay's, told without its insides; the server logs it.
            if scope["type"] == "http" and not scope.get(BEGUN):
                await _defect()(scope, receive, send)
            raise
        else:
            return
        await reply(scope, receive, send)


def _told(request: Request, error: Exception) -> Response:
    if isinstance(error, OutlayError):
        return _response(status_of(error), worded(request, error), headers_of(error))
    if isinstance(error, HTTPException):
        return _http(request, error)
    state_of(request).metrics.left.inc()
    return Response(status_code=CLIENT_LEFT)


def _http(request: Request, error: HTTPException) -> Response:
    """An address that is not there, or not for this method."""
    told: Mapping[str, str] = error.headers or {}
    if error.status_code == 404:
        return _response(
            404, body_of(NotFound(f"There is nothing at {request.url.path}.", code="not_found")), told
        )
    refusal = UsageError(f"{request.method} does not work on {request.url.path}.")
    refusal.status = error.status_code
    return _response(error.status_code, body_of(refusal), told)


def _defect() -> Response:
    # The server closes the connection after a defect; a client that is not told would send its next request on it.
    closing = {"connection": "close"}
    return _response(500, body_of(OutlayError("This server has a defect; its log says more.")), closing)


def _response(status: int, body: bytes, headers: Mapping[str, Any]) -> Response:
    return Response(body, status_code=status, media_type="application/json", headers=dict(headers))
