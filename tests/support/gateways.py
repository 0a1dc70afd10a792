"""A gateway on loopback in this event loop, over a fake upstream or any configuration, and clients of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import uvicorn
from starlette.applications import Starlette
from upstream import Upstream

from outlay.config import Config, ModelEntry
from outlay.gateway.app import app
from outlay.gateway.joined_writes import JoinedWrites

PRICED = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 4.0}


class Gateway:
    """One running gateway: its address, its state, the lines of its log, and an openai client of it."""

    def __init__(self, server: uvicorn.Server, application: Starlette, log: list[dict[str, Any]], port: int):
        self.server, self.application, self.log = server, application, log
        self.root = f"http://127.0.0.1:{port}"
        self.port = port
        self.clients: list[openai.AsyncOpenAI] = []

    @property
    def state(self) -> Any:
        """The gateway's live objects."""
        return self.application.state.gateway

    def client(self, key: str = "none", **options: Any) -> openai.AsyncOpenAI:
        """The official client, which retries nothing by itself."""
        # Nothing here is encrypted, and reading the system's certificates takes longer than most tests.
        bare = openai.DefaultAsyncHttpxClient(verify=False)
        made = openai.AsyncOpenAI(
            base_url=f"{self.root}/v1", api_key=key, max_retries=0, http_client=bare, **options
        )
        self.clients.append(made)
        return made

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, decoded body and headers of a POST; `body` is sent as it is if it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._request("POST", path, data, headers)

    async def get(self, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, decoded body and headers of a GET."""
        return await self._request("GET", path, None, headers)

    async def _request(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Any:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.root + path, data=data, headers=told) as reply,
        ):
            raw = await reply.read()
            is_json = reply.content_type == "application/json"
            lowered = {name.lower(): value for name, value in reply.headers.items()}
            return reply.status, json.loads(raw) if is_json else raw, lowered


@asynccontextmanager
async def gateway(config: Config, **options: Any) -> AsyncIterator[Gateway]:
    """A running gateway of this configuration, over a ledger in memory."""
    log: list[dict[str, Any]] = []
    options.setdefault("store", ":memory:")
    application = app(config, write_log=lambda line: log.append(json.loads(line)), **options)
    settings = uvicorn.Config(
        application,
        http=JoinedWrites,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="on",
        proxy_headers=False,
    )
    # As `serve` does, without its signals, which belong to the test, and without its loop, which wakes every 0.1 s.
    server = uvicorn.Server(settings)
    settings.load()
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    made = Gateway(server, application, log, port)
    try:
        yield made
    finally:
        for client in made.clients:
            await client.close()
        await server.shutdown()


def entry(up: Upstream, **options: Any) -> ModelEntry:
    """The configuration of a fake upstream's model, priced at $1 and $4 per million tokens."""
    stated = {"model": up.model, "base_url": up.base_url, "dialect": up.flavour, "api_key_env": "NO_SUCH_KEY"}
    return ModelEntry(**{**stated, **PRICED, **options})


def config(up: Upstream, **options: Any) -> Config:
    """A configuration that sells a fake upstream's model as `m`."""
    return Config(default="m", models={"m": entry(up, **options)})
