"""Documents, follow-ups, plans, orders and checked evidence, as a user asks for them on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from terminal import FREE, Shell
from upstream import Call, chat

pytest_plugins = ("command_line",)


async def reader(call: Call) -> web.StreamResponse:
    """A model that answers from what stands in its prompt, and asks for what does not."""
    return await chat(said(str(call.body["messages"][-1]["content"])))(call)


def said(text: str) -> str:
    """Its reply."""
    light = (re.findall(r"(\w+ Light)\b(?=[^\n]*\?)", text) or ["?"])[-1]
    keeper = re.search(rf"{light} was built[^\n]*Its keeper is (\w+ \w+)\.", text)
    born = keeper and re.search(rf"{keeper[1]} comes from \w+ and was born in (\d+)", text)
    if "Answer only this follow-up" in text:
        if "Who is the keeper" in text.splitlines()[-1]:
            return f"{keeper[1] if keeper else 'unknown'}."
        found = re.search(r"In which year was (\w+ \w+) born", text.splitlines()[-1])
        year = found and re.search(rf"{found[1]} comes from \w+ and was born in (\d+)", text)
        return year[1] if year else "unknown"
    if "write one line that begins with" in text:
        if born:
            return f"So the final answer is: {born[1]}"
        if "Found so far" in text and keeper:
            return f"Follow up: In which year was {keeper[1]} born?"
        return f"Follow up: Who is the keeper of {light}?"
    height = re.search(rf"{light} was built[^\n]* It is (\d+) metres", text)
    built = re.search(rf"{light} was built of \w+ in (\d+)", text)
    if "metres high is" in text and height:
        return f'Found: "It is {height[1]} metres"\nCoverage: full\nAnswer: {height[1]}'
    if "was " + light + " built" in text and built:
        return f'Found: "in {built[1]}. It is"\nCoverage: full\nAnswer: {built[1]}'
    return f"Answer: {born[1] if born else 0}"


def accuracy(shell: Shell, folder: str) -> dict[str, float]:
    """Share of right answers by strategy."""
    rows = [json.loads(line) for line in shell.saved(folder).decode().splitlines()]
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(str(row["strategy"]).partition(":")[0], []).append(float(row["score"]))
    return {name: sum(scores) / len(scores) for name, scores in found.items()}


async def test_one_document_answers_one_hop_and_follow_ups_answer_two(shell: Shell):
    shell.config(FREE)
    shell.up.always(reader)
    bench = ("bench", "--questions", "6", "--strategy")
    assert await shell(*bench, "single", "--out", "plain", "corpus_qa?hops=1") == 0
    assert await shell(*bench, "single", "--framing", "documents:k=2", "--out", "one", "corpus_qa?hops=1") == 0
    assert accuracy(shell, "plain") == {"single": 0.0}
    assert accuracy(shell, "one") == {"single in documents": 1.0}
    both = ("single", "iter_drag:n=3,k=2,m=1")
    assert await shell(*bench, *both, "--out", "two", "corpus_qa?hops=2") == 0
    found = accuracy(shell, "two")
    assert found["single"] == 0.0
    # Four of the six ask for a year of birth, the only fact about keepers that this model reads.
    assert found["iter_drag"] == pytest.approx(4 / 6)


async def test_a_folder_of_ones_own_is_asked_with_vectors_and_its_evidence_is_looked_up(
    shell: Shell, tmp_path: Path
):
    shell.config(FREE)
    shell.up.always(chat('Found: "opens at 9"\nCoverage: full\nAnswer: 9'))
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "office.md").write_text("The office opens at 9.\n\nIt closes at 17.", "utf-8")
    asked = (
        "ask",
        "When does the office open?",
        "--kind",
        "number",
        "--framing",
        f"documents:k=1,corpus={folder}",
    )
    more = ("--framing", "exoskeleton", "--strategy", "first_accepted:n=2", "--verifier", "grounded")
    assert await shell(*asked, *more, "--model", "fake", "--model", "embed=words/384", "--json") == 0
    assert (shell.json()["answer"], shell.json()["missing"]) == ("9", [])
    sent = str(shell.up.last["messages"])
    assert "The office opens at 9." in sent
    assert "Before you answer" in sent
    assert await shell(*asked[:-1], "documents:corpus=/nowhere") == 2
    assert "There is no folder" in shell.sentence


async def test_orders_plans_and_echoes_run_from_the_command_line(shell: Shell):
    shell.config(FREE)
    choices = "Who is oldest?\nA) Ann\nB) Bob\nC) Cyn"
    shell.up.always(chat("Answer: A"))
    asked = ("ask", choices, "--kind", "choice", "--strategy", "order_average:orders=6,read=samples", "--json")
    assert await shell(*asked) == 0
    # A model that always says the first letter says each of three choices equally often.
    assert "0.333" in shell.json()["stopped"]
    shell.up.always(chat("42. Answer: 42"))
    assert await shell("ask", "6 * 7?", "--kind", "number", "--strategy", "plan_and_budget", "--json") == 0
    assert shell.json()["answer"] == "42"
    assert "asked as it stands" in shell.json()["stopped"]
    assert await shell("ask", "6 * 7?", "--kind", "number", "--framing", "echo:first=16", "--json") == 0
    assert shell.json()["calls"] == 2
