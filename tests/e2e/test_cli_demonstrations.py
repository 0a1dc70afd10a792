"""`outlay tools` and `outlay demonstrations` as a user types them, against a server that is up."""

import json

import pytest
from upstream import chat

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
AGENT = "budget_aware_agent"
CASCADE = ("--kind", "number", "--strategy", "cascade:audit=0", "--model", "small=m", "--model", "large=big")


@pytest.fixture
def home(shell, tmp_path):
    (tmp_path / "outlay.toml").write_text(MODELS.format(url=shell.up.base_url))
    return tmp_path


async def solve(shell, question):
    shell.up.script(chat("Answer: 0", "Answer: 1", "Answer: 2"))
    assert await shell("ask", question, *CASCADE, "--model", "embed=words/384") == 0


async def test_what_is_kept_of_a_user_is_listed_and_forgotten(shell, home):
    shell.up.always(chat("6 rows of 7 are 42. Answer: 42"))
    await solve(shell, "How much is 6 * 7?")
    await solve(shell, "How much is 21 * 2?")
    assert await shell("demonstrations", "list") == 0
    assert "2 demonstrations" in shell.out
    assert "How much is 6 * 7?" in shell.out
    await shell("demonstrations", "list", "--json", "--limit", "1")
    (newest,) = json.loads(shell.out)
    assert (newest["action"], newest["reasoning"]) == ("42", "6 rows of 7 are 42. Answer: 42")
    assert await shell("demonstrations", "forget", newest["source"]) == 0
    assert shell.err.endswith("1 demonstration of local is forgotten.\n")
    assert await shell("demonstrations", "forget", "--everything", "--tenant", "acme") == 0
    await shell("demonstrations", "list")
    assert "1 demonstration\n" in shell.out
    assert await shell("demonstrations", "forget", "--everything") == 0
    await shell("demonstrations", "list", "--json")
    assert json.loads(shell.out) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demonstrations", "forget"), "or say --everything."),
        (("demonstrations", "forget", "abc", "--everything"), "or say --everything."),
        (("demonstrations", "forget", "abc"), "local has no demonstration of 'abc'"),
        (("demonstrations", "list", "--limit", "0"), "a number from 1 up."),
        (("tools", "pythn"), "did you mean python?"),
        (("tools", "os:getcwd"), "os:getcwd is no tool"),
        (("tools", "no.such:tool"), "cannot be imported"),
        (("framings", "qqqq"), "notes."),
        (
            ("ask", "q", "--tool", "python"),
            "single calls no tools; --tool goes with --strategy budget_aware_agent.",
        ),
        (("ask", "q", "--strategy", AGENT, "--tool", "python:cals=3"), "did you mean calls?"),
        (("ask", "q", "--strategy", AGENT, "--tool", "odd_tools:opaque"), "Event'> is not supported."),
    ],
)
async def test_what_is_not_there_is_one_sentence(shell, home, words, told):
    assert await shell(*words) == 2
    assert told in shell.err
    assert shell.err.count("\n") == 1
    assert shell.err.rstrip()[-1] in ".?"


async def test_tools_are_listed_and_described(shell, home):
    assert await shell("tools") == 0
    assert "python" in shell.out
    assert "search" in shell.out
    assert await shell("tools", "python") == 0
    assert "memory_mb" in shell.out
    assert await shell("tools", "odd_tools:find") == 0
    assert "suffix" in shell.out


async def test_a_plan_of_the_file_may_embed_without_a_model(shell, home):
    roles = (
        '[plans.learn]\nstrategy = "cascade"\nkind = "number"\n[plans.learn.roles]\nsmall = "m"\nembed = "{}"\n'
    )
    told = (home / "outlay.toml").read_text()
    (home / "outlay.toml").write_text(told + roles.format("words/384"))
    assert await shell("models") == 0
    (home / "outlay.toml").write_text(told + roles.format("word"))
    assert await shell("models") == 2
    assert shell.err.rstrip().endswith("(there are: big, m); describe it as [models.word].")
