"""A plan written into outlay.toml under a name, and as what `outlay/auto` buys; everything else in the file stays."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.config.plans import PlanEntry
    from outlay.experiments.experiment import Spec
    from outlay.experiments.pilot import PilotSpec
    from outlay.policies._advice import Advice

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def entry_of(task: str, advice: Advice, spec: PilotSpec | Spec, budget_usd: float | None) -> PlanEntry:
    """The advised plan as the configuration writes it, with the kind and the output bound that it was measured with.

    Raises:
        UsageError: nothing was advised, or a part of it has no key in the configuration.
    """
    from outlay.cli._plan_words import default_of
    from outlay.config.plans import PlanEntry
    from outlay.errors import UsageError

    best = advice.best
    if best is None:
        raise UsageError("There is no plan to save: none was advised.")
    framings = getattr(spec, "framings", ())
    if spec.temperature is not None or framings:
        what = "a temperature" if not framings else "framings"
        raise UsageError(f"The plan was measured with {what} of its own, for which [plans.NAME] has no key.")
    model = default_of(best.plan)
    roles = {role: name for role, name in best.plan.roles.items() if role != "default"}
    helpers = spec.roles if best.plan.verifier else {}
    return PlanEntry(
        strategy=best.plan.strategy,
        parameters=best.plan.parameters,
        verifier=best.plan.verifier,
        kind=spec.kind or _kind_of(task, spec),
        model=model,
        roles={**helpers, **roles},
        max_usd=budget_usd,
        max_output_tokens=spec.max_output_tokens,
    )


def _kind_of(task: str, spec: PilotSpec | Spec) -> str | None:
    """The answer kind of the task's questions, None where they differ."""
    from outlay.tasks import open_task

    kinds = {item.question.kind for item in open_task(task, questions=spec.questions, seed=spec.seed)}
    return kinds.pop() if len(kinds) == 1 else None


def remarks(task: str, advice: Advice) -> list[str]:
    """What the plan was saved for, as comment lines."""
    from outlay.report.words import dollars, percent

    best, worth = advice.best, advice.worth
    if best is None:
        return []
    low, high = best.accuracy.low, best.accuracy.high or 1.0
    wanted = (
        f" where a right answer is worth {dollars(worth.value_usd)}"
        if worth.value_usd is not None
        else f" for an accuracy of {percent(worth.accuracy)}"
        if worth.accuracy is not None
        else ""
    )
    right = f"{percent(best.accuracy.value)} ({percent(low)} to {percent(high)})"
    return [
        f"Advised by outlay plan from {advice.questions} questions of {' '.join(task.split())}{wanted}: right on",
        f"{right} at {dollars(best.cost_usd.value)} a question.",
    ]


def save(name: str, entry: PlanEntry, task_class: str, remarks: list[str]) -> Path:
    """Write `[plans.NAME]` and `[auto] TASK_CLASS = "NAME"` into the configuration in use; returns its path.

    A plan of that name is replaced. Without a configuration `outlay.toml` is made here.

    Args:
        name: the plan's name.
        entry: the plan.
        task_class: what `outlay/auto` buys it for.
        remarks: comment lines above it.

    Raises:
        UsageError: the name is taken or the plan does not check, the file cannot be written, or it is laid out in a
            way that cannot be edited safely; the sentence holds the lines to add by hand.
    """
    from outlay import config
    from outlay.errors import UsageError

    before = config.read()
    path = config.location() or Path(config.FILE)
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        after = with_plan(text, name, entry, task_class, remarks)
        _check(path, text, after, name, task_class, stanza(name, entry, remarks))
        config.check_plan(name, entry, models=before.offered)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(after, "utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def with_plan(text: str, name: str, entry: PlanEntry, task_class: str, remarks: list[str]) -> str:
    """The text of a configuration with this plan in it, in place of one of the same name.

    Example:
        >>> from outlay.config.plans import PlanEntry
        >>> print(with_plan('default = "m"', "quick", PlanEntry(), "default", ["said"]))
        default = "m"
        <BLANKLINE>
        # said
        [plans.quick]
        strategy = "single"
        <BLANKLINE>
        [auto]
        default = "quick"
        <BLANKLINE>
    """
    lines = _with_auto(_without(text.splitlines(), name), name, task_class)
    at = next((i for i, line in enumerate(lines) if line.strip() == "[auto]"), len(lines))
    head, tail = "\n".join(lines[:at]).rstrip("\n"), "\n".join(lines[at:]).rstrip("\n")
    parts = [part for part in (head, stanza(name, entry, remarks), tail) if part]
    return "\n\n".join(parts) + "\n"


def stanza(name: str, entry: PlanEntry, remarks: list[str]) -> str:
    """The lines of one plan."""
    from msgspec.structs import asdict

    given = {k: v for k, v in asdict(entry).items() if k == "strategy" or v not in (None, {}, ())}
    tables = {k: v for k, v in given.items() if isinstance(v, dict)}
    lines = [f"# {line}" for line in remarks] + [f"[plans.{_key(name)}]"]
    lines += [f"{k} = {_value(v)}" for k, v in given.items() if k not in tables]
    for table, values in tables.items():
        lines += [f"[plans.{_key(name)}.{table}]", *(f"{_key(k)} = {_value(v)}" for k, v in values.items())]
    return "\n".join(lines)


def _without(lines: list[str], name: str) -> list[str]:
    """The lines without the tables of a plan and the comment right above them; the next table keeps its comment."""
    mine = {f"[plans.{key}" for key in (name, json.dumps(name))}
    kept: list[str] = []
    comment: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("#"):
            comment.append(line)
            continue
        if line.lstrip().startswith("["):
            inside = any(line.strip().startswith((f"{m}]", f"{m}.")) for m in mine)
        if not inside:
            kept += [*comment, line]
        comment = []
    return kept + comment


def _with_auto(lines: list[str], name: str, task_class: str) -> list[str]:
    new = f"{_key(task_class)} = {_value(name)}"
    at = next((i for i, line in enumerate(lines) if line.strip() == "[auto]"), None)
    if at is None:
        return [*lines, "[auto]", new]
    end = next((i for i in range(at + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    keys = (f"{task_class} ", f"{task_class}=", f"{json.dumps(task_class)} ", f"{json.dumps(task_class)}=")
    body = [line for line in lines[at + 1 : end] if not line.lstrip().startswith(keys)]
    return [*lines[: at + 1], new, *body, *lines[end:]]


def _check(path: Path, text: str, after: str, name: str, task_class: str, by_hand: str) -> None:
    """What the file said before it says still, but for this plan."""
    import tomllib

    from outlay.errors import UsageError

    def rest(of: str) -> dict[str, Any]:
        found = tomllib.loads(of)
        plans = {k: v for k, v in found.pop("plans", {}).items() if k != name}
        auto = {k: v for k, v in found.pop("auto", {}).items() if k != task_class}
        return {**found, "plans": plans, "auto": auto}

    try:
        same = rest(text) == rest(after) and name in tomllib.loads(after)["plans"]
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise UsageError(
            f"{path} is laid out so that the plan cannot be put into it safely; add by hand:\n{by_hand}\n"
            f"and under [auto]: {_key(task_class)} = {_value(name)}"
        )


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)
