"""Orders, plans and documents over HTTP: what a caller may ask for, and which paths stay the operator's."""

from __future__ import annotations

import openai
import pytest
from gateways import config, gateway
from upstream import Upstream, chat

CHOICE = [{"role": "user", "content": "Who is oldest?\nA) Ann\nB) Bob\nC) Cyn"}]
NUMBER = [{"role": "user", "content": "How many metres high is Ormfell Light?"}]


async def asked(name, messages, options, reply="Answer: 7"):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat(reply))
        answer = await gate.client().chat.completions.create(
            model=f"outlay/{name}", messages=messages, extra_body={"outlay": options}
        )
        return answer, [call.body for call in up.calls]


async def test_an_average_over_orders_comes_back_in_the_letters_that_were_asked():
    options = {"kind": "choice", "parameters": {"orders": 6, "per_order": 1, "read": "samples"}}
    reply, sent = await asked("order_average", CHOICE, options, "I take the first. Answer: A")
    account = reply.model_extra["outlay"]
    assert account["calls"] == len({body["messages"][-1]["content"] for body in sent}) == 6
    assert reply.choices[0].message.content.rstrip().endswith(f"Answer: {account['answer']}")
    assert account["p_correct"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["plan_and_budget", "iter_drag"])
async def test_plans_and_lookups_are_bought_like_any_strategy(name):
    reply, _ = await asked(name, NUMBER, {"kind": "number"})
    assert reply.model_extra["outlay"]["answer"] == "7"


async def test_documents_and_the_check_of_the_evidence_are_framings_of_a_request():
    options = {"kind": "number", "framings": ["documents:k=1", "exoskeleton"]}
    _, (sent,) = await asked("single", NUMBER, options)
    text = sent["messages"][-1]["content"]
    assert "Ormfell Light was built" in text
    assert "Before you answer" in text


async def test_a_stream_shows_the_answer_and_not_what_a_framing_bought_before_it():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("first thoughts"))
        up.always(chat("Answer: 7"))
        stream = await gate.client().chat.completions.create(
            model="outlay/single",
            messages=NUMBER,
            stream=True,
            extra_body={"outlay": {"kind": "number", "framings": ["echo:first=16"]}},
        )
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
    assert text == "Answer: 7"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("iter_drag", {"parameters": {"corpus": "/etc"}}),
        ("single", {"framings": ["documents:corpus=/etc"]}),
        ("single", {"framings": ["documents:allocation=/etc/passwd,budget=900"]}),
    ],
)
async def test_paths_are_the_operators(name, options):
    with pytest.raises(openai.BadRequestError, match="operator"):
        await asked(name, NUMBER, {"kind": "number"} | options)
