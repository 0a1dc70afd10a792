"""`[plans.NAME]` of outlay.toml: a way to buy an answer under a name of its own, checked when the file is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from outlay import plugins
from outlay.budget import DIMENSIONS, Limits
from outlay.config.guard import least, thinking_within
from outlay.errors import UsageError, nearest
from outlay.types import Sampling

PASS_THROUGH = "pass_through"
"""Stands where a strategy's name stands: the request goes to the model as it was written."""
RESERVED = "outlay/"
"""Names under it are the server's own."""
ALONE = {
    "embed": "vectors of two models cannot be compared",
    "process_rm": "scores of two models cannot be compared",
}
"""Roles that no other model can go on with, and why."""
Dollars = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Temperature = Annotated[float, Meta(ge=0)]


class PlanEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[plans.NAME]` table. What it leaves out is the request's to say, or the default.

    `model` names one model, `models` several: each is asked only where those before it failed. So it is with a role
    that names several. `temperature` is that of every sample where the request states none. `max_usd`, `deadline_s`,
    `max_output_tokens` (of one sample), `fan_out` (calls of one request), `reasoning_tokens` and `answer_tokens` (as in
    `[guard]`) are caps: of a cap here and one that comes with a request, the smaller binds.
    """

    strategy: str = "single"
    parameters: dict[str, Any] = {}
    verifier: str | None = None
    kind: str | None = None
    framings: tuple[str, ...] = ()
    model: str | None = None
    models: tuple[str, ...] = ()
    roles: dict[str, str | tuple[str, ...]] = {}
    temperature: Temperature | None = None
    max_usd: Dollars | None = None
    deadline_s: Seconds | None = None
    max_output_tokens: Count | None = None
    fan_out: Count | None = None
    reasoning_tokens: Count | None = None
    answer_tokens: Count | None = None

    @property
    def around(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """What is put around the question: framings with their parameters, in order."""
        chosen = (plugins.spec("framing", text) for text in self.framings)
        return tuple((framing.name, framing.parameters) for framing in chosen)

    @property
    def chain(self) -> tuple[str, ...]:
        """The models of the default role, the first choice first; empty: the configuration's default."""
        return self.models or (() if self.model is None else (self.model,))

    def limits(self, now_s: float) -> Limits:
        """The plan's caps on one request, the deadline as a point on the clock that says `now_s`."""
        deadline_s = None if self.deadline_s is None else now_s + self.deadline_s
        return Limits.of(max_usd=self.max_usd, deadline_s=deadline_s)

    def bounding(self, sampling: Sampling) -> Sampling:
        """The sampling with the plan's output bound and its caps on thinking, where they are the smaller ones.

        And with its temperature, where the sampling states none.
        """
        most = least(sampling.max_output_tokens, self.max_output_tokens)
        warmth = self.temperature if sampling.temperature is None else sampling.temperature
        bounded = msgspec.structs.replace(sampling, max_output_tokens=most, temperature=warmth)
        return thinking_within(bounded, self.reasoning_tokens, self.answer_tokens)

    def cast(self, default: str, roles: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
        """Who plays each role: the plan's own models, and for the rest `default` and `roles` of the configuration.

        Example:
            >>> PlanEntry(models=("a", "b")).cast("m", {"judge": "j"})
            {'judge': 'j', 'default': ('a', 'b')}
        """
        return {**roles, **self.roles, "default": self.chain or default}


def narrower(one: Limits, other: Limits) -> Limits:
    """Caps of both, the smaller one where both have one; caps by role are those of `one`.

    Example:
        >>> both = narrower(Limits(nusd=5, calls=2), Limits(nusd=3))
        >>> both.nusd, both.calls
        (3, 2)
    """
    least = {
        name: min((cap for cap in (getattr(one, name), getattr(other, name)) if cap is not None), default=None)
        for name in (*DIMENSIONS, "deadline_s")
    }
    return msgspec.structs.replace(one, **least)


def check_plan(name: str, entry: PlanEntry, *, models: Collection[str]) -> None:
    """Refuse a plan that could not be bought; the sentence names the key.

    Args:
        name: what the plan is called.
        entry: its table.
        models: the names that the configuration offers as models.

    Raises:
        UsageError: a name that is taken, or a strategy, parameter, verifier, kind or model that does not exist.
    """
    here = f"[plans.{name}]"
    if not name or name in models:
        raise UsageError(f"{here}: a model is called {name!r} already; give the plan another name.")
    if name.startswith(RESERVED):
        raise UsageError(f"{here}: names under {RESERVED} are the server's own; give the plan another name.")
    if entry.model is not None and entry.models:
        raise UsageError(f"{here}: write model for one model or models for several, not both.")
    _check_chain(f"{here} models", "default", entry.models)
    if "default" in entry.roles:
        raise UsageError(f"{here} roles: the default role's model is the key model.")
    for chain in (entry.chain, *entry.roles.values()):
        for model in (chain,) if isinstance(chain, str) else chain:
            check_model(here, model, models)
    for role, chain in entry.roles.items():
        _check_chain(f"{here} roles.{role}", role, chain)
    check_strategy(here, entry.strategy, entry.parameters)
    check_words(here, entry.kind, entry.verifier)
    try:
        _ = entry.around
    except UsageError as error:
        raise UsageError(f"{here} framings: {error}") from None
    for key in ("kind", "verifier", "framings", "temperature"):
        if entry.strategy == PASS_THROUGH and getattr(entry, key) not in (None, ()):
            raise UsageError(
                f"{here} {key}: what is passed through is neither read nor checked nor changed; leave it out."
            )


def _check_chain(here: str, role: str, chain: str | tuple[str, ...]) -> None:
    if isinstance(chain, str):
        return
    if len(set(chain)) < len(chain):
        raise UsageError(f"{here}: each model stands there once.")
    if role != "default" and not chain:
        raise UsageError(f"{here}: name a model, or leave the role out.")
    if role in ALONE and len(chain) > 1:
        raise UsageError(f"{here}: {ALONE[role]}, so one model plays it.")


def check_strategy(here: str, strategy: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a strategy that does not exist, or parameters that it does not take; `here` names the table.

    Raises:
        UsageError: with the nearest name.
    """
    if strategy == PASS_THROUGH:
        if parameters:
            raise UsageError(f"{here} parameters: {PASS_THROUGH} takes none.")
        return
    if ":" in strategy and "." not in strategy.partition(":")[0]:
        raise UsageError(
            f"{here} strategy: write the name alone, and its parameters into {here[:-1]}.parameters]."
        )
    try:
        target = plugins.load("strategy", strategy)
    except UsageError as error:
        raise UsageError(f"{here} strategy: {error}") from None
    try:
        plugins.check("strategy", strategy, target, parameters)
    except UsageError as error:
        raise UsageError(f"{here} parameters: {error}") from None


def check_words(here: str, kind: str | None, verifier: str | None) -> None:
    """Refuse an answer kind or a verifier that does not exist; `here` names the table.

    Raises:
        UsageError: with the nearest name.
    """
    try:
        if kind is not None:
            plugins.load("answer kind", kind)
    except UsageError as error:
        raise UsageError(f"{here} kind: {error}") from None
    try:
        if verifier is not None:
            plugins.spec("verifier", verifier)
    except UsageError as error:
        raise UsageError(f"{here} verifier: {error}") from None


def check_model(here: str, model: str, models: Collection[str]) -> None:
    """Refuse a model that neither the configuration nor a form of names knows; `here` names the table.

    Raises:
        UsageError: with the nearest name.
    """
    head, _, rest = model.partition("/")
    known = model in models or (head in ("local", "recorded", "openai", "words") and rest) or ":" in model
    if not known:
        raise UsageError(
            f"{here}: there is no model {model!r} ({nearest(model, models)}); describe it as [models.{model}]."
        )
