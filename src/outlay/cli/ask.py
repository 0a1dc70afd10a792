"""Ask one question under one strategy."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.types import Answer


async def ask(
    question: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    strategy: str = "single",
    plan: str | None = None,
    kind: str | None = None,
    model: tuple[str, ...] = (),
    verifier: str | None = None,
    framing: tuple[str, ...] = (),
    tool: tuple[str, ...] = (),
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    max_tokens: int | None = None,
    max_output_tokens: int | None = None,
    temperature: float | None = None,
    seed: int = 0,
    deadline_s: float | None = None,
    json: bool = False,
) -> None:
    """Ask one question.

    The answer goes to standard output; what it cost, how sure it is and why
    buying stopped go to standard error.

    Example: outlay ask "17 * 23?" --strategy self_consistency:n=8 --kind number

    Parameters
    ----------
    question:
        What to ask; - reads it from standard input.
    strategy:
        How to buy: NAME or NAME:key=value,… (see outlay strategies); single unless given.
    plan:
        A [plans.NAME] of outlay.toml, in place of a strategy, a verifier, framings and models.
    kind:
        The kind of answer, such as number, choice or json; needed by every strategy that compares answers.
    model:
        NAME, or ROLE=NAME for a model with another part, such as judge=NAME (see outlay models); repeatable.
    verifier:
        What checks answers: a name, command:PROGRAM, or package.module:function.
    framing:
        What is put around the question: NAME or NAME:key=value,… (see outlay framings); repeatable, in order.
    tool:
        What an agent may call: python, search or package.module:function, with :calls=5,… if wanted; repeatable.
    max_usd:
        A hard cap in dollars.
    max_tokens:
        A hard cap on all output tokens together.
    max_output_tokens:
        The most output tokens of one sample.
    temperature:
        The sampling temperature; the model's own unless given.
    seed:
        Every random choice, and every seed sent to a model, derives from it; 0 unless given.
    deadline_s:
        Seconds after which nothing more is bought.
    json:
        Print one JSON object instead of the text.
    """
    import msgspec

    from outlay.budget import Limits
    from outlay.engine import Outlay
    from outlay.errors import UsageError
    from outlay.types import Question, Sampling

    limits = Limits.of(max_usd=max_usd, max_tokens=max_tokens, deadline_s=deadline_s)
    if deadline_s is not None:
        limits = msgspec.structs.replace(limits, deadline_s=time.monotonic() + deadline_s)
    sampling = Sampling(temperature=temperature, max_output_tokens=max_output_tokens)
    asked = Question.of(_read(question), kind=kind, sampling=sampling)
    if plan is not None and model:
        raise UsageError(f"The plan {plan} says which models are asked; leave --model out.")
    if plan is not None and tool:
        raise UsageError(f"The plan {plan} says which tools there are; leave --tool out.")
    live = strategy.strip() == "single" and plan is None and sys.stdout.isatty() and not json
    stream = _Stream(live=live)
    async with Outlay(_models(model), limits=limits, seed=seed) as outlay:
        answer = await outlay.ask(
            asked,
            strategy=_with_tools(strategy, tool),
            verifier=verifier,
            framings=framing,
            plan=plan,
            listener=stream if live else None,
        )
    if json:
        from outlay.cli import _terminal

        _terminal.json(as_plain(answer))
    else:
        stream.finish(answer.text)
        _explain(answer)


def as_plain(answer: Answer) -> dict[str, Any]:
    """An answer as the plain data of `--json`: every field, money in dollars, null for what is unknown."""
    import msgspec

    from outlay.money import usd

    fields = {name: getattr(answer, name) for name in answer.__struct_fields__}
    money = {
        n.replace("_nusd", "_usd"): usd(fields.pop(n)) for n in answer.__struct_fields__ if n.endswith("_nusd")
    }
    plan, usage = fields.pop("plan"), fields.pop("usage")
    return msgspec.to_builtins(
        {
            **fields,
            **money,
            "plan": plan.name,
            "strategy": plan.strategy,
            "parameters": plan.parameters,
            "verifier": plan.verifier,
            "framings": plan.framings,
            "kind": plan.kind,
            "models": plan.roles,
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
        }
    )


class _Stream:
    """The text on standard output: while it is written where the plan is one sample, else at the end."""

    def __init__(self, *, live: bool):
        self.live, self.shown = live, False

    def __call__(self, event: dict[str, Any]) -> None:
        if self.live and event["event"] == "text":
            self._write(event["text"])

    def finish(self, text: str) -> None:
        """Write what was not yet written."""
        self._write("\n" if self.shown else f"{text}\n")

    def _write(self, text: str) -> None:
        from outlay.cli._terminal import safe

        self.shown = True
        sys.stdout.write(safe(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()


def _read(question: str) -> str:
    from outlay.errors import UsageError

    if re.fullmatch(r"--?[A-Za-z][\w-]*(=.*)?", question):
        raise UsageError(f"There is no option {question}; see `outlay ask --help`.")
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise UsageError("The question is empty; write it in quotes, or - to read it from standard input.")
    return text


def _with_tools(strategy: str, tools: tuple[str, ...]) -> str:
    """The strategy with these tools among its parameters.

    Raises:
        UsageError: it is one of outlay's that calls none.

    Example:
        >>> _with_tools("budget_aware_agent:budget=3", ("python",))
        "budget_aware_agent:budget=3,tools='python'"
    """
    from outlay import plugins
    from outlay.errors import UsageError

    if not tools:
        return strategy
    name = strategy.partition(":")[0].strip()
    own = name in plugins.names("strategy")
    if own and "tools" not in {p.name for p in plugins.parameters(plugins.load("strategy", name))}:
        raise UsageError(f"{name} calls no tools; --tool goes with --strategy budget_aware_agent.")
    return f"{strategy}{',' if ':' in strategy else ':'}tools={'; '.join(tools)!r}"


def _models(given: tuple[str, ...]) -> dict[str, str]:
    from outlay import config
    from outlay.cli._roles import split
    from outlay.errors import UsageError

    plain, roles = split(given)
    if len(plain) > 1:
        raise UsageError(
            f"One model answers, but {' and '.join(plain)} were named; write a helper as ROLE=NAME."
        )
    known = config.read()
    return {"default": plain[0] if plain else known.default, **known.roles, **roles}


def _explain(answer: Answer) -> None:
    from outlay.cli._terminal import note
    from outlay.money import show

    sure = "" if answer.p_correct is None else f"p(correct) {answer.p_correct:.2f}, {answer.p_source}"
    paid = f"cost {show(answer.cost_nusd)}"
    if answer.paid_nusd != answer.cost_nusd:
        paid += f" (paid {show(answer.paid_nusd)})"
    tokens = f"{answer.usage.input_tokens:,} tokens in, {answer.usage.output_tokens:,} out"
    calls = f"{answer.calls:,} call{'' if answer.calls == 1 else 's'}"
    stated = f"answer {answer.answer}" if answer.answer is not None and answer.answer != answer.text else ""
    note(" · ".join(part for part in (stated, paid, calls, tokens, sure, answer.stopped) if part))
    for sentence in answer.missing:
        note(f"missing: {sentence}")
