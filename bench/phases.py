"""Thinking and answer with a budget each, against plain truncation at the same cap on all tokens; can be resumed.

    .venv/bin/python bench/phases.py DIR [--questions 100] [--model PATH_OR_NAME] [--caps 32 48 64 96 128]
    .venv/bin/python bench/phases.py DIR --table

At every cap on all output tokens: the reply cut there, the same where the model was asked to think between tags,
`elastic` with 16 of the tokens for the answer, and `budget_forcing`, both also with the answer begun for the model, and
`elastic` without tags. All are asked to work a line a step, without which some models state a sum outright and there is
nothing to cut. A reply that is cut has no answer for outlay, even where it states one before; the columns "in the text"
count it all the same, which favours truncation. Gains are over the plain cut reply, paired by question, counted in the
text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from arms import Arm, Row, arguments, balanced, buy, rows, share

from outlay.prompts.thinking import ask_to_think
from outlay.stats.paired import paired
from outlay.types import Message, Question, Sampling

TASK = "chain_sum?min_terms=3&max_terms=3&min_digits=2&max_digits=2"
"""Sums that a model of half a billion parameters gets right in part, given the tokens to work them out."""
CAPS = (32, 48, 64, 96, 128)
HINT = "Work in steps, one operation a line, such as 12 + 30 = 42."
TEMPERATURE = 0.6
PLAIN = "cut"
WAYS = {
    PLAIN: "single",
    "asked to think, cut": "single",
    "elastic": "elastic:answer=16",
    "elastic, outright": "elastic:answer=16,outright=true",
    "elastic, outright, at a blank line": "elastic:answer=16,outright=true,cut=true",
    "elastic, plain": "elastic:answer=16,thinks=plain",
    "budget forcing": "budget_forcing:waits=1,answer=16",
    "budget forcing, outright": "budget_forcing:waits=1,answer=16,outright=true",
}


def named(way: str, cap: int) -> str:
    return f"{way} @ {cap}"


def arms(caps: Sequence[int]) -> list[Arm]:
    """Every way at every cap."""
    return [
        Arm(named(way, cap), strategy, capped(cap, asked=way.startswith("asked")))
        for cap in caps
        for way, strategy in WAYS.items()
    ]


def capped(cap: int, *, asked: bool) -> Callable[[Question], Question]:
    sampling = Sampling(temperature=TEMPERATURE, max_output_tokens=cap)

    def prepared(question: Question) -> Question:
        last: Message = {**question.messages[-1], "content": f"{question.messages[-1]['content']}\n{HINT}"}
        hinted = msgspec.structs.replace(question, messages=(*question.messages[:-1], last), sampling=sampling)
        return ask_to_think(hinted) if asked else hinted

    return prepared


def gain(of: Sequence[Row], on: Sequence[Row], what: Callable[[Row], bool]) -> str:
    """By how much one way is better than another, with its paired interval, as a cell."""
    told = paired([float(what(r)) for r in on], [float(what(r)) for r in of], seed=0)
    return f"{told.difference:+.3f} ({told.interval.low:+.3f} … {told.interval.high:+.3f})"


def table(found: Sequence[Row], caps: Sequence[int]) -> None:
    """The table of what is there."""
    by_arm = balanced(found, [arm.name for arm in arms(caps)])
    n = len(next(iter(by_arm.values())))
    print(f"{n} questions, 95 % intervals\n")
    if not n:
        return
    print(
        "| tokens in all | way | has an answer | in the text | right | in the text | gain: answers | gain: right "
        "| tokens out | in |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for cap in caps:
        plain = by_arm[named(PLAIN, cap)]
        for way in WAYS:
            of = by_arm[named(way, cap)]
            gains = "– | –"
            if way != PLAIN:
                stated = gain(of, plain, lambda r: r.parsed_in_text)
                gains = f"{stated} | {gain(of, plain, lambda r: r.right_in_text)}"
            print(
                f"| {cap} | {way} | {share([r.parsed for r in of])} | {sum(r.parsed_in_text for r in of) / n:.3f} "
                f"| {share([r.right for r in of])} | {sum(r.right_in_text for r in of) / n:.3f} | {gains} "
                f"| {sum(r.output_tokens for r in of) / n:.0f} | {sum(r.input_tokens for r in of) / n:.0f} |"
            )


def main() -> None:
    asked = arguments(__doc__, questions=100, model="qwen-1.5b.gguf")
    asked.add_argument("--task", default=TASK)
    asked.add_argument("--caps", type=int, nargs="+", default=list(CAPS), help="output tokens in all")
    given = asked.parse_args()
    if not given.table:
        asyncio.run(buy(given, [given.task], arms(given.caps), verifier=None))
    table([r for r in rows(given.dir) if r.task == given.task], given.caps)


if __name__ == "__main__":
    main()
