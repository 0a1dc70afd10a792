"""What makes a function a tool: its schema, its settings, its terms, and what is refused."""

import pytest

from outlay import plugins
from outlay.errors import MissingAbility, UsageError
from outlay.sandbox.bubblewrap import probe
from outlay.tools._tool import Tool, named, open_tool, open_tools, refuse_unready


def test_the_arguments_become_a_schema_and_the_first_paragraph_a_description():
    tool, _ = open_tool("odd_tools:find", calls=7)
    assert tool == Tool(
        "find",
        "odd_tools:find",
        "Finds what is asked for.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "top": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
        calls=7,
        nusd=0,
        seconds=10.0,
        bytes=6000,
    )


def test_terms_and_settings_are_read_beside_the_name():
    tool, _ = open_tool("odd_tools:find:calls=2,usd=0.001,seconds=0.5,bytes=300,suffix=!", calls=7)
    assert (tool.calls, tool.nusd, tool.seconds, tool.bytes) == (2, 1_000_000, 0.5, 300)


async def test_arguments_are_checked_and_settings_are_not_the_models():
    _, work = open_tool("odd_tools:find:suffix=!", calls=7)
    assert await work({"query": "a"}) == "found a 3!"
    assert await work({"query": "a", "top": 5}) == "found a 5!"
    for given in ({}, {"query": 1}, {"query": "a", "top": 99}, {"query": "a", "suffix": "?"}):
        with pytest.raises(UsageError, match="do not fit the schema"):
            await work(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("odd_tools:blocking", "async def"),
        ("odd_tools:untyped", "annotation"),
        ("odd_tools:opaque", "says nothing in JSON"),
        ("odd_tools:nothing", "cannot be imported"),
        ("pyhton", "did you mean python"),
        ("odd_tools:find:calls=-1", ">= 0"),
        ("odd_tools:find:bytes=1", "bytes=.1. is not allowed: Expected `int` >= 200"),
        ("odd_tools:find:speed=1", "no parameter 'speed'"),
        ("odd_tools:find;odd_tools:find", "Two tools"),
        ("; ".join(["python"] * 17), "at most 16"),
    ],
)
def test_what_is_no_tool_is_refused_with_a_sentence(text, said):
    with pytest.raises(UsageError, match=said):
        open_tools(text, calls=1)


def test_several_tools_are_written_with_a_semicolon():
    assert named(" a ; b:c ;") == ("a", "b:c")
    assert named("") == ()


@pytest.mark.parametrize("name", sorted(plugins.names("tool")))
def test_every_shipped_tool_opens_and_describes_itself(name):
    tool, _ = open_tool(name, calls=1)
    assert tool.description.endswith(".")
    assert tool.schema["type"] == "object"


async def test_the_python_tool_runs_programs_and_tells_of_their_ends():
    _, work = open_tool("python:timeout_s=1", calls=1)
    if probe() is not None:
        with pytest.raises(MissingAbility):
            await work({"code": "print(1)"})
        return
    assert await work({"code": "print(sum(range(5)))"}) == "10"
    assert await work({"code": "x = 1"}) == "[it printed nothing; print what you want to see]"
    failed = await work({"code": "print('so far')\n1 / 0"})
    assert failed.startswith("so far\n[exit code 1]")
    assert "ZeroDivisionError" in failed
    assert "[stopped after 1 s]" in await work({"code": "while True: pass"})
    assert "exit code" in await work({"code": "import socket; socket.create_connection(('1.1.1.1', 80), 0.5)"})


async def test_the_search_tool_finds_documents_by_name_and_refuses_a_corpus_that_is_none():
    _, work = open_tool("search", calls=1)
    found = await work({"query": "Lundfell Light", "k": 2})
    assert found.count("[") == 2
    assert "Lundfell" in found.partition("\n\n")[0]
    assert await work({"query": "xyzzy"}) == "no document shares a word with that"
    with pytest.raises(UsageError, match="fit the schema"):
        await work({"query": "keeper", "corpus": "/etc"})
    refuse_unready("search")
    with pytest.raises(UsageError, match="no folder"):
        refuse_unready("search:corpus=/nowhere")
