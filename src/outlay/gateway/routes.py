"""The table of addresses."""

from __future__ import annotations

from starlette.routing import Route

from outlay.gateway.chat import chat
from outlay.gateway.contexts import add as add_context
from outlay.gateway.contexts import delete as delete_context
from outlay.gateway.contexts import show as show_context
from outlay.gateway.contexts import show_all as show_contexts
from outlay.gateway.demonstrations import delete as delete_demonstrations
from outlay.gateway.demonstrations import delete_all as delete_all_demonstrations
from outlay.gateway.demonstrations import show_all as show_demonstrations
from outlay.gateway.feedback import feedback
from outlay.gateway.health import health, metrics, ready
from outlay.gateway.models_list import model, models
from outlay.gateway.openapi import openapi
from outlay.gateway.passthrough import completions, embeddings
from outlay.gateway.quote import quote
from outlay.gateway.served import Served
from outlay.gateway.traces import trace

ROUTES = [
    Route("/v1/chat/completions", Served(chat), methods=["POST"]),
    Route("/v1/completions", Served(completions), methods=["POST"]),
    Route("/v1/embeddings", Served(embeddings), methods=["POST"]),
    Route("/v1/models", models, methods=["GET"]),
    Route("/v1/models/{name:path}", model, methods=["GET"]),
    Route("/v1/outlay/quote", quote, methods=["POST"]),
    Route("/v1/outlay/feedback", feedback, methods=["POST"]),
    Route("/v1/outlay/traces/{id}", trace, methods=["GET"]),
    Route("/v1/contexts", add_context, methods=["POST"]),
    Route("/v1/contexts", show_contexts, methods=["GET"]),
    Route("/v1/contexts/{id:path}", show_context, methods=["GET"]),
    Route("/v1/contexts/{id:path}", delete_context, methods=["DELETE"]),
    Route("/v1/demonstrations", show_demonstrations, methods=["GET"]),
    Route("/v1/demonstrations", delete_all_demonstrations, methods=["DELETE"]),
    Route("/v1/demonstrations/{source}", delete_demonstrations, methods=["DELETE"]),
    Route("/health", health, methods=["GET"]),
    Route("/ready", ready, methods=["GET"]),
    Route("/openapi.json", openapi, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]
