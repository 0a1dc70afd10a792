"""`outlay feedback` as a user types it: the verdict is kept, and an example that it proves wrong is gone."""

import json
import sqlite3
from contextlib import closing

import pytest
from upstream import chat

from outlay import config

pytest_plugins = ("command_line",)
MODELS = """
default = "m"
[models.m]
model = "fake"
base_url = "{url}"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
[models.big]
model = "fake"
base_url = "{url}"
input_usd_per_mtok = 40.0
output_usd_per_mtok = 160.0
"""
CASCADE = (
    "--kind", "number", "--strategy", "cascade:audit=0", "--model", "small=m", "--model", "large=big",
    "--model", "embed=words/384", "--json",
)  # fmt: skip
ASKED = "How much is 6 * 7?"


@pytest.fixture
def home(shell, tmp_path):
    (tmp_path / "outlay.toml").write_text(MODELS.format(url=shell.up.base_url))
    return tmp_path


async def ask(shell, *small: str, large: str = "Answer: 42", question: str = ASKED) -> str:
    """The trace id of a cascade's answer; three samples of the small model, then the large one."""
    shell.up.script(chat(*small))
    shell.up.always(chat(large))
    assert await shell("ask", question, *CASCADE, "--seed", str(len(shell.up.calls))) == 0
    return json.loads(shell.out)["trace_id"]


async def learnt(shell) -> list[str]:
    await shell("demonstrations", "list", "--json")
    return [d["action"] for d in json.loads(shell.out)]


@pytest.mark.parametrize(
    ("verdict", "score", "left"), [("right", 1.0, ["42"]), ("wrong", 0.0, []), ("0.4", 0.4, [])]
)
async def test_a_verdict_is_kept_and_a_wrong_example_forgotten(shell, home, verdict, score, left):
    trace_id = await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2")
    assert await learnt(shell) == ["42"]
    assert await shell("feedback", trace_id, verdict, "--why", "counted again", "--json") == 0
    told = json.loads(shell.out)
    assert (told["trace_id"], told["score"], told["forgotten"]) == (trace_id, score, 1 - len(left))
    assert await learnt(shell) == left
    with closing(sqlite3.connect(config.database())) as db:
        assert db.execute("SELECT id, score, why FROM feedback").fetchall() == [
            (told["id"], score, "counted again")
        ]


async def test_a_wrong_verdict_on_a_later_answer_takes_back_what_an_earlier_one_taught(shell, home):
    await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2")
    agreed = await ask(shell, "Answer: 42.0", "Answer: 42", "Answer: 42")
    assert await shell("feedback", agreed, "wrong") == 0
    assert "1 solved example is forgotten" in shell.err
    assert await learnt(shell) == []


async def test_another_solution_and_another_question_stay(shell, home):
    await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2")
    await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2", question="How much is 21 * 2?")
    other = await ask(shell, "Answer: 41", "Answer: 41", "Answer: 41")
    assert await shell("feedback", other, "0") == 0
    assert "forgotten" not in shell.err
    assert await learnt(shell) == ["42", "42"]


async def test_verdicts_on_both_answers_take_the_example_back_once(shell, home):
    first = await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2")
    again = await ask(shell, "Answer: 5", "Answer: 6", "Answer: 7")
    await shell("feedback", again, "wrong", "--json")
    assert json.loads(shell.out)["forgotten"] == 1
    await shell("feedback", first, "wrong", "--json")
    assert json.loads(shell.out)["forgotten"] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("feedback", "trace_none", "wrong"), "local has no answer 'trace_none'"),
        (("feedback", "trace_none", "good"), "'good' is no verdict: it is right, wrong, or a number from 0 to 1."),
        (("feedback", "trace_none", "1.5"), "'1.5' is no verdict"),
        (("feedback", "trace_none", "nan"), "'nan' is no verdict"),
        (("feedback", "trace_none", "right", "--why", "x" * 5000), "at most 4,096 characters"),
        (("feedback", "trace_none"), "VERDICT"),
    ],
)  # fmt: skip
async def test_what_is_no_verdict_is_refused_in_a_sentence(shell, home, words, told):
    assert await shell(*words) == 2
    assert told.lower() in shell.err.lower()
    assert shell.err.count("\n") == 1


async def test_an_answer_of_another_tenant_is_not_there(shell, home):
    trace_id = await ask(shell, "Answer: 0", "Answer: 1", "Answer: 2")
    assert await shell("feedback", trace_id, "wrong", "--tenant", "acme") == 2
    assert await learnt(shell) == ["42"]
