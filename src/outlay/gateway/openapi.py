"""`GET /openapi.json`: this server's addresses as an OpenAPI document, from its routes and the structs they read."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outlay.gateway import chat_request, contexts, feedback, passthrough
from outlay.gateway.errors import Problem
from outlay.gateway.options import Options
from outlay.gateway.quote import Quote

_READS: dict[str, type] = {
    "/v1/chat/completions": chat_request.Fields,
    "/v1/outlay/quote": chat_request.Fields,
    "/v1/completions": passthrough.Plain,
    "/v1/embeddings": passthrough.Plain,
    "/v1/outlay/feedback": feedback.Given,
    "/v1/contexts": contexts.Given,
}
"""What the body of a POST is read as; fields beyond a chat's or a completion's own are sent on to the model."""
_TELLS: dict[str, type] = {"/v1/outlay/quote": Quote}
_STREAMS = frozenset({"/v1/chat/completions", "/v1/completions"})
_TEXT = frozenset({"/metrics"})
_EVENT = {"type": "object", "properties": {"data": {"type": "string"}}}
"""A server-sent event: a chunk of the reply, or `[DONE]`."""
_REF = "#/components/schemas/{name}"


async def openapi(request: Request) -> Response:
    """The document of this server."""
    return Response(msgspec.json.encode(document(request.app.routes)), media_type="application/json")


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a table of routes.

    Example:
        >>> from outlay.gateway.routes import ROUTES
        >>> document(ROUTES)["paths"]["/health"]["get"]["summary"]
        '200 while the process answers; asks nothing of anybody.'
    """
    structs = (*dict.fromkeys(_READS.values()), *_TELLS.values(), Problem, Options)
    found, components = msgspec.json.schema_components(structs, ref_template=_REF)
    refs = dict(zip(structs, found, strict=True))
    # The options are read apart, since headers can say them too.
    components["Fields"]["properties"]["outlay"] = {"anyOf": [refs[Options], {"type": "null"}]}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, Route) and route.methods:
            path = route.path.replace(":path}", "}")
            for method in sorted(route.methods - {"HEAD"}):
                paths.setdefault(path, {})[method.lower()] = _operation(route, path, method, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "outlay", "version": version("outlay")},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(route: Route, path: str, method: str, refs: dict[type, dict[str, Any]]) -> dict[str, Any]:
    said = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
    problem = {"type": "object", "properties": {"error": refs[Problem]}, "required": ["error"]}
    failed = {"description": "Refused or failed.", "content": {"application/json": {"schema": problem}}}
    told: dict[str, Any] = {
        "text/plain" if path in _TEXT else "application/json": {"schema": _told(path, refs)}
    }
    if path in _STREAMS:
        told["text/event-stream"] = {"schema": _EVENT}
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}{path.replace('/', '_').replace('{', '').replace('}', '')}",
        "summary": said,
        "responses": {
            "200": {"description": said, "content": told},
            "4XX": failed,
            "5XX": failed,
        },
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in names
        ]
    if method == "POST" and path in _READS:
        body = {"application/json": {"schema": refs[_READS[path]]}}
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _told(path: str, refs: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if path in _TEXT:
        return {"type": "string"}
    return refs[_TELLS[path]] if path in _TELLS else {"type": "object"}
