"""Every shell line of the documentation can be run: its program, its files, its commands and its options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from pages import PAGES, ROOT, Block, blocks, inline

from outlay.cli import application, commands

HERE = {"make", "outlay", "pip", "python"}


def commands_of(text: str) -> list[list[str]]:
    """The simple commands of a block, continued lines joined, comments and assignments before a command left out."""
    found: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in words:
            if set(word) <= set("();<>|&"):
                found.append(command)
                command = []
            elif command or not re.match(r"[A-Z_]+=", word):
                command.append(word)
        found.append(command)
    return [command for command in found if command]


def refuse(words: list[str]) -> str:
    """Why these words cannot be run here, or an empty text."""
    program, rest = Path(words[0]).name, words[1:]
    if program not in HERE:
        return f"{program} is not one of {', '.join(sorted(HERE))}"
    return {"make": _make, "outlay": _outlay, "pip": _pip, "python": _python}[program](rest)


def _outlay(words: list[str]) -> str:
    asked = words if words[0] in commands() else ["ask", *words]
    try:
        application().parse_args(asked, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return str(error)
    return ""


def _make(words: list[str]) -> str:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    return "".join(f"make has no {word}" for word in words if "=" not in word and word not in targets)


def _pip(words: list[str]) -> str:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    named = re.findall(r"\[([\w,]+)\]", " ".join(words))
    extras = [extra for several in named for extra in several.split(",")]
    return "".join(
        f"there is no extra {extra}" for extra in extras if not re.search(rf"^{extra} = \[", project, re.M)
    )


def _python(words: list[str]) -> str:
    script = ROOT / words[0]
    if not script.is_file():
        return f"there is no {words[0]}"
    text = script.read_text("utf-8")
    return "".join(
        f"{words[0]} has no {w}" for w in words if w.startswith("--") and w.split("=")[0] not in text
    )


@pytest.mark.parametrize("block", blocks("sh", "bash", "console", "shell"), ids=str)
def test_a_shell_block_can_be_run(block: Block):
    found = commands_of(block.text)
    assert found
    assert [(words, why) for words in found if (why := refuse(words))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_the_text_have_their_verbs_and_options(page: Path):
    help_of = (ROOT / "docs" / "commands.md").read_text("utf-8").split("\n## ")
    for code in inline(page):
        words = code.split()
        if words[0] == "make":
            assert _make([w for w in words[1:2] if w.islower()]) == "", code
        elif words[0] == "outlay" and len(words) > 1 and words[1].isalpha() and words[1].islower():
            assert words[1] in commands(), code
            said = "".join(part for part in help_of if part.startswith(f"outlay {words[1]}"))
            for option in re.findall(r"(?<!\S)--[\w-]+", code):
                assert f"{option} " in said, code
        elif re.fullmatch(r"(--[a-z][a-z-]+)( .*)?", code) and page.name in (
            "README.md",
            "tasks.md",
            "ledger.md",
        ):
            assert any(f"{words[0]} " in part for part in help_of), code


def test_the_check_itself_refuses_what_cannot_be_run():
    wrong = 'outlay bench a --nope 1\nmake nothing\npython bench/none.py\nrm -rf x\npip install "outlay[none]"'
    assert all(refuse(words) for words in commands_of(wrong))
    right = 'X=1 outlay "17 * 23?" --seed 1  # said\npython bench/door.py --calls 10 > calls.json'
    assert [refuse(words) for words in commands_of(right)][:2] == ["", ""]
