"""Every Python block of the documentation runs: on a scripted model where it names a real one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from pages import Block, blocks, of_page

import outlay.cast
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Request

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = "how-to-add-a-strategy.md"
BLOCKS = blocks("python")
BEGINS = {
    "README.md": ("12 ",),
    "python.md": ("391 (('391', 1.0),)", "['391', '391', '391']", "17 1 "),
}
"""How the output of the blocks that name a real model begins on the stand-in, in their order; what others print, the
page says."""


def says(request: Request, index: int) -> str:
    """What the stand-in for a real model answers to the questions of the documentation."""
    text = str(request.messages[-1]["content"])
    return "Answer: 12" if "even" in text else "Answer: 17" if "divides" in text else "Answer: 391"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home and folder, and a scripted model behind every name of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OUTLAY_CONFIG", raising=False)
    monkeypatch.setattr(outlay.cast, "open_model", lambda name, config, **more: scripted(says, price=FIXED))


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.page != HOW_TO], ids=str)
def test_a_python_block_runs_and_prints_what_it_promises(block: Block, capsys: pytest.CaptureFixture[str]):
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    if block.prints:
        assert printed == block.prints
    else:
        place = [b for b in BLOCKS if b.page == block.page and not b.prints].index(block)
        assert printed.startswith(BEGINS[block.page][place])


async def test_the_strategy_of_the_how_to_is_loaded_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (block,) = (b for b in of_page(DOCS / HOW_TO) if b.language == "python")
    (tmp_path / "house_plans").mkdir()
    (tmp_path / "house_plans" / "three.py").write_text(block.text, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    asked = Question.of("17 * 23?", kind="number")
    strategy = "house_plans.three:best_of_three"
    async with shop(scripted(lambda request, index: f"Answer: {389 + index}", price=FIXED)) as opened:
        answer = await opened.ask(asked, strategy=strategy, verifier=lambda answer: answer == "391")
        assert (answer.answer, answer.calls) == ("391", 3)
        assert opened.bound(asked, f"{strategy}:n=5").calls == 10
    for name in ("house_plans.three", "house_plans"):
        sys.modules.pop(name, None)
