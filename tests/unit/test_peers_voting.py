"""Regressions: defects found in its_hub 1.2.0 and optillm 0.4.0 in how answers are chosen."""

import asyncio
import json

import pytest

from outlay.asking import ask, ask_sync
from outlay.errors import ProviderError, UsageError
from outlay.testing import Gates, scripted, shop
from outlay.types import Answer, Completion, Question, Usage, Verdict

ASK = "What is 6 times 7 ?"


def saying(*texts):
    """A model whose sample i says text i; a pair is a text with its finish reason."""

    def say(request, index):
        said = texts[index % len(texts)]
        return Completion(said[0], said[1], Usage(0, 5)) if isinstance(said, tuple) else said

    return scripted(say)


async def voted(*texts, kind="number", strategy=None, **more):
    async with shop(saying(*texts), **more) as outlay:
        return await outlay.ask(ASK, strategy=strategy or f"self_consistency:n={len(texts)}", kind=kind)


async def test_answerless_samples_do_not_outvote_answers():
    """its_hub self_consistency.py: "no match" became the vote (None,); three answerless samples beat two right."""
    answer = await voted("I cannot say", "42", "hard to tell", "so 42", "no idea")
    assert answer.key == "42"
    assert "3 of 5 samples state no answer of the kind number" in answer.missing


@pytest.mark.parametrize(
    "text, answer",
    [("\\boxed{1} no, \\boxed{\\frac12}", "1/2"), ("so \\boxed{\\frac{1}{2}}", "1/2")],
)
async def test_the_last_stated_answer_counts_with_its_braces_whole(text, answer):
    """its_hub create_regex_projection_function: the first match won and braces were not balanced, so "1" and
    "\\frac{1" were the votes."""
    assert (await voted(text, text)).answer == answer


async def test_answers_that_differ_only_in_the_number_are_two_classes():
    """optillm cluster_similar_responses: whole texts merged by similarity; 1x 41 and 4x 42 returned 41."""
    text = "Six times seven is a product of two small whole numbers. The answer is {}."
    answer = await voted(*(text.format(n) for n in (41, 42, 42, 42, 42)))
    assert answer.key == "42"
    assert answer.candidates == (("42", 1.0),)


async def test_headings_and_first_letters_are_not_answers():
    """optillm extract_final_answer: `###` headings and a leading "A" were the vote; 41 won against 4x 42."""
    solved = "### Step 1: Understand\nA train leaves.\n### Step 2: Answer: we multiply\nSo \\boxed{42}"
    answer = await voted("41", solved, solved, solved, solved)
    assert answer.key == "42"


async def test_the_plurality_of_tool_calls_wins_and_a_call_without_arguments_is_a_call():
    """its_hub _select_hierarchical (tool_args): the plurality {a:2,b:9} of 2 in 5 was chosen 0 of 200 times;
    four calls without arguments lost to one with an argument."""

    def calling(*arguments):
        def say(request, index):
            call = {"function": {"name": "f", "arguments": json.dumps(arguments[index])}}
            return Completion("", "tool_calls", Usage(0, 5), tool_calls=(call,))

        return scripted(say)

    for arguments, wanted in [
        (
            ({"a": 1, "b": 8}, {"a": 2, "b": 9}, {"b": 9, "a": 2}, {"a": 1, "b": 7}, {"a": 1, "b": 6}),
            {"a": 2, "b": 9},
        ),
        (({}, {}, {"a": 1}, {}, {}), {}),
    ]:
        async with shop(calling(*arguments)) as outlay:
            answer = await outlay.ask(ASK, strategy="self_consistency:n=5", kind="tool_call")
        assert json.loads(answer.key) == [{"name": "f", "arguments": wanted}]


async def test_a_vote_over_raw_text_is_refused():
    """its_hub default projection: exact text equality made every sample its own class and the winner random."""
    model = saying("forty-two", "42!")
    async with shop(model) as outlay:
        with pytest.raises(UsageError, match="needs to know their kind"):
            await outlay.ask(ASK, strategy="self_consistency:n=2")
    assert model.requests == []


@pytest.mark.parametrize("wrong_first", [True, False])
async def test_stopping_does_not_look_at_the_order_of_completion(wrong_first):
    """its_hub beta_self_consistency.py: short wrong answers arrived first and won 54 of 60 times (voting: 4 of 60)."""
    gates = Gates()
    wrong = {1, 4}
    model = scripted(lambda r, i: "41" if i in wrong else "it is 42", shares_prompt=False, gate=gates)

    def next_up(held):
        ranks = [(r.sample_indices[0] in wrong) != wrong_first for r in held]
        return ranks.index(min(ranks))

    async with shop(model) as outlay:
        task = asyncio.create_task(outlay.ask(ASK, strategy="adaptive:n=12", kind="number"))
        while not task.done():
            for _ in range(30):
                await asyncio.sleep(0)
            if gates.waiting:
                gates.open(next_up)
        answer = await task
    assert (answer.key, answer.calls) == ("42", 10)


async def test_truncated_samples_do_not_vote():
    """optillm bon.py, its_hub app.py: truncated samples were kept or looked finished."""
    answer = await voted(("41", "length"), ("41", "length"), ("41", "length"), "42")
    assert answer.key == "42"
    assert "3 of 4 samples were cut at their output bound" in answer.missing


async def test_all_samples_truncated_is_no_answer_and_is_paid():
    """optillm self_consistency.py: "No consistent answer found." came back as a success with usage 0 after 5 calls."""
    answer = await voted(*[("41 or so", "length")] * 5)
    assert (answer.answer, answer.key, answer.p_correct, answer.candidates) == (None, None, None, ())
    assert (answer.calls, answer.usage.output_tokens) == (5, 25)
    assert answer.cost_nusd > 0
    assert "5 of 5 samples were cut at their output bound" in answer.missing


async def test_an_error_text_never_votes():
    """its_hub error replacement: the sentence in place of a failed call voted as an ordinary message."""

    def say(request, index):
        return ProviderError("The server failed with 500; answer: 500.") if index else "42"

    async with shop(scripted(say)) as outlay:
        answer = await outlay.ask(ASK, strategy="self_consistency:n=4", kind="number")
    assert answer.key == "42"
    assert any("3 of 4 samples failed" in m for m in answer.missing)


async def test_ties_go_to_nobody_in_particular():
    """its_hub bon.py: ties always went to the first sample."""
    won = set()
    for seed in range(12):
        answer = await voted("41", "42", seed=seed)
        assert answer.candidates == (("41", 0.5), ("42", 0.5))
        won.add(answer.key)
    assert won == {"41", "42"}


async def test_identical_candidates_are_judged_like_any_other():
    """its_hub bon.py: identical candidates scored 1.0 whatever the judge would have said."""
    seen = []

    async def harsh(run, question, candidate):
        seen.append(candidate.index)
        return Verdict(0.1, False)

    async with shop(saying("42", "42", "42")) as outlay:
        plan = await outlay.plan("best_of_n:n=3")
        answer = await outlay.buy(Question.of(ASK, kind="number"), plan, verifier=harsh)
    assert sorted(seen) == [0, 1, 2]
    assert answer.p_correct == 0.1


async def test_two_unanimous_samples_beat_one_long_text():
    """its_hub planning_wrapper.py: without a score the longest answer won over unanimous ones."""
    assert (await voted("42", "42", "so " * 200 + "it must be 41")).key == "42"


def test_with_and_without_an_event_loop_an_answer_is_an_answer(monkeypatch, tmp_path):
    """its_hub EntropicParticleFiltering: the async and the sync call returned different types."""
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    one = ask_sync(ASK, models=saying("42"), kind="number")
    other = asyncio.run(ask(ASK, models=saying("42"), kind="number"))
    assert (type(one), one.answer) == (type(other), other.answer) == (Answer, "42")
