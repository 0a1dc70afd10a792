"""`outlay plan --save`: the plan stands in outlay.toml, is what outlay/auto buys, and the rest of the file stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from outlay import config
from outlay.cli import main
from outlay.cli._save_plan import with_plan
from outlay.config.plans import PlanEntry

SMALL = "recorded/res-q15-chain_sum"
WORDS = ("plan", SMALL, "--model", SMALL, "--questions", "8", "--value-usd", "0.01")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_advised_plan_is_saved_and_read(capsys):
    assert main([*WORDS, "--save", "sums"]) == 0
    assert "outlay/auto buys it for the task class default" in capsys.readouterr().err
    known = config.read()
    plan = known.plan("sums")
    assert (plan.model, plan.kind, plan.max_output_tokens) == (SMALL, "number", 512)
    assert known.auto == {"default": "sums"}
    assert Path("outlay.toml").read_text().startswith("# Advised by outlay plan from 8 questions")


def test_saving_again_replaces_the_plan_and_nothing_else(capsys):
    before = f'# mine\ndefault = "{SMALL}"  # keep\n\n[roles]\njudge = "{SMALL}"\n'
    Path("outlay.toml").write_text(before)
    for words in (
        ("--save", "a", "--answer-usd", "1"),
        ("--save", "b", "--task-class", "maths"),
        ("--save", "a"),
    ):
        assert main([*WORDS, *words]) == 0
    capsys.readouterr()
    text = Path("outlay.toml").read_text()
    assert text.startswith(before.rstrip())
    assert text.count("[plans.a]") == text.count("[plans.b]") == text.count("[auto]") == 1
    assert text.count("# Advised") == 2
    known = config.read()
    assert known.auto == {"default": "a", "maths": "b"}
    assert known.plan("a").max_usd is None


def test_the_file_that_the_environment_names_is_the_one(monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_CONFIG", "other.toml")
    Path("other.toml").write_text(f'default = "{SMALL}"\n')
    assert main([*WORDS, "--save", "sums"]) == 0
    assert "[plans.sums]" in Path("other.toml").read_text()
    assert not Path("outlay.toml").exists()


def test_a_folder_saves_too(capsys):
    bench = ["bench", SMALL, "--model", SMALL, "--questions", "8", "--out", "sums"]
    assert main([*bench, "--strategy", "self_consistency:n=8"]) == 0
    assert main(["plan", "sums", "--value-usd", "0.01", "--save", "voted"]) == 0
    assert config.read().plan("voted").kind == "number"


@pytest.mark.parametrize(
    "words, said",
    [
        (("--save", SMALL), "is called"),
        (("--save", "outlay/x"), "the server's own"),
        (("--save", "x", "--temperature", "0.5"), "no key"),
        (("--save", "x", "--answer-usd", "0.0000001"), "no plan to save"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_the_file_stays(capsys, words, said):
    Path("outlay.toml").write_text(f'default = "{SMALL}"\n')
    assert main([*WORDS, *words]) == 2
    assert said in capsys.readouterr().err
    assert Path("outlay.toml").read_text() == f'default = "{SMALL}"\n'


def test_a_file_that_cannot_be_edited_safely_is_left_alone(capsys):
    inline = f'default = "{SMALL}"\nauto = {{ }}\n'
    Path("outlay.toml").write_text(inline)
    assert main([*WORDS, "--save", "x"]) == 2
    err = capsys.readouterr().err
    assert "add by hand" in err
    assert "[plans.x]" in err
    assert Path("outlay.toml").read_text() == inline


@pytest.mark.parametrize("name", ["plain", "two words", 'quo"ted', "ünïcode", "a.b"])
def test_any_name_is_written_and_replaced(name):
    entry = PlanEntry("self_consistency", {"n": 4}, roles={"judge": "j"}, max_usd=0.5)
    text = with_plan("", name, entry, name, ["said"])
    again = with_plan(text, name, entry, name, ["said"])
    assert tomllib.loads(text) == tomllib.loads(again)
    found = tomllib.loads(again)
    assert found["plans"][name]["parameters"] == {"n": 4}
    assert found["plans"][name]["roles"] == {"judge": "j"}
    assert found["auto"] == {name: name}
