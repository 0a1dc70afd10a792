"""What there is has its place in the documentation, and nothing stands there that is not."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from pages import PAGES, ROOT, Block, blocks, of_page, tables

import outlay
from outlay import config, plugins
from outlay.models.provider import ABILITIES
from outlay.run import Run
from outlay.tasks import open_task
from outlay.testing import FIXED, scripted, shop

DOCS = ROOT / "docs"
CONFIGURATION = DOCS / "configuration.md"
VARIABLE = re.compile(r"\b(?:OUTLAY|OPENAI|XDG)_[A-Z_]+\b")


def test_the_commands_page_is_the_help(monkeypatch: pytest.MonkeyPatch):
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.setenv(name, "1")
    spec = importlib.util.spec_from_file_location("make_commands", DOCS / "make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page() == script.PAGE.read_text("utf-8"), "run `make docs`"


def test_every_key_of_the_configuration_has_its_row_and_no_other():
    assert set(tables(CONFIGURATION, "key of `[models.NAME]`")) == _fields(config.ModelEntry)
    keys = {re.sub(r"[\[\]]|\.NAME", "", key) for key in tables(CONFIGURATION, "key")}
    assert keys == _fields(config.Config)


def _fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_configuration_that_is_shown_can_be_read(block: Block, tmp_path: Path):
    path = tmp_path / "outlay.toml"
    path.write_text(block.text, "utf-8")
    assert config.read(path) != config.Config()


def test_every_variable_that_is_read_is_documented_and_no_other():
    source = "\n".join(p.read_text("utf-8") for p in sorted((ROOT / "src").rglob("*.py")))
    assert set(VARIABLE.findall(CONFIGURATION.read_text("utf-8"))) == set(VARIABLE.findall(source))


@pytest.mark.parametrize("kind", ["strategy", "verifier"])
def test_every_strategy_and_verifier_has_its_row_and_no_other(kind: str):
    rows = {re.split(r"[: ]", name)[0] for name in tables(DOCS / "strategies.md", kind)}
    assert rows - {"package.module"} == set(plugins.names(kind))


def test_every_framing_has_its_row_and_no_other():
    rows = {re.split(r"[: ]", name)[0] for name in tables(DOCS / "framings.md", "framing")}
    assert rows - {"package.module"} == set(plugins.names("framing"))


def test_every_tool_of_agents_has_its_row_and_no_other():
    assert set(tables(DOCS / "agents.md", "tool")) == set(plugins.names("tool"))


def test_every_task_stands_in_its_page_and_no_other():
    page = (DOCS / "tasks.md").read_text("utf-8")
    assert set(tables(DOCS / "tasks.md", "task")) <= set(plugins.names("task"))
    formats = {"jsonl": "## Your own questions: JSONL", "csv": "```csv"}
    for name in plugins.names("task"):
        assert formats[name] in page if name in formats else re.search(rf"`{name}[`:/]", page), name


def test_every_answer_kind_stands_in_the_tasks_page():
    page = (DOCS / "tasks.md").read_text("utf-8")
    assert [kind for kind in plugins.names("answer kind") if f"`{kind}`" not in page] == []


@pytest.mark.parametrize("language", ["jsonl", "csv"])
def test_a_task_file_that_is_shown_can_be_read(language: str, tmp_path: Path):
    for block in blocks(language):
        path = tmp_path / f"questions.{language}"
        path.write_text(block.text, "utf-8")
        task = open_task(str(path), questions=10, seed=0)
        assert all(item.score(item.reference, "") == 1.0 for item in task)


async def test_the_queries_of_the_ledger_page_run_and_its_columns_are_the_ledgers(tmp_path: Path):
    path = tmp_path / "ledger.db"
    async with shop(scripted(lambda request, index: "Answer: 4", price=FIXED), store=path) as opened:
        await opened.ask("2 + 2?", kind="number")
    queries = [b for b in of_page(DOCS / "ledger.md") if b.language == "sql"]
    assert len(queries) >= 3
    with closing(sqlite3.connect(path)) as db:
        rows = [db.execute(block.text).fetchall() for block in queries]
        columns = {row[1] for row in db.execute("PRAGMA table_info(calls)")}
        others = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert [len(found) for found in rows] == [1, 1, 0]
    assert set(tables(DOCS / "ledger.md", "column of `calls`")) == columns
    assert all(f"`{name}`" in (DOCS / "ledger.md").read_text("utf-8") for name in others)


def test_the_calls_and_abilities_of_the_how_to_are_those_of_the_code():
    page = DOCS / "how-to-add-a-strategy.md"
    for call in tables(page, "call"):
        name = re.search(r"run\.(\w+)\(", call)
        assert name is not None
        assert hasattr(Run, name[1]), call
    assert all(f"`{ability}`" in page.read_text("utf-8") for ability in ABILITIES)


@pytest.mark.parametrize("name", outlay.__all__)
def test_every_public_name_has_a_docstring(name: str):
    assert len(inspect.getdoc(getattr(outlay, name)) or "") > 20


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), target
