"""Whether a model takes native tools: told by its card, asked before anything is spent."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from drawing import opened
from upstream import Upstream

from outlay.errors import MissingAbility, Unreachable
from outlay.models import gguf
from outlay.models.catalogue import CATALOGUE, path_of
from outlay.models.local import ABILITIES, abilities_of
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Sampling

TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
ASK = Question.of("What is 6 times 7 ?", kind="number", sampling=Sampling(extra={"tools": [TOOL]}))


def unable():
    return scripted(lambda r, i: "Answer: 42", price=FIXED, abilities=frozenset({"chat", "n"}))


def model_file(path, template: str | None):
    """The part of a GGUF file that matters here."""
    body = b"GGUF" + bytes(2000)
    if template is not None:
        text = template.encode()
        body += b"tokenizer.chat_template" + struct.pack("<IQ", 8, len(text)) + text
    path.write_bytes(body + bytes(500))
    return path


@pytest.mark.parametrize(
    "template, able", [("{%- if tools %}…", True), ("{% for m in messages %}", False), (None, False)]
)
def test_a_file_has_the_ability_where_its_template_shows_tools(tmp_path, template, able):
    path = model_file(tmp_path / "m.gguf", template)
    assert gguf.chat_template(path) == (template or "")
    assert abilities_of(path) == (ABILITIES | {"tools"} if able else ABILITIES)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_says_what_the_files_say(name):
    """Checked where a file is on this machine, here or in the cache of the tests with real models."""
    cached = Path.home() / ".cache/outlay-test-models" / f"{name.removeprefix('qwen2.5-coder-')}.gguf"
    for path in (path_of(name), cached, cached.with_name(f"qwen-{cached.name}")):
        assert not path.is_file() or gguf.takes_tools(path) == CATALOGUE[name].tools


@pytest.mark.parametrize("damaged", [b"", b"tokenizer.chat_template", b"tokenizer.chat_template\x08\0\0\0"])
def test_a_damaged_file_shows_none(tmp_path, damaged):
    (tmp_path / "m.gguf").write_bytes(damaged)
    assert not gguf.takes_tools(tmp_path / "m.gguf")


def test_a_file_that_is_gone_shows_none(tmp_path):
    assert not gguf.takes_tools(tmp_path / "none.gguf")


@pytest.mark.parametrize("flavour", ["openai", "vllm", "sglang", "llama.cpp"])
async def test_servers_take_tools_unless_they_say_otherwise(flavour):
    async with Upstream(flavour) as up, opened(up, dialect=flavour) as provider:
        assert "tools" in (await provider.card()).abilities


@pytest.mark.parametrize("caps, able", [({"supports_tools": False}, False), ({"supports_tools": True}, True)])
async def test_a_llama_server_says_what_its_template_shows(caps, able):
    async with Upstream("llama.cpp") as up, opened(up, dialect="llama.cpp") as provider:
        up.template_caps = caps
        assert ("tools" in (await provider.card()).abilities) == able


async def test_a_stated_ability_wins():
    async with Upstream("llama.cpp") as up, opened(up, abilities=frozenset({"chat", "tools"})) as provider:
        up.template_caps = {"supports_tools": False}
        assert "tools" in (await provider.card()).abilities


async def test_an_agent_that_wants_native_tools_is_refused_before_spending():
    asked = unable()
    async with shop(asked) as outlay:
        plan = await outlay.plan("budget_aware_agent:tools=python,native=true,planning=false,verify=false")
        with pytest.raises(MissingAbility, match="lacks the ability tools"):
            await outlay.buy(Question.of("6 * 7?", kind="number"), plan)
        plan = await outlay.plan("budget_aware_agent:tools=search,planning=false,verify=false")
        assert (await outlay.buy(Question.of("6 * 7?", kind="number"), plan)).answer == "42"
    assert all("tools" not in r.sampling.extra for r in asked.requests)


async def test_a_requests_own_tools_need_the_ability_too():
    asked = unable()
    async with shop(asked) as outlay:
        with pytest.raises(MissingAbility, match="lacks the ability tools"):
            await outlay.buy(ASK, await outlay.plan("self_consistency:n=2"))
        assert (await outlay.store.totals()).calls == 0
    assert asked.requests == []


async def test_a_chain_passes_over_a_model_that_takes_no_tools():
    dead = Unreachable("nobody there", retryable=True, billed=False)
    first, other = scripted(lambda r, i: dead, name="a", price=FIXED), unable()
    able = scripted(lambda r, i: "Answer: 42", name="c", price=FIXED)
    async with shop({"default": (first, other, able)}) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan("single"))
    assert (answer.answer, answer.elsewhere) == ("42", {"c": 1})
    assert other.requests == []
