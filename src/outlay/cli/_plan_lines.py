"""The text of outlay.toml with plans put into it or taken out, line by line: everything else stays as it is written."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import asdict

from outlay.config.auto import Measured
from outlay.config.plans import PlanEntry

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Saved(Struct, frozen=True):
    """A plan as it is written: its name, its table, the comment above it, and what `outlay/auto` knows of it."""

    entry: PlanEntry
    remarks: tuple[str, ...]
    known: Measured

    @property
    def name(self) -> str:
        """The plan's name."""
        return self.known.plan


class _Table(Struct):
    """The lines of one table, the comment right above its header, and what follows its last key."""

    header: str
    above: list[str]
    lines: list[str]

    def names(self, *path: str) -> bool:
        """Whether the header is of that table or of one inside it."""
        keys = [_spellings(key) for key in path]
        heads = [""]
        for each in keys:
            heads = [f"{head}.{key}" if head else key for head in heads for key in each]
        bare = self.header.lstrip("[")
        return any(bare.startswith((f"{head}]", f"{head}.")) for head in heads)

    @property
    def after(self) -> list[str]:
        """The comments behind the last key, which are not the table's own."""
        last = max((i for i, line in enumerate(self.lines) if line.strip() and line[:1] != "#"), default=-1)
        rest = self.lines[last + 1 :]
        while rest and not rest[0].strip():
            rest = rest[1:]
        return rest


def with_plans(text: str, saved: Sequence[Saved], task_class: str, gone: Collection[str] = ()) -> str:
    """The text of a configuration with these plans in it, in place of those of the same names and of `gone`.

    `outlay/auto` chooses among them for the task class, in place of whatever it bought for it before.

    Example:
        >>> known = Measured("quick", 0.9, 0.1, 0.0002, 0.0003)
        >>> print(with_plans('default = "m"', [Saved(PlanEntry(), ("said",), known)], "default"))
        default = "m"
        <BLANKLINE>
        # said
        [plans.quick]
        strategy = "single"
        <BLANKLINE>
        [[auto.default]]
        plan = "quick"
        accuracy = 0.9
        wrong = 0.1
        cost_usd = 0.0002
        most_usd = 0.0003
        <BLANKLINE>
    """
    tables = _tables(text)
    for name in {*gone, *(each.name for each in saved)}:
        tables = _without(tables, "plans", name)
    tables = [_without_key(t, task_class) if t.header == "[auto]" else t for t in tables]
    tables = _without([t for t in tables if t is not None], "auto", task_class)
    at = next((i for i, t in enumerate(tables) if t.names("auto")), len(tables))
    head, tail = _joined(tables[:at]), _joined(tables[at:])
    plans = [stanza(each) for each in saved]
    return "\n\n".join(part for part in (head, *plans, tail, offered(saved, task_class)) if part) + "\n"


def stanza(saved: Saved) -> str:
    """The lines of one plan."""
    entry, name = saved.entry, key(saved.name)
    given = {k: v for k, v in asdict(entry).items() if k == "strategy" or v not in (None, {}, ())}
    tables = {k: v for k, v in given.items() if isinstance(v, dict)}
    lines = [f"# {line}" for line in saved.remarks] + [f"[plans.{name}]"]
    lines += [f"{k} = {_value(v)}" for k, v in given.items() if k not in tables]
    for table, values in tables.items():
        lines += [f"[plans.{name}.{table}]", *(f"{key(k)} = {_value(v)}" for k, v in values.items())]
    return "\n".join(lines)


def offered(saved: Sequence[Saved], task_class: str) -> str:
    """The lines by which `outlay/auto` knows the plans of a task class."""
    parts = []
    for each in saved:
        given = {k: v for k, v in asdict(each.known).items() if v is not None}
        parts.append(
            "\n".join([f"[[auto.{key(task_class)}]]", *(f"{k} = {_value(v)}" for k, v in given.items())])
        )
    return "\n\n".join(parts)


def remarked(text: str, remark: str) -> set[str]:
    """The names of the plans with a comment right above them that begins so."""
    tables = [t for t in _tables(text) if any(line.startswith(f"# {remark}") for line in t.above)]
    found: set[str] = set()
    for table in tables:
        try:
            found |= set(tomllib.loads(table.header).get("plans", {}))
        except tomllib.TOMLDecodeError:
            continue
    return found


def key(name: str) -> str:
    """A key as TOML writes it."""
    return name if _BARE.fullmatch(name) else _quoted(name)


def _tables(text: str) -> list[_Table]:
    tables = [_Table("", [], [])]
    for line in text.split("\n"):
        if not line.lstrip().startswith("["):
            tables[-1].lines.append(line)
            continue
        before, above = tables[-1].lines, []
        while before and before[-1].startswith("#"):
            above.insert(0, before.pop())
        tables.append(_Table(line.strip(), above, [line]))
    return tables


def _without(tables: Sequence[_Table], *path: str) -> list[_Table]:
    """The tables without one, those inside it, and the comment right above it; comments behind it stay."""
    kept: list[_Table] = []
    for table in tables:
        if not table.names(*path):
            kept.append(table)
        elif table.after:
            kept.append(_Table("", [], table.after))
    return kept


def _without_key(table: _Table, name: str) -> _Table | None:
    """A table without one of its keys; None: nothing is left of it."""
    starts = tuple(f"{spelt}{end}" for spelt in _spellings(name) for end in (" ", "="))
    lines = [line for line in table.lines if not line.lstrip().startswith(starts)]
    table = _Table(table.header, table.above, lines)
    return table if any(line.strip() for line in lines[1:]) or table.above else None


def _joined(tables: Sequence[_Table]) -> str:
    return "\n".join(line for t in tables for line in (*t.above, *t.lines)).strip("\n")


def _spellings(name: str) -> set[str]:
    return {name, _quoted(name)} if _BARE.fullmatch(name) else {_quoted(name)}


def _quoted(text: str) -> str:
    # JSON's escapes beyond ASCII can be halves of a character, which TOML refuses.
    return json.dumps(text, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        plain = f"{Decimal(repr(value)):f}"
        return plain if "." in plain else f"{plain}.0"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)
