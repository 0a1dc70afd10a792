"""A small and a large model on one chain: limits and identities of SpecReason, GlimpRouter and Arbitrage; faults."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from ledgers import rows
from two_models import ASK, depth, digit, flat, is_grade, is_probe, step, timed

from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BudgetExceeded, MissingAbility, NoAnswer, ProviderError, UsageError
from outlay.skeletons.grading import read_grade
from outlay.skeletons.signals import entropy
from outlay.testing import Clock, shop
from outlay.types import Completion, TokenLogprob, Usage, Verdict

GRADES = (8.0, 3.5, 6.0, 1.0, 9.0)
"""What the large model thinks of the small one's step, by depth."""
WIDTHS = (2, 12, 1, 20, 3)
"""How many first tokens the small model finds equally likely, by depth."""
SURE = (0.9, 0.3, 0.8, 0.2, 0.7)
"""The probability of each token of the small model's step, by depth."""
LARGE_ALONE = "speculative_reasoning:tau=0,first_large=100"
SMALL_ALONE = "arbitrage:estimator=chance,tau=1"


def writer(role):
    """Four steps of five tokens, and an answer: 1 of the small model, 2 of the large one."""

    def says(request, index):
        at = depth(request)
        if is_grade(request):
            return digit(GRADES[(request.messages[-2]["content"].count("\n\n")) % 5])
        if is_probe(request):
            return flat(WIDTHS[at])
        if at >= 4:
            return step(f"Answer: {1 if role == 'small' else 2}", SURE[4], last=True)
        return step(f"{role} wrote the step {at}", SURE[at])

    return says


class Pair:
    """Both models, the clock that they move, and what was bought from each."""

    def __init__(self, small=None, large=None, small_s=1.0, large_s=3.0, **more):
        self.clock = Clock()
        self.small = timed(small or writer("small"), self.clock, small_s, name="small", **more)
        self.large = timed(large or writer("large"), self.clock, large_s, name="large")
        self.told = []

    async def buy(self, strategy, *, verifier=None, **more):
        models = {"default": self.large, "small": self.small}
        async with shop(models, clock=self.clock) as outlay:
            plan = await outlay.plan(strategy)
            answer = await outlay.buy(ASK, plan, verifier=verifier, listener=self.hear, **more)
            self.ledger = await rows(outlay.store)
            recorded = (await outlay.store.trace(answer.trace_id)).encode()
        _, trace = await replay(recorded, verifier=verifier)
        assert trace == recorded
        return answer

    def hear(self, event):
        if event["event"] == "pair":
            self.counts, self.chain = event["counts"], event["chain"]

    def tokens(self, role):
        return sum(r["output_tokens"] for r in self.ledger if r["role"] == role)

    @property
    def writers(self):
        return "".join(s.role[0] for s in self.chain.steps)


async def bought(strategy, **more):
    pair = Pair(**more)
    return pair, await pair.buy(strategy)


async def test_at_tau_0_the_text_is_the_small_model_s_alone():
    alone, small = await bought(SMALL_ALONE)
    pair, answer = await bought("speculative_reasoning:tau=0")
    assert answer.text == small.text
    assert (pair.counts.large_steps, pair.counts.dropped, pair.counts.grades) == (0, 0, 5)
    assert (alone.writers, alone.tokens("large"), answer.answer) == ("sssss", 0, "1")


async def test_above_9_the_text_is_the_large_model_s_alone_at_the_price_of_all_drafts_and_grades():
    alone, large = await bought(LARGE_ALONE)
    pair, answer = await bought("speculative_reasoning:tau=9.5")
    assert answer.text == large.text
    assert answer.answer == "2"
    assert (pair.counts.dropped, pair.counts.grades, pair.counts.kept) == (5, 5, 0)
    assert pair.tokens("large") == alone.tokens("large") + 5
    assert pair.tokens("small") == pair.counts.dropped_tokens == 4 * 5 + 2
    assert alone.tokens("small") == 0


async def test_raising_tau_never_keeps_more_drafts():
    kept = [
        (await bought(f"speculative_reasoning:tau={tau}"))[0].writers for tau in (0, 1, 3.5, 5, 6, 8, 9, 9.5)
    ]
    assert kept == ["sssss", "sssss", "sssls", "slsls", "slsls", "sllls", "lllls", "lllll"]


async def test_the_clock_reads_what_the_latency_identity_says():
    """Accepted: L t_S + t_V. Rejected: L t_S + t_V + L t_B. A grade is one token of the large model."""
    pair, answer = await bought("speculative_reasoning:tau=5", small_s=1.0, large_s=3.0)
    t_s, t_b, t_v = 1.0, 3.0, 3.0
    lengths, rejected = (5, 5, 5, 5, 2), (0, 1, 0, 1, 0)
    said = sum(n * t_s + t_v + r * n * t_b for n, r in zip(lengths, rejected, strict=True))
    assert answer.latency_s == said
    assert pair.counts.kept / 5 == 0.6


@pytest.mark.parametrize(("t_s", "gains"), [(0.5, True), (2.0, False)])
async def test_it_gains_time_exactly_above_the_break_even_acceptance(t_s, gains):
    t_b, t_v = 3.0, 3.0
    _, alone = await bought(LARGE_ALONE, small_s=t_s, large_s=t_b)
    pair, answer = await bought("speculative_reasoning:tau=5", small_s=t_s, large_s=t_b)
    length = 22 / 5
    accepted = sum(s.tokens for s in pair.chain.steps if s.role == "small") / 22
    assert (answer.latency_s < alone.latency_s) == gains
    assert (accepted > t_s / t_b + t_v / (length * t_b)) == gains


def one_hot(word):
    return Completion(word, "length", Usage(0, 1), logprobs=(TokenLogprob(word, 0.0, ((word, 0.0),)),))


@pytest.mark.parametrize("d", range(10))
def test_average_and_greedy_agree_on_a_sure_digit(d):
    assert read_grade(one_hot(str(d)), "average") == read_grade(one_hot(str(d)), "greedy") == d


@pytest.mark.parametrize("value", [0.5, 3.25, 8.75])
def test_the_average_is_the_expectation_and_stays_on_the_scale(value):
    assert read_grade(digit(value)) == pytest.approx(value)


@pytest.mark.parametrize("word", ["", "good", "10", "-", " "])
def test_what_is_no_digit_is_grade_0(word):
    assert read_grade(one_hot(word)) == read_grade(one_hot(word), "greedy") == 0.0


def test_a_digit_among_the_rivals_counts_where_the_token_is_none():
    token = TokenLogprob("The", -0.1, (("The", -0.1), (" 7", -2.0), ("nan", math.nan)))
    assert read_grade(Completion("The", "length", Usage(0, 1), logprobs=(token,))) == 7.0


async def test_repeated_steps_end_the_chain_at_the_third_step_at_the_earliest():
    pair, answer = await bought(
        "speculative_reasoning:tau=0", small=lambda r, i: step("again" if depth(r) else "first")
    )
    assert len(pair.chain.steps) == 3
    assert answer.key is None
    assert "the last two steps are the same" in answer.stopped


async def test_kept_tokens_never_pass_the_bound_and_separators_that_never_come_cut_the_chain():
    def endless(request, index):
        return Completion("word " * request.max_output_tokens, "length", Usage(0, request.max_output_tokens))

    pair, answer = await bought(f"{SMALL_ALONE},step_tokens=150", small=endless)
    assert pair.chain.tokens == ASK.sampling.max_output_tokens
    assert [s.tokens for s in pair.chain.steps] == [150, 150, 100]
    assert answer.key is None
    assert any("no step ended at the separator" in m for m in answer.missing)
    assert any("cut at their output bound" in m for m in answer.missing)


@pytest.mark.parametrize("name", ["speculative_reasoning", "glimpse", "arbitrage"])
async def test_an_empty_separator_is_refused_before_a_cent_is_spent(name):
    pair = Pair()
    with pytest.raises(UsageError, match="separator of steps cannot be empty"):
        await pair.buy(f"{name}:separator=")
    assert pair.small.requests == pair.large.requests == []


async def test_steps_that_never_end_stop_at_the_most_steps():
    pair, answer = await bought(
        f"{SMALL_ALONE},max_steps=7", small=lambda r, i: step(f"step number {depth(r)}")
    )
    assert (len(pair.chain.steps), answer.key) == (7, None)
    assert "bound of 7 steps" in answer.stopped


@pytest.mark.parametrize(("m", "nats"), [(1, 0.0), (2, math.log(2)), (12, math.log(12)), (20, math.log(20))])
def test_the_entropy_of_m_equal_tokens_is_ln_m(m, nats):
    (token,) = flat(m).logprobs
    assert entropy(token) == (None if m == 1 else pytest.approx(nats))


def test_a_sure_token_has_no_entropy_and_nan_none_that_can_be_said():
    assert entropy(TokenLogprob("a", 0.0, (("a", 0.0), ("b", -math.inf)))) == 0.0
    assert entropy(TokenLogprob("a", math.nan, (("a", math.nan), ("b", -1.0)))) is None


def test_cutting_to_the_top_20_changes_the_entropy_by_what_the_tail_allows():
    p = [0.5 * 0.7**i for i in range(40)]
    p = [x / sum(p) for x in p]
    whole = -sum(x * math.log(x) for x in p)
    (tail, top) = (sum(p[20:]), [(f"t{i}", math.log(x)) for i, x in enumerate(p[:20])])
    cut = entropy(TokenLogprob(*top[0], tuple(top)))
    assert abs(cut - whole) < -tail * math.log(tail) + tail * math.log(20) + tail * whole + 0.01


@pytest.mark.parametrize(
    ("tau", "writers"),
    [(-1, "lllll"), (0, "lllll"), (0.5, "llsll"), (2, "slsls"), (2.9, "sssls"), (3.1, "sssss")],
)
async def test_glimpse_gives_the_large_model_the_steps_from_the_threshold_up(tau, writers):
    pair, _ = await bought(f"glimpse:tau={tau},answer_by_large=false", small=sure_at_one)
    assert pair.writers == writers
    assert pair.counts.probes == 5
    assert sum(is_probe(r) for r in pair.small.requests) == 5


def sure_at_one(request, index):
    """Like the small model, but where only one token is likely a second one is listed that is not."""
    if is_probe(request) and WIDTHS[depth(request)] == 1:
        top = (("a", 0.0), ("b", -50.0))
        return Completion("a", "length", Usage(0, 1), logprobs=(TokenLogprob("a", 0.0, top),))
    return writer("small")(request, index)


async def test_the_probe_never_enters_the_text_and_the_answer_is_always_the_large_model_s():
    pair, answer = await bought("glimpse:tau=3.1", small=sure_at_one)
    assert pair.writers == "sssss"
    assert "t0" not in answer.text
    assert (answer.answer, answer.text.count("Answer")) == ("2", 1)
    assert answer.calls == 5 + 5 + 1
    assert pair.counts.large_tokens == pair.tokens("large") == 2


async def test_a_probe_without_an_entropy_sends_the_step_to_the_large_model():
    pair, answer = await bought("glimpse:tau=3.1,answer_by_large=false")
    assert pair.writers == "sslss"
    assert "1 decision without a signal" in answer.stopped


@pytest.mark.parametrize(
    ("tau", "writers"),
    [(-1, "lllll"), (0.05, "lllll"), (0.25, "slsll"), (0.5, "slsls"), (0.75, "sssls"), (1, "sssss")],
)
async def test_arbitrage_escalates_above_the_threshold(tau, writers):
    pair, _ = await bought(f"arbitrage:tau={tau}")
    assert pair.writers == writers


async def test_chance_is_nested_and_reaches_both_ends():
    def large(writers):
        return {i for i, w in enumerate(writers) if w == "l"}

    found = [(await bought(f"arbitrage:estimator=chance,tau={tau}"))[0].writers for tau in (-0.1, 1)]
    assert found == ["lllll", "sssss"]
    first = [(await bought(f"arbitrage:estimator=chance,tau={tau}"))[0].writers[0] for tau in (0.1, 0.5, 0.9)]
    assert first == sorted(first)
    assert large("slsl") == {1, 3}


def judge_of(scores):
    """A verifier that scores a chain by who wrote its last step."""

    async def verify(run, question, candidate):
        last = [s for s in candidate.completion.text.split("\n\n") if s][-1]
        at = candidate.completion.text.rstrip().count("\n\n")
        role = "large" if "large" in last or "2" in last.removeprefix("small wrote the step") else "small"
        return Verdict(scores[role][at], True)

    return verify


SCORES = {"small": (0.8, 0.2, 0.6, 0.1, 0.5), "large": (0.7, 0.9, 0.6, 0.3, 0.9)}


async def test_the_oracle_wastes_no_escalation_and_pays_for_knowing():
    pair = Pair()
    answer = await pair.buy("arbitrage:estimator=oracle", verifier=judge_of(SCORES))
    assert pair.writers == "slsll"
    gains = [SCORES["large"][i] - SCORES["small"][i] for i in range(5)]
    assert all(gains[i] > 0 for i, w in enumerate(pair.writers) if w == "l")
    assert pair.counts.large_tokens == pair.tokens("large") == 22
    assert answer.answer == "2"


async def test_reward_guided_looks_at_absolute_quality():
    pair = Pair()
    await pair.buy("arbitrage:estimator=verifier,tau=0.45", verifier=judge_of(SCORES))
    assert pair.writers == "slsll"
    with pytest.raises(MissingAbility, match="verifier"):
        await Pair().buy("arbitrage:estimator=verifier")


async def longer_drafts(run, question, chain, draft):
    """An estimator of one's own: long drafts are rewritten."""
    return float(len(draft.text.split()) > 2)


async def broken(run, question, chain, draft):
    """An estimator that cannot say."""
    return math.nan


async def test_an_estimator_of_one_s_own_is_named_by_module_and_function(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "own.estimators", sys.modules[__name__])
    pair, _ = await bought("arbitrage:estimator='own.estimators:longer_drafts'")
    assert pair.writers == "lllls"
    pair, answer = await bought("arbitrage:estimator='own.estimators:broken'")
    assert (pair.writers, pair.counts.blind) == ("lllll", 5)
    assert "5 decisions without a signal" in answer.stopped
    with pytest.raises(UsageError, match="uncertainty"):
        await bought("arbitrage:estimator=uncertain")


def failing(role, where):
    """A writer that fails where the predicate says."""
    says = writer(role)
    return lambda r, i: ProviderError(f"{role} broke") if where(r) else says(r, i)


async def test_a_small_model_that_fails_is_stood_in_for():
    pair, answer = await bought("speculative_reasoning:tau=0", small=failing("small", lambda r: depth(r) == 2))
    assert pair.writers == "sslss"
    assert "the large model stood in for the small one at a step: small broke" in answer.missing


async def test_a_large_model_that_fails_leaves_the_draft():
    large = failing("large", lambda r: not is_grade(r))
    pair, answer = await bought("speculative_reasoning:tau=5", large=large)
    assert (pair.writers, answer.answer) == ("sssss", "1")
    assert any("small model stood in for the large one" in m for m in answer.missing)


async def test_a_grade_that_fails_costs_that_draft_only():
    pair, answer = await bought("speculative_reasoning:tau=0", large=failing("large", is_grade))
    assert (pair.writers, answer.answer, pair.counts.blind) == ("lllll", "2", 5)


async def test_both_failing_ends_the_chain_and_at_the_first_step_there_is_no_answer():
    broken_at = lambda n: {r: failing(r, lambda q: depth(q) == n) for r in ("small", "large")}  # noqa: E731
    pair, answer = await bought("speculative_reasoning:tau=0", **broken_at(2))
    assert (len(pair.chain.steps), answer.key) == (2, None)
    assert "both models failed at step 2" in answer.stopped
    with pytest.raises(NoAnswer, match="broke"):
        await bought("speculative_reasoning:tau=0", **broken_at(0))


async def test_a_model_that_ends_at_step_one_is_asked_once():
    pair, answer = await bought(SMALL_ALONE, small=lambda r, i: step("Answer: 7", last=True))
    assert (answer.calls, answer.answer, pair.writers) == (1, "7", "s")


async def test_an_empty_first_step_is_no_answer():
    _, answer = await bought(SMALL_ALONE, small=lambda r, i: step("", last=True))
    assert (answer.text, answer.key) == ("", None)


@pytest.mark.parametrize("most", [15, 30, 40])
async def test_a_budget_that_ends_in_the_middle_leaves_the_chain_so_far(most):
    pair = Pair()
    answer = await pair.buy("speculative_reasoning:tau=5,step_tokens=10", limits=Limits(output_tokens=most))
    assert sum(r["output_tokens"] for r in pair.ledger) <= most
    assert answer.refused
    assert answer.key is None
    assert answer.text.startswith("small wrote the step 0")
    assert "budget ended" in answer.stopped


async def test_nothing_is_bought_where_nothing_fits():
    with pytest.raises(BudgetExceeded):
        await Pair().buy("speculative_reasoning", limits=Limits(output_tokens=0))


@pytest.mark.parametrize("strategy", ["speculative_reasoning", "glimpse", "arbitrage"])
async def test_a_small_model_without_the_ability_is_refused_before_spending(strategy):
    pair = Pair(abilities=frozenset({"chat"}))
    with pytest.raises(MissingAbility, match="prefix"):
        await pair.buy(strategy)
    assert pair.small.requests == pair.large.requests == []


@pytest.mark.parametrize("strategy", ["glimpse", "arbitrage"])
async def test_signals_need_log_probabilities(strategy):
    with pytest.raises(MissingAbility, match="logprobs"):
        await Pair(abilities=frozenset({"chat", "prefix"})).buy(strategy)


async def test_thinking_between_tags_is_closed_and_answered_by_the_large_model():
    def thinks(request, index):
        if "</think>" in (request.prefix or ""):
            return step("Answer: 5", last=True)
        return step("so it is 5\n</think>") if depth(request) else step("let me see")

    pair, answer = await bought(
        "glimpse:tau=3.1,thinks=asked",
        small=lambda r, i: flat(2) if is_probe(r) else thinks(r, i),
        large=thinks,
    )
    assert answer.text == "Answer: 5"
    assert pair.large.requests[-1].prefix == "<think>\nlet me see\n\nso it is 5\n</think>\n\n"
    assert "Think between" in pair.small.requests[0].messages[-1]["content"]


async def test_a_closing_tag_without_an_answer_is_taken_out_by_speculative_reasoning():
    def thinks(request, index):
        if is_grade(request):
            return digit(9)
        if "</think>" in (request.prefix or ""):
            return step("Answer: 5", last=True)
        return (
            step(f"thought {depth(request)}\n</think>") if depth(request) < 2 else step("Answer: 5", last=True)
        )

    pair, answer = await bought("speculative_reasoning:thinks=native", small=thinks, large=thinks)
    assert len(pair.chain.steps) == 3
    assert answer.answer == "5"
    assert pair.large.requests[-1].prefix.count("</think>") == 1


async def test_arms_share_what_they_have_in_common():
    """The same model after the same prefix says the same, so it is bought once; costs are told as if alone."""
    pair = Pair()
    async with shop({"default": pair.large, "small": pair.small}, cache=True) as outlay:
        alone = await outlay.buy(ASK, await outlay.plan(LARGE_ALONE))
        never = await outlay.buy(ASK, await outlay.plan("speculative_reasoning:tau=9.5"))
        again = await outlay.buy(ASK, await outlay.plan("speculative_reasoning:tau=9.5"))
        other = await outlay.buy(ASK, await outlay.plan("arbitrage:tau=-1"))
    assert alone.text == never.text == other.text
    assert (again.paid_nusd, again.cost_nusd) == (0, never.cost_nusd)
    assert other.paid_nusd == 0
    large_steps = [r for r in pair.large.requests if not is_grade(r)]
    assert len(large_steps) == 5


async def test_both_models_continue_the_same_text():
    pair, _ = await bought("speculative_reasoning:tau=5")
    small = [r.prefix or "" for r in pair.small.requests]
    large = [r.prefix or "" for r in pair.large.requests if not is_grade(r)]
    assert set(large) <= set(small)
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(small))


async def test_one_model_in_both_parts_is_told():
    pair = Pair()
    async with shop(pair.large) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan(SMALL_ALONE))
    assert any("nothing is saved" in m for m in answer.missing)
    _, told = await bought(SMALL_ALONE)
    assert told.missing == ()
