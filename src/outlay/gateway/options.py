"""What a client asks of outlay beyond OpenAI's fields: the body's `outlay` object, or `x-outlay-*` headers.

Never from the text of a prompt. Nothing here names an address, a file, a program or a module of Python: a caller
chooses among what this server offers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from outlay import plugins
from outlay.budget import Limits
from outlay.errors import UsageError, nearest
from outlay.gateway.errors import BadField, param_of

PREFIX = "x-outlay-"
VERIFIERS = ("confidence", "generative", "grounded", "judge", "process_rm", "self_grade", "step_rules")
"""What a caller may name. The others run programs, or know the key: they are the operator's to choose."""
Word = Annotated[str, Meta(min_length=1, max_length=128)]


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of one request. None leaves the choice to the server.

    `max_usd` and `max_tokens` cap the whole request, retries, judges and every sample included; `deadline_s` is in
    seconds from now. What a right answer is worth, a wrong one costs and a second of waiting costs, in dollars, is
    what `outlay/auto` weighs plans by.
    """

    strategy: Word | None = None
    parameters: dict[str, str | int | float | bool | None] = {}
    model: Word | None = None
    kind: Word | None = None
    verifier: Word | None = None
    framings: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...], Meta(max_length=8)
    ] = ()
    """What is put around the question, in order, each `name` or `name:key=value,…`."""
    task_class: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    tags: Annotated[dict[Word, Word], Meta(max_length=16)] = {}
    max_usd: Annotated[float, Meta(ge=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    deadline_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    value_usd: Annotated[float, Meta(gt=0)] | None = None
    wrong_usd: Annotated[float, Meta(ge=0)] | None = None
    usd_per_s: Annotated[float, Meta(ge=0)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None

    def limits(self, now_s: float) -> Limits:
        """The caps of the request, the deadline as a point on the clock that says `now_s`."""
        deadline_s = None if self.deadline_s is None else now_s + self.deadline_s
        return Limits.of(max_usd=self.max_usd, max_tokens=self.max_tokens, deadline_s=deadline_s)


FIELDS = Options.__struct_fields__
ON_PASS_THROUGH = frozenset({"task_class", "tags", "max_usd", "max_tokens", "deadline_s"})
"""What can be said of a request that is passed through as it is."""
CAPS = frozenset({"max_usd", "max_tokens", "deadline_s"})
"""Options that bound a request: of several the smallest binds."""


def options_of(given: Any, headers: Mapping[str, str]) -> Options:
    """The options of a request; the body wins over a header, but of caps the smaller binds.

    A header's value is text: `x-outlay-parameters: n=8,first=2`, `x-outlay-tags: team=search` and
    `x-outlay-framings: notes:level=1;echo`.

    Raises:
        BadField: an unknown option, or a value that is not allowed.

    Example:
        >>> options_of({"kind": "number"}, {"x-outlay-max-usd": "0.05"}).max_usd
        0.05
    """
    if given is not None and not isinstance(given, dict):
        raise BadField("outlay", "outlay must be an object.")
    said = {name: _from_header(name, value) for name, value in sent_options(headers)}
    for name in (*said, *(given or ())):
        if name not in FIELDS:
            raise BadField(f"outlay.{name}", f"There is no option {name!r}; {nearest(name, FIELDS)}")
    try:
        from_headers = msgspec.convert(said, Options, strict=False)
        options = msgspec.convert(given or {}, Options)
    except msgspec.ValidationError as error:
        param = param_of(error)
        told = f"The outlay options are not in order: {error}."
        raise BadField(f"outlay.{param}" if param else "outlay", told) from None
    rest = {name: getattr(from_headers, name) for name in said if name not in (given or {})}
    # A proxy in front may cap what its clients ask for by a header.
    caps = {
        name: min(getattr(from_headers, name), own)
        for name in said
        if name in CAPS and (own := getattr(options, name)) is not None
    }
    return msgspec.structs.replace(options, **rest, **caps)


def plain(kind: str, name: str) -> None:
    """Refuse a name that is not one of a kind's own short names: a dotted one would import code.

    Raises:
        BadField: it is not.
    """
    known = _known(kind)
    if name not in known:
        param = "outlay.kind" if kind == "answer kind" else f"outlay.{kind}"
        raise BadField(param, f"There is no {kind} {name!r}; {nearest(name, known)}")


@lru_cache(maxsize=8)
def _known(kind: str) -> frozenset[str]:
    """The names of a kind; listing reads every file of it, which one request must not cost."""
    return frozenset(plugins.names(kind))


def check_verifier(text: str) -> None:
    """Refuse a verifier that a caller may not choose.

    Raises:
        BadField: a program, code to import, one that knows the key, or one that does not exist.
    """
    name = text.partition(":")[0].strip()
    if name not in VERIFIERS:
        allowed = f"{', '.join(VERIFIERS[:-1])} and {VERIFIERS[-1]}"
        raise BadField(
            "outlay.verifier", f"A request may name the verifiers {allowed}; {name!r} is the operator's to set."
        )


def refuse_operators_own(strategy: str, options: Options) -> None:
    """Refuse parameters that a strategy keeps to the operator, such as code to import.

    Raises:
        BadField: names the parameter.
        UsageError: an unknown strategy.
    """
    for name in getattr(plugins.module_of(plugins.load("strategy", strategy)), "OPERATORS", ()):
        if name in options.parameters:
            raise BadField("outlay.parameters", f"{name} of {strategy} is the operator's to set.")


def framings_of(options: Options) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The framings that a request names, checked; parameters that a framing keeps to the operator are refused.

    Raises:
        BadField: code to import, a framing that does not exist, or one of the operator's parameters.
        UsageError: a parameter out of bounds.
    """
    found = []
    for text in options.framings:
        plain("framing", text.partition(":")[0].strip())
        chosen = plugins.spec("framing", text)
        for name in getattr(plugins.module_of(chosen.target), "OPERATORS", ()):
            if name in chosen.parameters:
                raise BadField("outlay.framings", f"{name} of {chosen.name} is the operator's to set.")
        found.append((chosen.name, chosen.parameters))
    return tuple(found)


def refuse_beyond(options: Options, allowed: frozenset[str], why: str) -> None:
    """Refuse options that would have no effect: they are never dropped in silence.

    Raises:
        BadField: names the first one.
    """
    for name in FIELDS:
        given = getattr(options, name)
        if given not in (None, {}, ()) and name not in allowed:
            raise BadField(f"outlay.{name}", f"outlay.{name} has no effect here: {why}.")


def sent_options(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The options among a request's headers, by name, as they were written."""
    return [
        (name[len(PREFIX) :].replace("-", "_"), value)
        for name, value in headers.items()
        if name.startswith(PREFIX)
    ]


def _from_header(name: str, value: str) -> Any:
    if name == "framings":
        return [part.strip() for part in value.split(";") if part.strip()]
    if name not in ("parameters", "tags"):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise UsageError(f"{PREFIX}{name} is written like key=value,key=value.")
    return {key.strip(): text.strip() for key, _, text in pairs}
