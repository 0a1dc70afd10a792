"""Documents and iterated retrieval: order, the sheet's identities, the loop, budgets, vectors, allocation."""

import shutil

import msgspec
import pytest
from ledgers import rows

from outlay.answering import replay
from outlay.budget import Limits
from outlay.corpus.harbour import asked, lights
from outlay.corpus.read import corpus
from outlay.errors import BadRequest, CannotSay, ProviderError, UsageError
from outlay.framings._allocated import DOCUMENTS, SHOTS, Allocated, chosen
from outlay.laws.rag_allocation import fit, longest_input_tokens
from outlay.prompts.documents import read_answer, read_line
from outlay.testing import FIXED, embedder, scripted, shop
from outlay.types import Question, Sampling

LIGHT = lights()[0]
TWO = asked(LIGHT, 2, 0)
ASKED = Question.of(TWO.question, id="q", kind="number", sampling=Sampling(max_output_tokens=64))


async def sent(framing, models=None, question=ASKED, **more):
    model = scripted(lambda r, i: "Answer: 7", price=FIXED)
    async with shop({"default": model, **(models or {})}, **more) as outlay:
        answer = await outlay.ask(question, strategy="single", framings=[framing])
    return model.requests, answer


async def test_no_documents_and_no_examples_leave_the_question_as_it_is():
    framed, _ = await sent("documents:k=0,m=0")
    model = scripted(lambda r, i: "Answer: 7", price=FIXED)
    async with shop(model) as outlay:
        await outlay.ask(ASKED, strategy="single")
    assert framed[0].messages == model.requests[0].messages


async def test_documents_stand_in_reversed_rank_before_the_question():
    requests, _ = await sent("documents:k=4")
    text = str(requests[0].messages[0]["content"])
    best = corpus("harbour").best(TWO.question, 4)
    places = [text.index(d.text) for d in best]
    assert places == sorted(places, reverse=True)
    assert text.index(TWO.question) > max(places)
    assert text.index("Question:\n\n" + TWO.question) > 0
    assert text.endswith("Answer: followed by the number alone.")


async def test_examples_come_first_each_with_documents_and_the_same_prefix():
    requests, _ = await sent("documents:k=1,m=2")
    text = str(requests[0].messages[0]["content"])
    shown = corpus("harbour").alike(TWO.question, 2)
    places = [text.index(f"Question: {e.question}\nAnswer: {e.answer}") for e in shown]
    assert places == sorted(places, reverse=True)
    assert text.count("<document ") == 3
    assert text.count("<example ") == 2


async def test_a_question_that_shares_no_word_says_so():
    _, answer = await sent("documents", question=Question.of("Xyzzy qwrt", kind="number"))
    assert "no document shares a word with the question" in answer.missing


async def test_documents_are_looked_up_by_the_end_of_the_last_message():
    messages = (
        {"role": "system", "content": "You know the bell of the church of Farnby."},
        {"role": "user", "content": [{"type": "text", "text": "bell church kilograms " * 400}]},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "bell church " * 500 + ("boat " * 500) + LIGHT.name},
    )
    requests, _ = await sent("documents:k=1", question=Question("q", messages, "number"))
    assert f"{LIGHT.name} was built" in str(requests[0].messages[-1]["content"])


async def test_vectors_change_the_ranks_and_their_failure_does_not_lose_the_words():
    plain, _ = await sent("documents:k=3")
    model = embedder(64, price=FIXED)
    fused, answer = await sent("documents:k=3,candidates=20", {"embed": model})
    assert len(model.batches[0]) == 21
    assert answer.calls == 2
    assert fused[0].messages != plain[0].messages
    broken = embedder(64, price=FIXED, fails=lambda texts: BadRequest("no vectors today"))
    again, answer = await sent("documents:k=3,candidates=20", {"embed": broken})
    assert again[0].messages == plain[0].messages
    assert any("by their words alone" in m for m in answer.missing)


async def test_a_small_corpus_is_ranked_whole_by_vectors(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": "boats and a boat"}\n{"text": "churches"}\n{"text": "zz"}', "utf-8"
    )
    model = embedder(384, price=FIXED)
    question = Question.of("Which church?", kind="number")
    requests, _ = await sent(f"documents:k=1,corpus={str(tmp_path)!r}", {"embed": model}, question)
    assert "churches" in str(requests[0].messages)


@pytest.mark.parametrize("bad", ["documents:k=-1", "documents:corpus=/nowhere", "documents:budget=900"])
async def test_bad_parameters_are_refused(bad):
    with pytest.raises(UsageError):
        await sent(bad)


def fitted(document_tokens=60):
    score = [0.0, 0.8, 0.9, 1.0, 0.1, 0.85, 0.95, 1.05, 0.12, 0.85, 0.97]
    k, m = [0, 1, 3, 8, 0, 1, 3, 8, 0, 1, 3], [0, 0, 0, 0, 1, 1, 1, 1, 4, 0, 1]
    none = [0.0] * 11
    return Allocated(fit(score, k, m, [1] * 9 + [3, 3], none, none), 0.8, 0.1, document_tokens, 30)


async def test_the_fitted_allocation_sets_documents_and_examples_within_the_budget(tmp_path):
    path = tmp_path / "allocation.json"
    path.write_bytes(msgspec.json.encode(fitted()))
    last = -1.0
    for budget in (40, 200, 1_000, 8_000):
        k, m = chosen(0, 0, str(path), budget)
        length = longest_input_tokens(k, m, 1, document_tokens=60, question_tokens=30)
        assert length <= budget
        assert k <= 8
        assert m <= 4
        score = fitted().fit.predict(k, m, 1, 0.8, 0.1).value
        assert score >= last
        last = score
        others = [
            fitted().fit.predict(a, b, 1, 0.8, 0.1).value
            for a in DOCUMENTS
            for b in SHOTS
            if a <= 8
            and b <= 4
            and longest_input_tokens(a, b, 1, document_tokens=60, question_tokens=30) <= budget
        ]
        assert score == max(others)
    k, m = chosen(0, 0, str(path), 1_000)
    requests, _ = await sent(f"documents:allocation={str(path)!r},budget=1000")
    text = str(requests[0].messages[0]["content"])
    assert text.count("<document ") == k * (m + 1)
    with pytest.raises(CannotSay):
        chosen(0, 0, str(path), 1)
    path.write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="no fitted allocation"):
        chosen(0, 0, str(path), 1_000)


def answers(request, index):
    """A model that reads its documents: it asks who the keeper is, then when that one was born."""
    text = str(request.messages[-1]["content"])
    if "Answer only this follow-up" in text:
        return f"{LIGHT.keeper}." if "Who is" in text.splitlines()[-1] else str(LIGHT.born)
    if "write one line that begins with" in text:
        if "Intermediate answer" not in text.split("Found so far:")[-1] or "Found so far:" not in text:
            return f"Follow up: Who is the keeper of {LIGHT.name}?"
        if str(LIGHT.born) in text:
            return f"So the final answer is: {LIGHT.born}"
        return f"Follow up: In which year was {LIGHT.keeper} born?"
    return f"Answer: {LIGHT.born if f'born in {LIGHT.born}' in text else 0}"


async def loop(strategy, script=answers, question=ASKED, **more):
    model = scripted(script, price=FIXED)
    async with shop(model, **more) as outlay:
        return await outlay.ask(question, strategy=strategy), model


async def test_follow_ups_bring_the_documents_that_one_retrieval_misses():
    keeper = next(d for d in corpus("harbour").documents if d.id == LIGHT.keeper)
    once, model = await loop("iter_drag:n=0,k=1,m=0")
    assert once.answer == "0"
    assert once.calls == 1
    assert keeper.text not in str(model.requests[0].messages)
    found, model = await loop("iter_drag:n=3,k=1,m=0")
    assert found.answer == str(LIGHT.born)
    assert keeper.text in str(model.requests[-1].messages)
    assert "2 documents" in found.stopped


async def test_the_effective_length_is_the_sum_over_calls():
    found, model = await loop("iter_drag:n=3,k=2,m=1")
    assert found.usage.input_tokens > 3 * len(str(model.requests[-1].messages).split()) / 2
    assert f"(input tokens over all calls) {found.usage.input_tokens}" in found.stopped
    assert found.calls == len(model.requests)


async def test_a_final_answer_before_the_least_is_not_taken():
    def hasty(request, index):
        text = str(request.messages[-1]["content"])
        if "First find out" in text:
            return "So the final answer is: 3" if "must begin" not in text else "Follow up: Who keeps it?"
        return "So the final answer is: 4" if "one line that begins" in text else "somebody"

    found, _ = await loop("iter_drag:n=3,least=1,k=1,m=0", hasty)
    assert (found.answer, found.calls) == ("4", 4)
    assert "1 sub-questions" in found.stopped
    found, _ = await loop("iter_drag:n=3,k=1,m=0", lambda r, i: "So the final answer is: 3")
    assert (found.answer, found.calls) == ("3", 1)


async def test_examples_of_the_loop_show_their_steps_and_end_in_the_final_prefix():
    _, model = await loop("iter_drag:n=1,k=1,m=2")
    text = str(model.requests[0].messages[-1]["content"])
    assert text.count("So the final answer is: ") == 2
    assert text.count("\nIntermediate answer: ") >= 2


async def test_a_replay_needs_neither_the_corpus_nor_a_model(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for i, document in enumerate(corpus("harbour").documents[:40]):
        (folder / f"{i}.txt").write_text(document.text, "utf-8")
    models = {"default": scripted(answers, price=FIXED), "embed": embedder(64, price=FIXED)}
    async with shop(models) as outlay:
        plan = await outlay.plan(
            f"iter_drag:n=2,k=2,m=0,corpus={str(folder)!r}", framings=[f"documents:k=1,corpus={str(folder)!r}"]
        )
        answer = await outlay.buy(ASKED, plan)
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    shutil.rmtree(folder)
    again, trace = await replay(recorded)
    assert trace == recorded
    assert again == msgspec.structs.replace(answer, trace_id="")


async def test_what_is_embedded_stays_within_the_stated_worst_case():
    models = {"default": scripted(answers, price=FIXED), "embed": embedder(64, price=FIXED)}
    async with shop(models) as outlay:
        await outlay.card()
        worst = outlay.bound(ASKED, "iter_drag:n=3,k=2,m=1").by_role
        await outlay.ask(ASKED, strategy="iter_drag:n=3,k=2,m=1")
        found = await rows(outlay.store)
    assert {r["role"] for r in found} == {"default", "embed"} == set(worst)
    for role, most in worst.items():
        assert sum(r["n"] for r in found if r["role"] == role) <= most.calls
        assert sum(r["bound_input_tokens"] for r in found if r["role"] == role) <= most.input_tokens


async def test_after_n_sub_questions_the_answer_is_asked_for():
    asks = lambda r, i: "Follow up: And then?" if "one line that begins" in str(r.messages) else "Answer: 5"  # noqa: E731
    found, model = await loop("iter_drag:n=2,k=1,m=0", asks)
    assert (found.answer, found.calls) == ("5", 5)
    assert "2 sub-questions" in found.stopped
    assert str(model.requests[-1].messages[-1]["content"]).endswith("followed by the number alone.")


async def test_a_line_of_no_form_is_asked_for_once_more_and_then_the_answer():
    found, model = await loop("iter_drag:n=2,k=1,m=0", lambda r, i: "Answer: 5")
    assert (found.answer, found.calls) == ("5", 3)
    assert "The line must begin with" in str(model.requests[1].messages)


async def test_no_iteration_is_the_framing_in_one_call():
    _, model = await loop("iter_drag:n=0,k=3,m=0")
    framed, _ = await sent("documents:k=3,m=0")
    assert [r.messages for r in model.requests] == [r.messages for r in framed]


@pytest.mark.parametrize("nusd", range(300_000, 3_000_000, 300_000))
async def test_the_bare_question_stays_affordable(nusd):
    found, _ = await loop("iter_drag:n=3,k=2,m=1", limits=Limits(nusd=nusd))
    assert found.paid_nusd <= nusd
    assert found.answer is not None


async def test_what_fails_on_the_way_is_left_out():
    def fails(request, index):
        return ProviderError("the server broke") if "one line that" in str(request.messages) else "Answer: 5"

    found, _ = await loop("iter_drag:k=1,m=0", fails)
    assert found.answer == "5"
    assert any("line/0 is left out: the server broke" in m for m in found.missing)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Follow up: Who?", ("follow", "Who?")),
        ("I think.\n**Follow-up question:** Who is it?", ("follow", "Who is it?")),
        ("So the final answer is: 1951.", ("final", "1951.")),
        ("Intermediate answer: 3", None),
        ("", None),
        (" " * 100_000, None),
    ],
)
def test_lines_are_read_by_their_beginning(text, said):
    assert read_line(text) == said


def test_an_intermediate_answer_is_one_line():
    assert read_answer("\n\n  **Intermediate answer: Bob**\nFollow up: x") == "Bob"
    assert read_answer("") == ""
