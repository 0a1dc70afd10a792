"""The next step of a chain of thought: `n` continuations of an assistant text up to a separator, in one batch.

What methods that look at an answer while it is written have in common. `step` has a frozen interface: strategies of
steps, pairs and phases build on it.

How a step ends, and what follows:

| the server says | the step is | the chain |
| --- | --- | --- |
| the separator was written | text + separator (servers remove stop strings) | goes on |
| the model's own end | text | is over |
| stop, without saying which (llama.cpp, OpenAI) | text + separator | goes on; is over if it states its answer |
| `length` | text as it is, a cut step (`cut`) | goes on in the middle of the step |
| `length` far below the cap that was asked for, or with no text | cut at the server's own limit | is over, cut |
| nothing but white space, after a separator | nothing | is over |
| the same step for the third time in a row | nothing | is over, as cut: it never comes to an end |
| a stated answer (`Answer: …`, a box, answer tags, `####`) | text | is over |
| anything else (`content_filter`, `tool_calls`) | text | is over |
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from outlay.errors import BudgetExceeded, OutlayError, ProviderError, UsageError
from outlay.run import Run
from outlay.types import Completion, Question, TokenLogprob, Usage

SEPARATOR = "\n\n"
"""A blank line: what sets steps apart unless stated otherwise."""
FIRST_WORDS = 32
"""Words after which a chain without a separator tells that it has none."""
REPEATS = 3
"""So many equal steps in a row end a chain (our choice)."""
_ANSWERED = re.compile(
    r"(?:^\W{0,8}(?:the\s{1,4})?(?:final\s{1,4})?answer|\bfinal\s{1,4}answer"
    r"|\b(?:so|thus|hence|therefore),?\s{1,4}the\s{1,4}answer)"
    r"[\s*_]{0,8}(?:[:=]|is\b)[\s*_:=]{0,8}[^\s<:=*_]"
    r"|\\boxed\s{0,4}\{[^{}]|<(?:final_)?answer>\s{0,8}[^\s<]|^\s{0,4}####\s{1,8}\S",
    re.IGNORECASE | re.MULTILINE,
)


class Step(Struct, frozen=True, omit_defaults=True):
    """One step as it was drawn. `prefix + step.text` is the chain with it.

    `finish_reason` is the step's own: `stop`, or `length` where it was cut. Where `ended` is set the chain is over, and
    `why` says how; with `finish_reason` `length` it was cut and its answer cannot be trusted to be whole.
    """

    text: str
    """What it adds to the prefix, the separator included where the chain goes on."""
    finish_reason: str
    usage: Usage
    """`input_tokens` is the whole prompt, prefix included; siblings of one `batch` read it once."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    ended: bool = False
    why: str = ""
    sample: int = 0
    seed: int | None = None
    batch: str = ""
    latency_s: float = 0.0

    @property
    def cut(self) -> bool:
        """Whether it stopped at its cap and not at a separator: the next one goes on in its middle."""
        return self.finish_reason == "length"


Drawn = Step | ProviderError | BudgetExceeded
"""A step, or the error that took its place."""


async def step(
    run: Run,
    question: Question,
    prefix: str,
    *,
    role: str = "default",
    label: str = "",
    separator: str = SEPARATOR,
    max_tokens: int,
    n: int = 1,
    start: int = 0,
    top_logprobs: int | None = None,
    temperature: float | None = None,
) -> tuple[Drawn, ...]:
    """`n` next steps after `prefix`, siblings drawn in one batch that reads the prompt once.

    A sibling that fails is data in its place. Before the first step a model that does not continue a given text is
    refused: by its card, then by a probe (4 tokens, once a session), so that nothing is spent on a first step that no
    second one can follow.

    Args:
        run: what to buy through.
        question: what is asked; its own sampling holds, its stop strings end chains.
        prefix: the chain so far, empty at the first step. Its end is taken as it is: pass on `prefix + step.text`.
        role: which model.
        label: names the draw in the trace; with the sample index it decides the seeds. Empty: `named(prefix)`, so that
            equal prefixes of one question and role mean the same draws, in every strategy.
        separator: what ends a step.
        max_tokens: cap of one step.
        n: siblings.
        start: index of the first sibling; draws `start … start + n - 1` of the prefix.
        top_logprobs: rivals of each token; None: no logprobs.
        temperature: of the draw; None takes the question's.

    Raises:
        MissingAbility: the model does not continue a given text.
        ProviderError: no step can succeed (a refused key, a dead server).
        BudgetExceeded: the probe does not fit.

    Cost: n draws of at most `max_tokens` tokens each.
    """
    await run.continues(role=role)
    sampling = msgspec.structs.replace(
        question.sampling,
        max_output_tokens=max_tokens,
        stop=(*question.sampling.stop, separator),
        temperature=question.sampling.temperature if temperature is None else temperature,
        top_logprobs=question.sampling.top_logprobs if top_logprobs is None else top_logprobs,
    )
    drawn = await run.attempts(
        question.messages,
        role=role,
        label=label or named(prefix),
        n=n,
        start=start,
        sampling=sampling,
        prefix=prefix or None,
    )
    return tuple(
        read(c, prefix, separator=separator, max_tokens=max_tokens) if isinstance(c, Completion) else _error(c)
        for c in drawn
    )


def read(completion: Completion, prefix: str, *, separator: str = SEPARATOR, max_tokens: int) -> Step:
    r"""The step that a continuation of `prefix` is, by the table at the head of this file.

    Example:
        >>> read(Completion("6 * 7 = 42", "stop", Usage(9, 5), stopped_by="\n\n"), "", max_tokens=64).text
        '6 * 7 = 42\n\n'
    """
    text, finish, by = completion.text, completion.finish_reason, completion.stopped_by
    if finish == "stop":
        return _stopped(completion, prefix, separator, by)
    if finish != "length":
        return _step(completion, text, ended=True, why=f"the model stopped with {finish or 'no reason'}")
    if not text.strip() or 2 * completion.usage.output_tokens < max_tokens:
        return _step(completion, text, ended=True, why="cut at the server's own limit")
    return _step(completion, text)


def separator_of(written: str) -> str:
    r"""The separator that a user writes; `\n` is a line break.

    Raises:
        UsageError: it is empty.

    Example:
        >>> separator_of("\\n")
        '\n'
    """
    if not written:
        raise UsageError("A separator of steps cannot be empty; leave it out for a blank line.")
    return written.replace("\\n", "\n")


def unparted(chains: Iterable[Sequence[str]], separator: str) -> str:
    r"""What to say where steps were cut and none ended at the separator: it is not what this model writes.

    Args:
        chains: the steps of each chain that was cut, each with the separator where it ended there.
        separator: what should have ended them.

    Returns:
        A sentence's part; empty where some step ended there, or no chain has 32 words yet (our choice).

    Example:
        >>> unparted([["so " * 40]], "\n\n")[:55]
        "no step ended at the separator '\\n\\n', so that steps we"
    """
    seen = list(chains)
    if any(separator in step for chain in seen for step in chain):
        return ""
    if not any(sum(len(step.split()) for step in chain) >= FIRST_WORDS for chain in seen):
        return ""
    return (
        f"no step ended at the separator {separator!r}, so that steps were cut anywhere; name the one that the model "
        "writes with separator=…"
    )


def states_answer(text: str) -> bool:
    r"""Whether a step states the final answer outright; a result on the way is none.

    Example:
        >>> [states_answer(t) for t in ("The answer is 42.", "so \\boxed{42}", "The result is 42.", "Answer: <number>")]
        [True, True, False, False]
    """
    return _ANSWERED.search(text[-20_000:]) is not None


def named(prefix: str) -> str:
    """The label of draws that follow a prefix: equal prefixes, equal names.

    Example:
        >>> named("")
        'step/ddd9c40767f9'
    """
    return f"step/{digest(prefix)}"


def digest(text: str) -> str:
    """A short name of a text; the same text has the same name in every run.

    Example:
        >>> digest("6 * 7 = 42")
        '8f8ea20131db'
    """
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _stopped(completion: Completion, prefix: str, separator: str, by: str | None) -> Step:
    text = completion.text
    if states_answer(text):
        return _step(completion, text, ended=True, why="it states its answer")
    if by is not None and by != separator:
        return _step(completion, text, ended=True, why="the model ended it" if not by else f"it wrote {by!r}")
    if not text.strip() and (by is None or not prefix or prefix.endswith(separator)):
        return _step(completion, "", ended=True, why="an empty step")
    if _repeated(prefix, text, separator):
        cut = msgspec.structs.replace(completion, finish_reason="length")
        return _step(cut, "", ended=True, why=f"the same step {REPEATS} times in a row")
    return _step(completion, text + separator)


def _repeated(prefix: str, text: str, separator: str) -> bool:
    before = prefix.rsplit(separator, REPEATS)[-REPEATS:-1] if prefix.endswith(separator) else []
    return len(before) == REPEATS - 1 and all(s.strip() == text.strip() for s in before)


def _step(completion: Completion, text: str, *, ended: bool = False, why: str = "") -> Step:
    return Step(
        text,
        completion.finish_reason,
        completion.usage,
        completion.logprobs,
        ended,
        why,
        completion.sample,
        completion.seed,
        completion.batch,
        completion.latency_s,
    )


def _error(error: OutlayError) -> ProviderError | BudgetExceeded:
    return error if isinstance(error, (ProviderError, BudgetExceeded)) else ProviderError(str(error))
