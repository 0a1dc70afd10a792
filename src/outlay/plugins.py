"""Names become objects: the file name, the public object's name and the name a user writes are the same word.

Lookup is an import, listing is a directory scan. A dotted `package.module:object` is accepted wherever a name is, and
other packages publish short names through the entry-point group `outlay.<kind>`. From an annotated signature this file
derives, once, the validator, the documentation table and the parser of `name:key=value,…`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from outlay.errors import OutlayError, UsageError, nearest

KINDS = {
    "strategy": "strategies",
    "verifier": "verifiers",
    "framing": "framings",
    "tool": "tools",
    "sleep job": "sleep",
    "guard": "guards",
    "task": "tasks",
    "answer kind": "answers",
    "selection": "selection",
}
"""What can be plugged in, and the room of the house it lives in."""


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a plugin, as its signature states it."""

    name: str
    annotation: Any
    default: Any
    required: bool
    bounds: str
    """The allowed range or type in words, like `1 … 4096`."""


class Spec(msgspec.Struct, frozen=True):
    """A plugin chosen by name, with checked parameters."""

    kind: str
    name: str
    target: Any
    parameters: dict[str, Any]
    beside: dict[str, str] = {}
    """What was written among the parameters but belongs to the plan, such as `verifier`."""

    def __str__(self) -> str:
        shown = ",".join(f"{k}={quoted(v)}" for k, v in (self.parameters | self.beside).items())
        return f"{self.name}:{shown}" if shown else self.name


_BUILT_IN: dict[tuple[str, str], Any] = {}
"""What was loaded of outlay's own, so that a request does not look for its file again."""


def names(kind: str) -> dict[str, str]:
    """Every built-in and published name of a kind, with the first line of its docstring."""
    room = Path(__file__).parent / KINDS[kind]
    found = {p.stem: _first_line(p) for p in sorted(room.glob("*.py")) if not p.stem.startswith("_")}
    return found | {e.name: f"from {e.value}" for e in _published(kind)}


def load(kind: str, name: str) -> Any:
    """The object of a kind that a user calls `name`.

    Raises:
        UsageError: there is no such name; the sentence names the nearest one.
    """
    if (kind, name) in _BUILT_IN:
        return _BUILT_IN[kind, name]
    if ":" in name:
        return _dotted(kind, name)
    room = KINDS[kind]
    if (
        name.isidentifier()
        and not name.startswith("_")
        and (Path(__file__).parent / room / f"{name}.py").exists()
    ):
        module = importlib.import_module(f"outlay.{room}.{name}")
        _BUILT_IN[kind, name] = module if kind == "answer kind" else getattr(module, name, module)
        return _BUILT_IN[kind, name]
    for entry in _published(kind):
        if entry.name == name:
            return entry.load()
    raise UsageError(f"There is no {kind} {name!r}; {nearest(name, names(kind))}")


def module_of(target: Any) -> Any:
    """The module that holds a plugin, where its `NEEDS` and `bound` stand."""
    return target if inspect.ismodule(target) else importlib.import_module(target.__module__)


@lru_cache(maxsize=512)
def parameters(target: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The keyword-only parameters of a plugin, in signature order."""
    hints = typing.get_type_hints(target, include_extras=True)
    return tuple(
        Parameter(
            p.name, hints.get(p.name, Any), p.default, p.default is p.empty, _bounds(hints.get(p.name, Any))
        )
        for p in inspect.signature(target).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    )


def check(
    kind: str, name: str, target: Callable[..., Any], given: Mapping[str, Any], *, beside: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`given` converted and checked against the signature of `target`; `beside` could have been written too.

    Raises:
        UsageError: an unknown parameter (the nearest is named), one out of bounds, or a missing one.
    """
    known = {p.name: p for p in parameters(target)}
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            words = (*known, *beside)
            raise UsageError(
                f"{name} has no parameter {key!r}; {nearest(key, words) if words else 'it takes none.'}"
            )
        try:
            checked[key] = msgspec.convert(value, known[key].annotation, strict=not isinstance(value, str))
        except (msgspec.ValidationError, TypeError) as error:
            reason = str(error).split(" - at")[0]
            wanted = f" ({known[key].bounds})" if known[key].bounds else ""
            raise UsageError(f"{name}: {key}={value!r} is not allowed{wanted}: {reason}.") from None
    missing = [p.name for p in known.values() if p.required and p.name not in checked]
    if missing:
        raise UsageError(f"{name} needs {', '.join(missing)}; write it like {name}:{missing[0]}=VALUE.")
    return checked


def spec(kind: str, text: str, *, beside: tuple[str, ...] = ()) -> Spec:
    """Parse `name` or `name:key=value,…`; values may be quoted. `name:rest` gives `rest` to the first parameter.

    Keys named in `beside` are not the plugin's: they are kept apart.

    A dotted plugin is written `package.module:object` and takes its parameters after a second colon.

    Example:
        >>> str(spec("strategy", "best_of_n:n=8"))
        'best_of_n:n=8'
    """
    head, colon, rest = text.strip().partition(":")
    attribute, _, after = rest.partition(":")
    # A tool stands in a module of the user's own more often than not, which need not be in a package.
    own = kind == "tool" and attribute.isidentifier() and head not in names(kind)
    if colon and ("." in head or own):
        head, rest = f"{head}:{attribute}", after
    target = load(kind, head)
    function = target if callable(target) else getattr(target, "open", None)
    if function is None:
        return Spec(kind, head, target, {})
    given = _arguments(head, rest, function)
    apart = {key: given.pop(key) for key in beside if key in given}
    return Spec(kind, head, target, check(kind, head, function, given, beside=beside), apart)


def quoted(value: Any) -> str:
    """A parameter value as `spec` reads it back."""
    text = str(value)
    return repr(text) if re.search(r"[,'\"\s]", text) else text


def _arguments(name: str, rest: str, target: Callable[..., Any]) -> dict[str, str]:
    if not rest:
        return {}
    parts = [p for p in re.findall(r"""((?:'[^']*'|"[^"]*"|[^,'"])+)""", rest) if p.strip()]
    if all(re.match(r"\s*\w+\s*=", p) for p in parts):
        pairs = (p.split("=", 1) for p in parts)
        return {k.strip(): _unquoted(v.strip()) for k, v in pairs}
    first = next(iter(parameters(target)), None)
    if first is None:
        raise UsageError(f"{name} takes no parameters, but {rest!r} was given.")
    return {first.name: rest}


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        try:
            return str(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            return text[1:-1]
    return text


def _dotted(kind: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        target = importlib.import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"The {kind} {name!r} cannot be imported: {error}.") from None
    return target


def _published(kind: str) -> list[Any]:
    from importlib.metadata import entry_points

    return list(entry_points(group=f"outlay.{KINDS[kind]}"))


def _first_line(path: Path) -> str:
    try:
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    except SyntaxError as error:
        raise OutlayError(f"{path} does not parse: {error}.") from None
    return doc.splitlines()[0] if doc else ""


def _bounds(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " | ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) is typing.Annotated:
        base, *metas = typing.get_args(annotation)
        meta = next((m for m in metas if isinstance(m, msgspec.Meta)), None)
        if meta is None:
            return _bounds(base)
        low = meta.ge if meta.ge is not None else (f"above {meta.gt}" if meta.gt is not None else None)
        high = meta.le if meta.le is not None else (f"below {meta.lt}" if meta.lt is not None else None)
        return (
            f"{low} … {high}"
            if high is not None and low is not None
            else f"{low if low is not None else high}…"
        )
    arguments = [a for a in typing.get_args(annotation) if a is not type(None)]
    if arguments and type(None) in typing.get_args(annotation):
        return " | ".join(_bounds(a) for a in arguments) + " | none"
    return getattr(annotation, "__name__", "")
