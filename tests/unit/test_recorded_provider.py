"""The recorded model: which sample it serves, what it bills, and how it refuses."""

import pytest

from outlay.errors import BadRequest, UsageError
from outlay.models.recorded import order, recorded
from outlay.models.recording import FORMAT, VERSION, RecordedQuestion, RecordedSample, Recording
from outlay.money import Price
from outlay.types import Request, Sampling


def question(id, text, samples=4):
    kept = tuple(RecordedSample(f"{id} says {i}", 10 + i, "stop", i == 0, str(i)) for i in range(samples))
    return RecordedQuestion(id, ({"role": "user", "content": text},), "number", "0", 7, kept)


RECORDING = Recording(
    format=FORMAT,
    version=VERSION,
    model="small",
    task="sums",
    price=Price(1_000, 2_000),
    sampling=Sampling(temperature=0.7),
    questions=(
        question("a", "1 + 1 ="),
        question("b", "1 + 1 = and then?"),
        question("c", "2 + 2 =", samples=6),
    ),
)


def ask(text="", *, id="", n=1, indices=(), most=100):
    return Request(({"role": "user", "content": text},), most, n=n, question_id=id, sample_indices=indices)


async def served(model, request):
    return [delta async for delta in model.stream(request)]


async def texts(model, request):
    return [d.text for d in await served(model, request) if d.text]


async def test_each_sample_is_served_once_in_an_order_of_the_questions_own():
    model = recorded(RECORDING, seed=1)
    drawn = [(await texts(model, ask(id="c", indices=(i,))))[0] for i in range(6)]
    assert sorted(drawn) == [f"c says {i}" for i in range(6)]
    assert drawn == await texts(model, ask(id="c", n=6)) == [f"c says {i}" for i in order(1, "c", 6)]


def test_orders_differ_between_questions_and_seeds_and_reach_every_position():
    orders = [tuple(order(seed, id, 8)) for seed in range(20) for id in ("a", "b")]
    assert len(set(orders)) == 40
    assert {o[0] for o in orders} == set(range(8))


async def test_the_requests_own_seed_changes_nothing():
    model = recorded(RECORDING, seed=1)
    one, other = (Request(({"role": "user", "content": ""},), 100, seed=s, question_id="a") for s in (1, 2))
    assert await texts(model, one) == await texts(model, other)


async def test_usage_is_the_recorded_one_per_choice_and_for_the_request():
    deltas = await served(recorded(RECORDING, seed=3), ask(id="a", n=4))
    of_choices = [d.usage for d in deltas if d.usage and d.choice is not None]
    whole = deltas[-1].usage
    assert [d.choice for d in deltas if d.finish_reason] == [0, 1, 2, 3]
    assert sorted(u.output_tokens for u in of_choices) == [10, 11, 12, 13]
    assert deltas[-1].choice is None
    assert (whole.input_tokens, whole.output_tokens) == (7, 46)


@pytest.mark.parametrize(
    ("asked", "holder"),
    [
        ("1 + 1 =", "a"),
        ("1 + 1 = and then?\nEnd with `Answer: N`.", "b"),
        ("2 + 2 =\nEnd with `Answer: N`.", "c"),
    ],
)
async def test_without_an_id_the_longest_question_in_the_text_is_meant(asked, holder):
    assert (await texts(recorded(RECORDING), ask(asked)))[0].startswith(holder)


async def test_content_parts_are_read_as_their_text():
    request = Request(({"role": "user", "content": [{"type": "text", "text": "2 + 2 ="}]},), 100)
    assert (await texts(recorded(RECORDING), request))[0].startswith("c")
    assert await recorded(RECORDING).count_input(request) == 7


async def test_a_sample_beyond_the_bound_is_cut_and_ends_with_length():
    model = recorded(RECORDING)
    deltas = await served(model, ask(id="a", n=4, most=11))
    reasons = [d.finish_reason for d in deltas if d.finish_reason]
    assert sorted(reasons) == ["length", "length", "stop", "stop"]
    assert deltas[-1].usage.output_tokens == 10 + 11 * 3


async def test_more_samples_than_recorded_are_refused_for_good():
    with pytest.raises(BadRequest, match="only 4 samples of question a") as caught:
        await served(recorded(RECORDING), ask(id="a", indices=(4,)))
    assert not caught.value.retryable


async def test_an_unknown_question_is_refused_and_cannot_be_counted():
    with pytest.raises(BadRequest, match="does not hold the question 'What is this"):
        await served(recorded(RECORDING), ask("What is this?"))
    assert await recorded(RECORDING).count_input(ask("What is this?")) is None


async def test_a_prefix_is_refused():
    with pytest.raises(BadRequest, match="cannot continue"):
        await served(
            recorded(RECORDING), Request(({"role": "user", "content": ""},), 9, question_id="a", prefix="So")
        )


async def test_the_card_says_price_and_abilities_and_changes_with_seed_and_content():
    card = await recorded(RECORDING, seed=1).card()
    assert card.price == Price(1_000, 2_000)
    assert card.abilities == {"chat", "n", "seed"}
    assert (card.max_n, card.max_output_tokens, card.shares_prompt) == (4, 15, True)
    assert card.identity != (await recorded(RECORDING, seed=2).card()).identity
    assert card.identity == (await recorded(RECORDING, seed=1).card()).identity


def test_an_unknown_recording_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean pool-q05-sums"):
        recorded("pool-q05-sum")


async def test_a_request_that_only_quotes_a_question_is_not_answered_from_its_samples():
    """A judge's request quotes the question; samples of the question are no verdicts on it."""
    quoting = Request(({"role": "user", "content": "Grade the answer to this question: 1 + 1 ="},), 64)
    with pytest.raises(BadRequest):
        [delta async for delta in recorded(RECORDING).stream(quoting)]
