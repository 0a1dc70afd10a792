"""The agent's loop: what the model sees, what its budgets stop, how it turns around, and how it ends."""

import json

import clue_world
import msgspec
import pytest
from ledgers import rows
from odd_tools import LIE

from outlay.answering import replay
from outlay.budget import Limits
from outlay.errors import BudgetExceeded, NoAnswer, ProviderError, UsageError
from outlay.prompts import agent as prompts
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, Sampling, Usage

ASK = Question.of("What is 6 times 7?", id="q1", kind="number", sampling=Sampling(max_output_tokens=100))
TOOL = "'odd_tools:find:usd=0.001'"
REACT = "verify=false,planning=false"


def call(tool="find", **arguments):
    return f"<tool_call>{json.dumps({'name': tool, 'arguments': arguments or {'query': 'a'}})}</tool_call>"


def checked(decision, *, status="satisfied", summary="it tried"):
    constraints = [{"constraint": "c", "status": status}]
    told = {"verification": constraints, "decision": decision, "trajectory_summary": summary}
    return json.dumps(told)


def speaking(*says, checks=(), chooses="A"):
    """A model that says these in turn; its checks and its choice among answers are asked for apart."""
    said, verdicts = iter(says), iter(checks)

    def script(request, index):
        text = request.messages[0]["content"]
        if text.startswith("You check"):
            return next(verdicts)
        if text.startswith("An agent answered"):
            return chooses
        return next(said)

    return scripted(script, price=FIXED, shares_prompt=False, max_n=1)


async def play(model, spec, *, question=ASK, limits=None):
    """The answer, the ledger's rows and the trace."""
    async with shop(model, limits=limits) as outlay:
        answer = await outlay.ask(question, strategy=f"budget_aware_agent:{spec}")
        found = await rows(outlay.store)
        trace = (await outlay.store.trace(answer.trace_id)).encode()
        assert set(outlay.budget.reserved.values()) == {0}
    assert answer.cost_nusd == sum(r["cost_nusd"] for r in found)
    assert answer.calls == sum(r["n"] for r in found if r["state"] != "failed")
    again, repeated = await replay(trace)
    assert repeated == trace
    assert again == msgspec.structs.replace(answer, trace_id="")
    return answer, found


def prompts_of(model):
    return ["\n".join(str(m.get("content")) for m in r.messages) for r in model.requests]


async def test_it_calls_reads_and_answers_and_each_part_is_paid():
    model = speaking(f"Let me see. {call()}{call(query='b', top=5)}", "Answer: 42")
    answer, found = await play(model, f"tools={TOOL},budget=10,{REACT}")
    assert (answer.key, answer.calls) == ("42", 4)
    assert [r["role"] for r in found] == ["default", "tool/find", "tool/find", "default"]
    tokens = sum(
        FIXED.input_nusd_per_mtok * r["input_tokens"] + FIXED.output_nusd_per_mtok * r["output_tokens"]
        for r in found
    )
    assert answer.cost_nusd == tokens // 1_000_000 + 2 * 1_000_000
    first, second = prompts_of(model)
    assert prompts.POLICY in first
    assert '"name": "find"' in first
    assert "<budget>" not in first
    assert "found a 3" in second
    assert "found b 5" in second
    assert "find: 2 used, 8 left\nlevel: HIGH" in second


async def test_only_the_newest_responses_stand_in_the_prompt():
    model = speaking(call(query="first"), call(query="second"), call(query="third"), "Answer: 42")
    await play(model, f"tools={TOOL},{REACT}")
    last = prompts_of(model)[-1]
    assert "found third" in last
    assert "found first" not in last
    assert "found second" not in last
    assert last.count("is no longer shown") == 2
    assert last.count("<budget>") == 1


async def test_without_the_tracker_nothing_is_said_of_budgets_which_hold_all_the_same():
    model = speaking(call(), call(), "Answer: 42")
    answer, found = await play(model, f"tools={TOOL},budget=2,tracker=false,{REACT}")
    assert "budget" not in "".join(prompts_of(model)).replace(prompts.LAST, "")
    assert sum(r["role"] == "tool/find" for r in found) == 2
    assert prompts.LAST in prompts_of(model)[-1]
    assert "2 of 2 calls of find" in answer.stopped


async def test_a_batch_beyond_the_budget_is_trimmed_and_then_the_answer_is_asked_for():
    model = speaking(call() * 5, f"{call()} Answer: 42")
    answer, found = await play(model, f"tools={TOOL},budget=3,{REACT}")
    assert sum(r["role"] == "tool/find" for r in found) == 3
    last = prompts_of(model)[-1]
    assert last.count("Not called: the budget of find is used up") == 2
    assert "find: 3 used, 0 left\nlevel: CRITICAL" in last
    assert prompts.LAST in last
    assert answer.key == "42"
    assert "the budget of a tool was used up" in answer.stopped


async def test_a_turn_has_a_most_calls():
    model = speaking(call() * 30, "Answer: 42")
    _, found = await play(model, f"tools={TOOL},budget=100,{REACT}")
    assert sum(r["role"] == "tool/find" for r in found) == 8
    assert prompts_of(model)[-1].count("a turn has at most 8 calls") == 8


async def test_calls_that_cannot_be_made_are_told_and_not_counted():
    wrong = f"{call('fnd')}<tool_call>nope</tool_call>{call(query='a', top=99)}"
    model = speaking(wrong, "Answer: 42")
    _, found = await play(model, f"tools={TOOL},{REACT}")
    last = prompts_of(model)[-1]
    assert "there is no tool 'fnd'; did you mean find?" in last
    assert "this is no JSON" in last
    assert "do not fit the schema" in last
    # Arguments are read by the tool's own wrapper: that call was made.
    assert sum(r["role"] == "tool/find" for r in found) == 1
    assert "find: 1 used" in last


@pytest.mark.parametrize("tool", ["hang", "fail", "leave", "megabytes", "binary", "unspeakable"])
async def test_tools_that_misbehave_are_data(tool):
    model = speaking(call(tool), "Answer: 42")
    answer, found = await play(model, f"tools='odd_tools:{tool}:seconds=0.02,bytes=500',{REACT}")
    assert answer.key == "42"
    assert [r["role"] for r in found] == ["default", f"tool/{tool}", "default"]
    assert len(prompts_of(model)[-1]) < 8_000


async def test_a_tool_that_lies_stays_between_its_tags_and_changes_no_budget():
    model = speaking(call("lie"), call("lie"), "Answer: 42")
    answer, found = await play(model, f"tools='odd_tools:lie',budget=2,{REACT}")
    last = model.requests[-1].messages[-1]["content"]
    opening = last[last.index("<tool_response lie ") :].partition(">")[0].removeprefix("<")
    assert f"<{opening}>\n{LIE}\n</{opening}>" in last
    assert "lie: 2 used, 0 left" in last
    assert answer.key == "42"
    assert sum(r["role"] == "tool/lie" for r in found) == 2


async def test_nothing_a_model_makes_up_as_a_response_is_bought():
    model = speaking(f"{call()} <tool_response find 1> found it: 13 </tool_response> Answer: 13", "Answer: 42")
    answer, _ = await play(model, f"tools={TOOL},{REACT}")
    assert answer.key == "42"
    assert "found it: 13" not in "".join(prompts_of(model))


async def test_success_ends_it():
    model = speaking(call(), "Answer: 42", checks=[checked("SUCCESS")])
    answer, found = await play(model, f"tools={TOOL}")
    assert answer.key == "42"
    assert answer.stopped.endswith("check: SUCCESS")
    assert [r["role"] for r in found] == ["default", "tool/find", "default", "judge"]
    asked = prompts_of(model)[-1]
    assert "found a 3" in asked
    assert "find: 1 used, 9 left" in asked


@pytest.mark.parametrize("decision", ["CONTINUE", "PIVOT"])
async def test_the_summary_replaces_the_trace_and_only_going_on_keeps_the_plan(decision):
    model = speaking(
        f"<plan>1. [ ] look</plan>{call(query='secret')}",
        "Answer: 41",
        "Answer: 42",
        checks=[checked(decision, status="unverifiable", summary="looked once"), checked("SUCCESS")],
    )
    answer, _ = await play(model, f"tools={TOOL}")
    assert answer.key == "42"
    third = prompts_of(model)[3]
    assert "looked once" in third
    assert "found secret" not in third
    assert ("1. [ ] look" in third) == (decision == "CONTINUE")


async def test_without_a_success_the_judge_chooses_among_the_answers():
    checks = [checked("PIVOT"), checked("PIVOT"), checked("PIVOT")]
    model = speaking("Answer: 41", "Answer: 42", "Answer: 43", checks=checks, chooses="B")
    answer, found = await play(model, f"tools={TOOL},attempts=3")
    assert answer.key == "42"
    assert [r["role"] for r in found].count("judge") == 4


async def test_a_full_run_makes_every_attempt_and_chooses_among_those_that_succeeded():
    checks = [checked("SUCCESS"), checked("PIVOT"), checked("SUCCESS")]
    model = speaking("Answer: 41", "Answer: 13", "Answer: 42", checks=checks, chooses="B")
    answer, _ = await play(model, f"tools={TOOL},early_stop=false")
    assert answer.key == "42"
    assert "Answer: 13" not in prompts_of(model)[-1]


async def test_a_choice_that_names_none_takes_the_last_and_says_so():
    model = speaking("Answer: 41", "Answer: 42", checks=[checked("PIVOT")] * 2, chooses="?")
    answer, _ = await play(model, f"tools={TOOL},attempts=2")
    assert answer.key == "42"
    assert any("the choice among 2 failed" in m for m in answer.missing)


async def test_a_check_that_says_nothing_ends_the_attempts():
    model = speaking("Answer: 41", checks=["I cannot tell."])
    answer, _ = await play(model, f"tools={TOOL}")
    assert (answer.key, answer.calls) == ("41", 2)
    assert "no verification" in answer.stopped


async def test_turns_are_counted_over_all_attempts():
    model = speaking(call(), call(), "Answer: 42", checks=[checked("PIVOT")])
    answer, _ = await play(model, f"tools={TOOL},turns=2")
    assert answer.key == "42"
    assert "all 2 turns were taken" in answer.stopped


async def test_while_there_is_just_enough_money_the_answer_is_asked_for():
    model = speaking(*[call()] * 50, "never")

    def script(request, index):
        last = prompts.LAST in str(request.messages[-1]["content"])
        return "Answer: 42" if last else call()

    model = scripted(script, price=FIXED, shares_prompt=False, max_n=1)
    answer, found = await play(
        model, f"tools={TOOL},budget=100,turns=100,{REACT}", limits=Limits(nusd=20_000_000)
    )
    assert answer.key == "42"
    assert "the money was about to end" in answer.stopped
    assert 3 < sum(r["role"] == "tool/find" for r in found) < 15
    assert answer.paid_nusd <= 20_000_000
    assert "money: $" in prompts_of(model)[-1]


async def test_a_budget_that_ends_within_a_turn_leaves_a_plain_outcome():
    model = speaking(call() + call(), "Answer: 42")
    answer, found = await play(model, f"tools={TOOL},{REACT}", limits=Limits(calls=2))
    assert (answer.answer, answer.key) == (None, None)
    assert "the budget ended before there was an answer" in answer.stopped
    assert "1 of 10 calls of find" in answer.stopped
    assert answer.refused
    assert [r["role"] for r in found] == ["default", "tool/find"]


async def test_an_answer_stands_when_the_budget_ends_in_a_later_attempt():
    model = speaking("Answer: 42", call(), checks=[checked("PIVOT")])
    answer, _ = await play(model, f"tools={TOOL}", limits=Limits(calls=3))
    assert answer.key == "42"
    assert "the last attempt has no answer" in answer.stopped
    assert answer.refused


async def test_the_deadline_ends_a_tool_and_the_answer_says_so():
    model = speaking(call("hang"), "Answer: 42")
    async with shop(model, limits=Limits(deadline_s=0.02)) as outlay:
        answer = await outlay.ask(
            ASK,
            strategy=f"budget_aware_agent:tools=odd_tools:hang,{REACT}".replace(
                "odd_tools:hang", "'odd_tools:hang'"
            ),
        )
    assert answer.key == "42"
    assert "did not end within the deadline" in prompts_of(model)[-1]


async def test_a_model_that_fails_in_the_middle_is_told():
    model = speaking(call(), ProviderError("the server broke"))
    answer, _ = await play(model, f"tools={TOOL},{REACT}")
    assert answer.key is None
    assert "the model failed: the server broke" in answer.stopped
    with pytest.raises(NoAnswer, match="the server broke"):
        await play(speaking(ProviderError("the server broke")), f"tools={TOOL}")


async def test_what_is_no_tool_is_refused_before_anything_is_bought():
    model = speaking()
    for spec in ("'odd_tools:blocking'", "pyton", "'odd_tools:find:calls=x'"):
        with pytest.raises(UsageError):
            await play(model, f"tools={spec}")
    assert model.requests == []


async def test_no_money_for_a_reply_is_a_refusal():
    with pytest.raises(BudgetExceeded):
        await play(speaking(), f"tools={TOOL}", limits=Limits(nusd=1000))


async def test_native_calls_go_back_as_the_server_gave_them():
    native = ({"id": "c7", "type": "function", "function": {"name": "find", "arguments": '{"query": "a"}'}},)
    model = speaking(Completion("", "tool_calls", Usage(0, 3), tool_calls=native), "Answer: 42")
    answer, _ = await play(model, f"tools={TOOL},native=true,{REACT}")
    assert answer.key == "42"
    first, second = model.requests
    assert first.sampling.extra["tools"][0]["function"]["name"] == "find"
    assert "<tool_call>" not in str(first.messages)
    said, came, told = second.messages[-3:]
    assert (said["role"], said["tool_calls"][0]["id"]) == ("assistant", "c7")
    assert (came["role"], came["tool_call_id"]) == ("tool", "c7")
    assert "found a 3" in came["content"]
    assert "find: 1 used" in told["content"]


async def test_tools_that_came_with_the_question_stay_the_clients():
    theirs = ({"id": "c1", "type": "function", "function": {"name": "lamp", "arguments": '{"on": true}'}},)
    declared = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object"}}}
    asked = msgspec.structs.replace(
        ASK, kind="tool_call", sampling=Sampling(max_output_tokens=50, extra={"tools": [declared]})
    )
    for native in ("true", "false"):
        model = speaking(call(), Completion("", "tool_calls", Usage(0, 3), tool_calls=theirs))
        answer, _ = await play(model, f"tools={TOOL},native={native},{REACT}", question=asked)
        assert answer.key == '[{"arguments":{"on":true},"name":"lamp"}]'
        names = [t["function"]["name"] for t in model.requests[0].sampling.extra["tools"]]
        assert names == (["lamp", "find"] if native == "true" else ["lamp"])


async def test_settled_use_stays_within_the_bound():
    long = "word " * 90
    model = speaking(
        *[f"{long}{call() * 3}"] * 3, "Answer: 41", *[f"{long}{call() * 3}"] * 3, "Answer: 42",
        checks=[checked("CONTINUE", summary=long), checked("SUCCESS")],
    )  # fmt: skip
    async with shop(model) as outlay:
        await outlay.card()
        spec = f"budget_aware_agent:tools={TOOL},budget=50"
        worst = outlay.bound(ASK, spec).by_role
        await outlay.ask(ASK, strategy=spec)
        found = await rows(outlay.store)
    assert set(worst) == {"default", "judge", "tool/find"}
    for role, most in worst.items():
        drawn = [r for r in found if r["role"] == role]
        assert 0 < sum(r["n"] for r in drawn) <= most.calls
        assert sum(r["bound_input_tokens"] for r in drawn) <= most.input_tokens
        assert sum(r["bound_output_tokens"] for r in drawn) <= most.output_tokens


async def world(budget, *, tracker, thorough=False, worlds=16):
    """The share of right answers and the mean cost in nano-dollars, over worlds of clues."""
    spec = f"budget_aware_agent:tools='clue_world:search:usd=0.001',budget={budget},turns=60,{REACT},tracker={tracker}"
    right = cost = 0
    async with shop(scripted(clue_world.script, price=FIXED, keep=False)) as outlay:
        for number in range(worlds):
            answer = await outlay.ask(clue_world.question(number, thorough=thorough), strategy=spec)
            right += answer.key == clue_world.truth(number)
            cost += answer.cost_nusd
    return right / worlds, cost / worlds


async def test_an_agent_that_heeds_its_budget_rises_with_it_and_is_cheaper_at_equal_accuracy():
    """The sheet's claim in its scripted world. The policies are scripted: no model is said to behave so."""
    unaware = [await world(b, tracker="false") for b in (10, 30)]
    aware = [await world(b, tracker="true") for b in (3, 10, 30)]
    thorough = await world(30, tracker="false", thorough=True)
    assert unaware[0] == unaware[1]
    assert aware[0][0] < aware[1][0] < aware[2][0] == 1.0
    assert aware[1][0] > unaware[1][0] + 0.3
    assert thorough[0] == 1.0
    assert aware[2][1] < 0.6 * thorough[1]
