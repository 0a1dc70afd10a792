"""The instruction of an answer kind goes to the end of the last user message and nowhere else."""

from __future__ import annotations

import pytest

from outlay import plugins
from outlay.prompts.answer_format import TEXTS, instruct
from outlay.types import Question, Sampling


def test_it_is_appended_to_the_last_user_message():
    messages = (
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "and 2 + 2?", "name": "Ann"},
        {"role": "assistant", "content": "It is"},
    )
    made = instruct(Question(id="q", messages=messages, kind="number"))
    assert made.messages[3] == {
        "role": "user",
        "content": f"and 2 + 2?\n\n{TEXTS['number']}",
        "name": "Ann",
    }
    assert [m for i, m in enumerate(made.messages) if i != 3] == [m for i, m in enumerate(messages) if i != 3]
    assert messages[3]["content"] == "and 2 + 2?"


def test_a_content_list_gets_one_more_part():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    made = instruct(Question(id="q", messages=({"role": "user", "content": [image]},), kind="choice"))
    assert made.messages[0]["content"] == [image, {"type": "text", "text": TEXTS["choice"]}]


@pytest.mark.parametrize(
    "question",
    [
        Question.of("hello"),
        Question.of("hello", kind="tool_call"),
        Question.of("hello", kind="package.module:kind"),
        Question.of("hello", kind="number", sampling=Sampling(extra={"tools": []})),
        Question.of(
            "hello", kind="json", sampling=Sampling(extra={"response_format": {"type": "json_object"}})
        ),
        Question(id="q", messages=({"role": "system", "content": "x"},), kind="number"),
    ],
)
def test_untouched(question):
    assert instruct(question) is question


def test_every_text_belongs_to_a_kind_and_is_short():
    assert set(TEXTS) <= set(plugins.names("answer kind"))
    assert max(map(len, TEXTS.values())) < 120


@pytest.mark.parametrize(
    "kind, answer", [("number", "42"), ("choice", "B"), ("text", "ant bee"), ("math", "x+1")]
)
def test_a_reply_that_follows_the_instruction_is_read(kind, answer):
    assert "Answer:" in TEXTS[kind]
    assert plugins.load("answer kind", kind).extract(f"First this, then 7.\nAnswer: {answer}") == answer
