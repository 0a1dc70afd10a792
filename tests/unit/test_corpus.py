"""The corpus: BM25 against its formula, passages, files good and bad, the shipped one and its questions."""

import json
import math

import pytest

from outlay.corpus.bm25 import BM25, K1, B, tokens
from outlay.corpus.harbour import SHOWN, asked, documents, examples, lights
from outlay.corpus.read import LARGEST_BYTES, LARGEST_WORDS, corpus, kept, passages
from outlay.errors import UsageError
from outlay.tasks import open_task

TEXTS = ["the red house and the red boat", "a blue house", "", "boats, boats: a boat!", "the harbour"]


def by_formula(query, d):
    lengths = [len(tokens(t)) for t in TEXTS]
    mean, total = sum(lengths) / len(TEXTS), 0.0
    for word in set(tokens(query)):
        n = sum(word in tokens(t) for t in TEXTS)
        f = tokens(TEXTS[d]).count(word)
        idf = math.log(1 + (len(TEXTS) - n + 0.5) / (n + 0.5))
        total += idf * f * (K1 + 1) / (f + K1 * (1 - B + B * lengths[d] / mean)) if f else 0
    return total


@pytest.mark.parametrize("query", ["red house", "boat boat", "the a", "nothing here", "", "BLUE harbour"])
def test_scores_are_those_of_the_formula(query):
    index = BM25(TEXTS)
    assert index.scores(query).tolist() == pytest.approx([by_formula(query, d) for d in range(len(TEXTS))])
    best = index.best(query, 3)
    assert [s for _, s in best] == sorted((s for _, s in best), reverse=True)
    assert all(s > 0 for _, s in best)


def test_an_empty_index_finds_nothing():
    assert BM25([]).best("red", 3) == []
    assert BM25(["", "..."]).best("red", 3) == []


def test_texts_become_passages_that_lose_nothing():
    text = "\n\n".join(f"word{i} " * n for i, n in enumerate((50, 100, 90, 450, 3)))
    found = passages(text)
    assert " ".join(found).split() == text.split()
    assert all(len(p.split()) <= 200 for p in found)
    assert len(found) == 6
    assert passages(" \n\n ") == []


def test_documents_are_cut_at_the_papers_words_and_at_their_bytes():
    assert len(kept("w " * 3000).split()) == LARGEST_WORDS
    assert len(kept("ä" * 9000).encode()) <= LARGEST_BYTES
    assert kept("\ud800") == "?"


def test_a_folder_is_read_and_read_again_where_it_changed(tmp_path):
    (tmp_path / "a.txt").write_text("Ormfell has a red boat.\n\n" + "w " * 250, "utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.md").write_text("secret boat", "utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x00\xff")
    rows = [{"id": "x", "text": "A blue boat."}, {"question": "Which?", "answer": "blue"}]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", "utf-8")
    found = corpus(str(tmp_path))
    assert [d.id for d in found.documents] == ["a.txt#1", "a.txt#2", "a.txt#3", "x"]
    assert [d.id for d in found.best("blue boat", 5)] == ["x", "a.txt#1"]
    assert corpus(str(tmp_path)) is found
    (tmp_path / "b.md").write_text("A third boat", "utf-8")
    assert corpus(str(tmp_path)).digest != found.digest


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("bad.txt", b"\xff\xfe\x00", "no UTF-8"),
        ("bad.jsonl", b'{"title": "x"}', r"bad.jsonl:1 is neither"),
        ("bad.jsonl", b"[1]", "neither"),
        ("bad.jsonl", b"{", "neither"),
        ("empty.txt", b"", "no document"),
        ("only.jsonl", b'{"question": "?", "answer": 1}', "no document"),
    ],
)
def test_what_is_no_corpus_is_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=match):
        corpus(str(tmp_path))


def test_a_file_that_cannot_be_read_is_a_plain_refusal(tmp_path):
    (tmp_path / "a.txt").write_text("text", "utf-8")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    assert len(corpus(str(tmp_path)).documents) == 1
    with pytest.raises(UsageError):
        corpus("x" * 5000)


def test_a_path_to_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="harbour is shipped"):
        corpus(str(tmp_path / "none"))


def test_examples_are_the_most_alike_and_never_the_question_itself():
    shipped = corpus("harbour")
    query = shipped.examples[3].question
    found = shipped.alike(query, 99)
    assert len(found) == SHOWN - 1
    assert query not in [e.question for e in found]


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_every_step_of_the_shipped_questions_stands_in_its_document(hops):
    texts = {d.id: d.text for d in documents()}
    known = lights()
    assert len({light.keeper for light in known}) == len(known) == 48
    for light in known:
        for variant in (0, 1):
            made = asked(light, hops, variant)
            assert len(made.steps) == hops
            assert made.steps[-1].answer == made.answer
            names = (light.name, light.keeper, light.village)
            for step, name in zip(made.steps, names, strict=False):
                assert step.answer in texts[name]


def test_questions_are_on_no_light_that_an_example_shows():
    shown = {light.name for light in lights()[-SHOWN:]}
    assert all(any(name in e.question for name in shown) for e in examples())
    task = open_task("corpus_qa", questions=150, seed=1)
    assert not any(name in str(i.question.messages) for i in task for name in shown)


def test_one_retrieval_finds_the_first_of_two_facts_and_never_the_last():
    shipped, known = corpus("harbour"), lights()[:-SHOWN]
    found = [({d.id for d in shipped.best(asked(light, 2, 0).question, 10)}, light) for light in known]
    assert all(light.name in ids for ids, light in found)
    assert not any(light.keeper in ids for ids, light in found)
    assert all(shipped.best(asked(light, 1, 0).question, 1)[0].id == light.name for light in known)
