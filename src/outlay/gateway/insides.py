"""What tenants are not shown of the server's own insides: where its models and verifiers are, and how they are set up.

Errors, notes and traces name the model; whoever may operate the server sees all of it, in replies and in the log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from outlay import plugins
from outlay.config import Config
from outlay.errors import OutlayError, UsageError
from outlay.gateway.auth import Caller
from outlay.gateway.errors import body_of
from outlay.gateway.keys import OPERATE
from outlay.gateway.logs import note
from outlay.gateway.paced import CALLER
from outlay.models.endpoints import OPENAI
from outlay.types import Answer

THERE = "the model's server"
"""What stands in place of an address."""
_LOOPBACK = r"(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}"
_TOLD = frozenset({"error", "why", "refused", "missing", "identity", "value"})
"""Fields of a trace that may hold a sentence of the server's own."""
_SHORT = ("webhook", "command")
"""Verifiers whose one parameter is the operator's: an address, a program."""


class Insides:
    """What this server knows by address, from its configuration.

    Example:
        >>> Insides(("https://10.0.0.7:8443/v1",)).hidden("10.0.0.7:8443 refuses connections; is it running?")
        "The model's server refuses connections; is it running?"
    """

    def __init__(self, urls: Iterable[str]):
        hosts = {part for url in urls for part in (url.rstrip("/"), urlsplit(url).netloc) if part}
        # The longest first: of an address that holds another one nothing may be left.
        known = [re.escape(host) for host in sorted(hosts, key=len, reverse=True)]
        self._known = re.compile("|".join((*known, rf"(?:https?://)?{_LOOPBACK}")))

    @classmethod
    def of(cls, config: Config) -> Insides:
        """What a configuration names: its models' servers, and its services that verify."""
        own = os.environ.get("OPENAI_BASE_URL") or OPENAI
        models = [entry.base_url or own for entry in config.models.values()]
        named = (*config.plans.values(), *config.routes)
        services = [v.partition(":")[2] for v in (entry.verifier for entry in named) if v and "://" in v]
        return cls((own, OPENAI, *models, *(service.partition(",")[0] for service in services)))

    def hidden(self, text: str) -> str:
        """A text without addresses."""
        told = self._known.sub(THERE, text)
        return THERE[0].upper() + told[1:] if told.startswith(THERE) else told

    def named(self, text: str) -> str:
        """The first address in a text; empty where there is none."""
        found = self._known.search(text)
        return "" if found is None else found[0]

    def trace(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A trace's events as tenants see them; prompts, replies and numbers are as they are."""
        return [self._within(event) for event in events]

    def _within(self, value: Any, *, told: bool = False) -> Any:
        if isinstance(value, str):
            return self.hidden(value) if told else value
        if isinstance(value, list):
            return [self._within(inner, told=told) for inner in value]
        if not isinstance(value, Mapping):
            return value
        found = {name: self._within(inner, told=told or name in _TOLD) for name, inner in value.items()}
        return _plan(found) if "strategy" in found and "roles" in found else found


def sees_all(request: Request) -> bool:
    """Whether the caller may operate the server; nobody was told apart before a key was looked at."""
    caller = request.scope.get(CALLER)
    return isinstance(caller, Caller) and OPERATE in caller.rights


def worded(request: Request, error: OutlayError) -> bytes:
    """The JSON of a failure for this caller; the request's line in the log says where it came from."""
    insides: Insides = request.app.state.gateway.insides
    note(request, error=type(error).__name__)
    if where := insides.named(str(error)):
        note(request, upstream=where)
    return body_of(error) if sees_all(request) else body_of(error, insides.hidden)


def shown(request: Request, answer: Answer) -> Answer:
    """An answer as this caller sees it: what is missing is told without addresses."""
    if sees_all(request) or not (answer.missing or answer.refused):
        return answer
    insides: Insides = request.app.state.gateway.insides
    missing = tuple(insides.hidden(said) for said in answer.missing)
    return msgspec.structs.replace(answer, missing=missing, refused=insides.hidden(answer.refused))


def _plan(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan without the parameters that are the operator's own: programs, addresses, documents, code."""
    verifier = plan.get("verifier")
    if isinstance(verifier, str) and verifier.partition(":")[0] in _SHORT:
        plan["verifier"] = verifier.partition(":")[0]
    plan["parameters"] = _allowed("strategy", plan["strategy"], plan.get("parameters", {}))
    plan["framings"] = [[name, _allowed("framing", name, given)] for name, given in plan.get("framings", ())]
    return plan


def _allowed(kind: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        own = getattr(plugins.module_of(plugins.load(kind, name)), "OPERATORS", ())
    except UsageError:
        # What is passed through has no such file.
        own = ()
    return {key: value for key, value in given.items() if key not in own}
