"""What a call can use at most, and the seeds and cache keys that name it."""

import pytest

from outlay.budget import Amount, Budget, Limits
from outlay.door import bounds
from outlay.errors import BudgetExceeded, ContextFull, UnknownPrice
from outlay.models.provider import Card
from outlay.money import Price
from outlay.testing import scripted
from outlay.types import Request, Sampling

CARD = Card("m", "m", price=Price(1_000_000, 1_000_000))  # 1 nUSD a token either way
FREE_TO_CHOOSE = Sampling()


def most(card=CARD, sampling=FREE_TO_CHOOSE, *, input_tokens=100, planned=1, counted=True, **limits):
    budget = Budget(Limits(**limits))
    return bounds.output_bound(sampling, card, budget, input_tokens, planned=planned, counted=counted)


def test_the_buyers_own_bound_stands_within_card_and_context():
    asked = Sampling(max_output_tokens=500)
    assert most(sampling=asked) == 500
    assert most(Card("m", "m", max_output_tokens=300), asked) == 300
    assert most(Card("m", "m", context_tokens=350), asked) == 250


def test_an_absent_bound_is_the_least_of_card_context_and_what_the_budget_buys():
    assert most() == bounds.DEFAULT_OUTPUT_TOKENS
    assert most(Card("m", "m", max_output_tokens=900)) == 900
    assert most(Card("m", "m", max_output_tokens=900, context_tokens=600)) == 500
    assert most(output_tokens=1000, planned=4) == 250
    assert most(nusd=4 * 100 + 4 * 80, planned=4) == 80


def test_choices_that_share_a_prompt_pay_it_once_in_the_derived_bound():
    card = Card("m", "m", price=CARD.price, shares_prompt=True, max_n=8)
    assert most(card, nusd=100 + 4 * 80, planned=4) == 80


async def test_what_others_hold_is_not_there_to_buy_with():
    budget = Budget(Limits(output_tokens=1000))
    await budget.reserve(Amount(output_tokens=600))
    assert bounds.output_bound(FREE_TO_CHOOSE, CARD, budget, 100, planned=1) == 400


def test_a_derived_bound_below_64_is_refused_and_64_is_not():
    assert most(output_tokens=bounds.MIN_OUTPUT_TOKENS) == 64
    with pytest.raises(BudgetExceeded, match="63 output tokens"):
        most(output_tokens=63)
    assert most(sampling=Sampling(max_output_tokens=8)) == 8


def test_a_prompt_that_fills_the_context_is_named_as_the_reason():
    with pytest.raises(ContextFull, match="shorten it"):
        most(Card("m", "m", context_tokens=128))


def test_bytes_are_not_tokens_so_they_neither_cut_the_buyers_bound_nor_refuse_what_may_fit():
    small = Card("m", "m", context_tokens=1000)
    assert most(small, Sampling(max_output_tokens=500), input_tokens=1200, counted=False) == 500
    assert most(small, Sampling(max_output_tokens=5000), input_tokens=1200, counted=False) == 1000
    assert most(small, input_tokens=800, counted=False) == 200
    assert most(small, input_tokens=1200, counted=False) == 1000 - 1200 // bounds.BYTES_A_TOKEN
    with pytest.raises(ContextFull):
        most(small, input_tokens=3000, counted=False)


async def test_input_is_counted_by_the_models_tokenizer_or_by_bytes():
    request = Request(({"role": "user", "content": "zwölf mal zwölf"},), 1)
    exact = await bounds.input_bound(scripted(lambda r, i: ""), CARD, request, capped_money=True)
    assert exact == (3, True)
    plain, counted = await bounds.input_bound(None, CARD, request, capped_money=True)
    assert not counted
    assert plain >= len("zwölf mal zwölf".encode()) + bounds.MESSAGE_OVERHEAD


async def test_tools_schema_and_prefix_count_as_input():
    messages = ({"role": "user", "content": "x"},)
    base, _ = await bounds.input_bound(None, CARD, Request(messages, 1), capped_money=True)
    extra = {"tools": [{"name": "t" * 100}], "response_format": {"schema": "s" * 100}}
    full = Request(messages, 1, prefix="p" * 50, sampling=Sampling(extra=extra))
    more, _ = await bounds.input_bound(None, CARD, full, capped_money=True)
    assert more >= base + 250


def test_n_samples_are_n_calls_whose_prompt_is_read_once():
    assert bounds.amount(CARD, prompts=1, input_tokens=100, n=4, output_tokens=10) == Amount(140, 100, 40, 4)
    assert bounds.amount(Card("m", "m"), prompts=1, input_tokens=1, n=1, output_tokens=1).nusd is None


def test_seeds_fit_31_bits_and_differ_by_run_question_role_label_and_index():
    base = (0, "q1", "default", "draw", 0)
    others = [
        (1, *base[1:]),
        (0, "q2", *base[2:]),
        (0, "q1", "judge", "draw", 0),
        (*base[:3], "x", 0),
        (*base[:4], 1),
    ]
    seeds = {bounds.seed_of(*parts) for parts in [base, *others]}
    assert len(seeds) == 6
    many = [bounds.seed_of(0, f"q{q}", "default", "draw", i) for q in range(50) for i in range(50)]
    assert len(set(many)) > 2490
    assert 0 <= min(many) <= max(many) < 2**31
    assert bounds.seed_of(*base) == bounds.seed_of(*base)


def test_cache_keys_tell_every_part_of_a_call_apart():
    def key(tenant="t", card=CARD, text="x", prefix=None, sampling=FREE_TO_CHOOSE, most=9, seed=(0, 1)):
        messages = [{"role": "user", "content": text}]
        return bounds.cache_keys(tenant, card, messages, prefix, sampling, most, [seed])[0]

    keys = [
        key(),
        key(tenant="u"),
        key(card=Card("m", "other")),
        key(text="y"),
        key(prefix="p"),
        key(sampling=Sampling(temperature=0.5)),
        key(most=8),
        key(seed=(0, 2)),
        key(seed=(1, 1)),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == key()


def with_part(**part):
    return Request(({"role": "user", "content": [{"type": "text", "text": "what?"}, part]},), 1)


async def test_an_image_counts_what_the_card_says_and_without_that_a_money_cap_refuses_it():
    request = with_part(type="image_url", image_url={"url": "https://example.org/a.png"})
    known = Card("m", "m", price=CARD.price, image_tokens=1000)
    text = bounds.text_bound(request.messages, request.sampling)
    guessed, _ = await bounds.input_bound(None, CARD, request, capped_money=False)
    assert guessed == text + bounds.IMAGE_TOKENS
    assert await bounds.input_bound(None, known, request, capped_money=True) == (text + 1000, False)
    with pytest.raises(UnknownPrice, match="image_tokens"):
        await bounds.input_bound(None, CARD, request, capped_money=True)


@pytest.mark.parametrize("kind", sorted(bounds.REFERENCES))
async def test_what_stands_for_more_than_its_bytes_is_refused_under_a_money_cap(kind):
    request = with_part(**{"type": kind, kind: {"url": "https://example.org/a"}})
    with pytest.raises(UnknownPrice, match="send none"):
        await bounds.input_bound(None, CARD, request, capped_money=True)
    assert (await bounds.input_bound(None, CARD, request, capped_money=False))[0] > 0


def test_what_a_server_may_read_of_further_fields_counts_and_what_none_reads_does_not():
    messages = ({"role": "user", "content": "hi"},)
    plain = bounds.text_bound(messages, Sampling())
    read = Sampling(
        extra={"documents": [{"text": "x" * 500}], "chat_template_kwargs": {"a": "b"}, "guide": "y" * 40}
    )
    unread = Sampling(
        extra={"user": "x" * 500, "metadata": {"a": "b" * 90}, "top_k": 5, "reasoning_effort": "high"}
    )
    assert bounds.text_bound(messages, read) >= plain + 500 + 40
    assert bounds.text_bound(messages, unread) == plain
