"""The frozen values that carry the flow: questions, completions, pools, verdicts, answers.

Nothing here does anything. Every later layer speaks in these nouns, so each one says its units and its edges.
Token buckets are inclusive: `input_tokens` contains the cache buckets, `output_tokens` the reasoning bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

Count: TypeAlias = Annotated[int, Meta(ge=1, le=4096)]
"""A number of samples, votes or tries."""
Share: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A probability or a share of a whole."""
Positive: TypeAlias = Annotated[float, Meta(gt=0.0)]
"""A number above zero."""
Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=10_000_000)]
"""A number of tokens."""
Message: TypeAlias = dict[str, Any]
"""One chat message exactly as the client wrote it (OpenAI's shape); conversations are never flattened."""


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one purchase. None is unknown, which is not zero."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class Sampling(Struct, frozen=True, omit_defaults=True):
    """How to draw: what the buyer asked for. None leaves the choice to the model's own distribution.

    `temperature` None means 1 for local and recorded models and the provider's default elsewhere. `max_output_tokens`
    is the buyer's bound on one sample; an absent one is derived by the run. `extra` holds further body fields of the
    chat request (`tools`, `response_format`, `reasoning_effort`, …) which are sent on untouched.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    """None: no logprobs; 0: of the chosen tokens only; k: of the k likeliest tokens too."""
    extra: dict[str, Any] = {}
    reasoning_tokens: int | None = None
    """The most tokens of thinking that is seen: there it is closed and the best answer asked for. None: no cap."""
    answer_tokens: int | None = None
    """The most tokens of that answer."""


class Question(Struct, frozen=True, omit_defaults=True):
    """What is asked. It never carries the reference answer: no strategy, framing or prompt can see the key."""

    id: str
    messages: tuple[Message, ...]
    kind: str | None = None
    """The answer kind (`number`, `choice`, …); without one nothing can be voted on."""
    task_class: str = "default"
    sampling: Sampling = Sampling()

    @staticmethod
    def of(text: str, *, id: str = "q", kind: str | None = None, sampling: Sampling = Sampling()) -> Question:
        """The question that asks `text` in one user message."""
        return Question(id=id, messages=({"role": "user", "content": text},), kind=kind, sampling=sampling)


class TokenLogprob(Struct, frozen=True, array_like=True):
    """One sampled token with its natural log-probability under the untempered model, and the likeliest rivals."""

    token: str
    logp: float
    top: tuple[tuple[str, float], ...] = ()


class Request(Struct, frozen=True, omit_defaults=True):
    """What a provider is asked for: `n` continuations of the messages (and of `prefix`, if given)."""

    messages: tuple[Message, ...]
    max_output_tokens: int
    n: int = 1
    seed: int | None = None
    prefix: str | None = None
    """Assistant text to continue; needs the ability `prefix`."""
    sampling: Sampling = Sampling()
    question_id: str = ""
    """Of a draw of the question itself, for recorded models, which look samples up; never sent upstream."""
    sample_indices: tuple[int, ...] = ()
    """The sample index of each of the n choices; never sent upstream."""
    verbatim: bool = False
    """Nothing is added to how the client wishes to draw: the server's own defaults stand."""
    left_s: float | None = None
    """Seconds until the deadline, for whoever would have it wait; never sent upstream."""


class Beyond(Struct, frozen=True, omit_defaults=True):
    """What a server's reply holds beyond the fields that outlay reads, as it came, for a request passed through."""

    reply: dict[str, Any] = {}
    """Beside the choices: `system_fingerprint`, `service_tier`, …"""
    choice: dict[str, Any] = {}
    """Beside a choice's message."""
    message: dict[str, Any] = {}
    """In the message or its delta: `annotations`, …"""


class Delta(Struct, frozen=True, omit_defaults=True):
    """A piece of a streamed reply. `choice` None with `usage` set: the usage is of the whole request."""

    choice: int | None = 0
    text: str = ""
    reasoning: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    tool_calls: tuple[dict[str, Any], ...] = ()
    """Tool-call fragments as the wire sent them; the run joins them by their `index`."""
    finish_reason: str | None = None
    usage: Usage | None = None
    refusal: bool = False
    """The text is the model's refusal, which the wire carries in a field of its own."""
    stopped_by: str | None = None
    """With `finish_reason` stop: the stop string that was written, "" for the model's own end, None: not told."""
    beyond: Beyond | None = None
    """Of a verbatim request only."""


class Completion(Struct, frozen=True, omit_defaults=True):
    """One sample as it came back. `usage.input_tokens` is the whole prompt; a batch of n choices read it once.

    `finish_reason`: `stop`, `length` (truncated), `tool_calls`, `content_filter` or `cancelled`.
    `mark`: empty when the provider's own usage settled it; `counted` when the deltas were counted by the model's
    tokenizer; `unreconciled` when it stands at its bound.
    """

    text: str
    finish_reason: str
    usage: Usage
    sample: int = 0
    seed: int | None = None
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None
    batch: str = ""
    """The purchase it came in: completions of one batch share the prompt."""
    latency_s: float = 0.0
    mark: str = ""
    refusal: bool = False
    """The text is a refusal that the wire carried in a field of its own."""
    stopped_by: str | None = None
    """The stop string that ended it (not part of `text`), "" for the model's own end, None where nobody told."""

    @property
    def truncated(self) -> bool:
        """Whether the sample ended at its output bound, so that its answer cannot be trusted to be whole."""
        return self.finish_reason == "length"


class Verdict(Struct, frozen=True, omit_defaults=True):
    """A verifier's opinion of one candidate: `score` in [0, 1], and whether that accepts it."""

    score: float
    accepted: bool
    why: str = ""


class Sample(Struct, frozen=True, omit_defaults=True):
    """One draw of a pool: a completion with the class of its answer, or the error that took its place.

    `key` is the canonical form of the extracted answer and alone defines the classes of a vote. It is None for
    failed, answerless and truncated samples, which therefore never vote.
    """

    index: int
    completion: Completion | None = None
    answer: str | None = None
    """The extracted answer as text, as it is shown to people."""
    key: str | None = None
    verdict: Verdict | None = None
    error: str = ""


class Pool(Struct, frozen=True, omit_defaults=True):
    """The samples of one question in index order; live or recorded, the same type."""

    question_id: str
    kind: str | None
    samples: tuple[Sample, ...]

    @property
    def voters(self) -> tuple[Sample, ...]:
        """The samples whose answer may be chosen: complete and with an answer."""
        return tuple(s for s in self.samples if s.key is not None)

    @property
    def failures(self) -> tuple[Sample, ...]:
        """The samples that brought no completion."""
        return tuple(s for s in self.samples if s.completion is None)


class Choice(Struct, frozen=True, omit_defaults=True):
    """A selection's result: the probability of each answer class, ties shared evenly. Empty: nothing to choose from.

    `p` lists (class key, probability) by falling probability, then by key, and sums to 1 (or is empty).
    """

    p: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.p)


class Draws(Struct, frozen=True, omit_defaults=True):
    """Worst-case use of one role: logical calls, input tokens and output tokens (before retries)."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Bound(Struct, frozen=True, omit_defaults=True):
    """Worst-case use of a strategy by role. None for tokens that nothing bounds would be a lie: it is not allowed."""

    by_role: Mapping[str, Draws] = {}

    @property
    def calls(self) -> int:
        """Logical calls over all roles."""
        return sum(d.calls for d in self.by_role.values())


class Plan(Struct, frozen=True, omit_defaults=True):
    """What to buy: a strategy with its parameters, a verifier, an answer kind, a model for each role, and framings."""

    strategy: str = "single"
    parameters: dict[str, Any] = {}
    verifier: str | None = None
    kind: str | None = None
    roles: dict[str, str] = {}
    framings: tuple[tuple[str, dict[str, Any]], ...] = ()
    """What is put around the question before the strategy sees it: names with their parameters, applied in order."""
    name: str = ""
    """Under which the configuration describes it; empty where it does not."""


class Answer(Struct, frozen=True, omit_defaults=True):
    """What was bought, what it cost, how sure it is, and why buying stopped.

    `cost_nusd` is what buying it costs (for comparisons), None where a price is unknown; `paid_nusd` is what was
    paid now (0 for what came from the call cache). Both in nano-dollars. `p_correct` is a probability with its source
    named in `p_source`, or None where nothing is known. `latency_s` is told as if everything had been bought now: what
    the call cache served counts with the seconds it took when it was drawn.
    """

    question_id: str
    text: str
    answer: str | None = None
    key: str | None = None
    p_correct: float | None = None
    p_source: str = ""
    stopped: str = ""
    missing: tuple[str, ...] = ()
    refused: str = ""
    """Why the budget refused a part of the plan: the answer is made of less than was asked for."""
    candidates: tuple[tuple[str, float], ...] = ()
    """Answer classes with their probability under the selection, the likeliest first."""
    plan: Plan = Plan()
    usage: Usage = Usage(0, 0)
    calls: int = 0
    cost_nusd: int | None = 0
    paid_nusd: int | None = 0
    overrun_nusd: int = 0
    elsewhere: dict[str, int] = {}
    """Calls that a model further down a chain served, by its name; empty where the first of each role served all."""
    chosen: str = ""
    """Why this plan was bought, where whoever asked left that open."""
    next_sample_nusd: int | None = None
    """The price of going on: what one more sample would cost on average."""
    latency_s: float = 0.0
    trace_id: str = ""
