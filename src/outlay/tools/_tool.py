"""A tool: a plain async function whose arguments a model fills in, and the terms on which it may be called.

The function's positional parameters are the model's to give; their annotations become a JSON schema. Its keyword-only
parameters are the operator's settings. Everything else about a call (how often, for how much, how long, how much of
what comes back is read) are terms that every tool has.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from outlay import plugins
from outlay.errors import UsageError
from outlay.money import nusd

MOST = 16
"""The most tools of one agent."""
LARGEST_SCHEMA = 8_000
"""The longest description and schema of one tool, in bytes: they stand in every prompt."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

Work = Callable[[dict[str, Any]], Awaitable[Any]]
"""What runs a tool: it takes the model's arguments, which are checked here."""


class Terms(Struct, frozen=True, forbid_unknown_fields=True):
    """How a tool may be called. `usd` is the price of a call; the seconds of this machine come on top of it."""

    calls: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    """The most calls; None leaves it to the strategy."""
    usd: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    """The most seconds of one call."""
    bytes: Annotated[int, Meta(ge=200, le=150_000)] = 6_000
    """The most bytes of what comes back that are read; of more, the beginning and the end."""


class Tool(Struct, frozen=True):
    """What a model, a budget and a ledger know of a tool: plain data, which a trace keeps."""

    name: str
    """As the model calls it."""
    source: str
    """As a user writes it, without its terms."""
    description: str
    schema: dict[str, Any]
    """JSON schema of the arguments."""
    calls: int
    nusd: int
    """The price of a call, in nano-dollars."""
    seconds: float
    bytes: int


def named(text: str) -> tuple[str, ...]:
    """The tools of a parameter that names several, with a semicolon between them.

    Example:
        >>> named("python:calls=5; my.search:find")
        ('python:calls=5', 'my.search:find')
    """
    return tuple(part.strip() for part in text.split(";") if part.strip())


def open_tools(text: str, *, calls: int) -> tuple[tuple[Tool, Work], ...]:
    """The tools that a text names, each with what runs it.

    Args:
        text: `NAME[:key=value,…]` or `package.module:function[:key=value,…]`, several with a semicolon between them.
        calls: the most calls of a tool that does not say so itself.

    Raises:
        UsageError: a name that does not exist, a function that is no tool, bad terms, or two tools of one name.
    """
    opened = tuple(open_tool(one, calls=calls) for one in named(text))
    names = [tool.name for tool, _ in opened]
    if len(opened) > MOST:
        raise UsageError(f"An agent has at most {MOST} tools; {len(opened)} were named.")
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two tools are called {name!r}; a model could not tell them apart.")
    return opened


def open_tool(text: str, *, calls: int) -> tuple[Tool, Work]:
    """One tool by its text, and what runs it (see `open_tools`).

    Raises:
        UsageError: as `open_tools`.

    Example:
        >>> tool, _ = open_tool("python:calls=3,usd=0.001", calls=10)
        >>> tool.calls, tool.nusd, list(tool.schema["properties"])
        (3, 1000000, ['code'])
    """
    chosen = plugins.spec("tool", text, beside=Terms.__struct_fields__)
    function, source = chosen.target, chosen.name
    name = source.rpartition(":")[2].rpartition(".")[2]
    if not inspect.iscoroutinefunction(function):
        raise UsageError(f"{source} is no tool: a tool is an `async def` function.")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{source}: a model cannot call a tool {name!r}.")
    terms = _terms(source, chosen.beside)
    arguments = _arguments(function, source)
    schema = _schema(arguments)
    description = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
    if len(msgspec.json.encode([description, schema])) > LARGEST_SCHEMA:
        raise UsageError(f"{source}: its description and schema are longer than {LARGEST_SCHEMA:,} bytes.")

    async def work(given: dict[str, Any]) -> Any:
        try:
            filled = msgspec.convert(given, arguments)
        except msgspec.ValidationError as error:
            raise UsageError(f"The arguments do not fit the schema: {error}") from None
        values = (getattr(filled, field) for field in arguments.__struct_fields__)
        return await function(*values, **chosen.parameters)

    most = calls if terms.calls is None else terms.calls
    tool = Tool(
        name, source, description, schema, most, nusd(str(terms.usd)), terms.seconds, terms.bytes
    )  # fmt: skip
    return tool, work


def refuse_unready(text: str) -> None:
    """Refuse, before anything is bought, tools that cannot work on this machine.

    Raises:
        MissingAbility: says what is missing and what to do.
    """
    for one in named(text):
        chosen = plugins.spec("tool", one, beside=Terms.__struct_fields__)
        ready = getattr(plugins.module_of(chosen.target), "ready", None)
        if ready is not None:
            ready(**chosen.parameters)


def _terms(source: str, given: Mapping[str, str]) -> Terms:
    try:
        return msgspec.convert(given, Terms, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).rpartition(" - at `$.")
        name = place.rstrip("`")
        raise UsageError(f"{source}: {name}={given.get(name)!r} is not allowed: {reason}.") from None


def _arguments(function: Callable[..., Any], source: str) -> type[Struct]:
    """The positional parameters of a tool as a struct that checks what a model gives."""
    hints = typing.get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            continue
        if p.kind is not p.POSITIONAL_OR_KEYWORD or p.name not in hints:
            raise UsageError(f"{source}: every argument of a tool has a name and an annotation; {p} has not.")
        fields.append((p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default))
    try:
        made = msgspec.defstruct("arguments", fields, forbid_unknown_fields=True)
        msgspec.json.schema(made)
    except TypeError as error:
        last = str(error).splitlines()[-1].rstrip(".")
        raise UsageError(f"{source}: an annotation says nothing in JSON: {last}.") from None
    return made


def _schema(arguments: type[Struct]) -> dict[str, Any]:
    whole = msgspec.json.schema(arguments)
    found = dict(whole["$defs"].pop("arguments"))
    found.pop("title", None)
    return found | ({"$defs": whole["$defs"]} if whole["$defs"] else {})
