"""`outlay report` on a folder whose bench recorded its samples: the folded parts, and everything as JSON."""

from __future__ import annotations

import json

import pytest

from outlay.cli import main

NAME = "recorded/pool-q05-sums"


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    out = tmp_path / "sums"
    words = ["bench", NAME, "--model", NAME, "--strategy", "self_consistency:n=16", "--questions", "24"]
    assert main([*words, "--out", str(out), "--record"]) in (0, None)
    capsys.readouterr()
    return out


def test_a_recorded_bench_is_reported_in_full(folder, capsys):
    page, data = folder / "r.html", folder / "r.json"
    assert main(["report", str(folder), "--html", str(page), "--data", str(data)]) in (0, None)
    said = " ".join(capsys.readouterr().out.split())
    assert "A perfect check would find a right one among 64 samples" in said
    found = json.loads(data.read_text("utf-8"))
    assert found["more_samples"][0]["samples"] == 16
    assert found["by_question"][0]["plans"][0]["plan"] == "single"
    assert found["stated"][0]["statements"] == 24
    assert "Where more samples stop paying" in page.read_text("utf-8")


def test_without_recordings_these_parts_are_silent(folder, capsys):
    for file in (folder / "recordings").iterdir():
        file.unlink()
    data = folder / "r.json"
    assert main(["report", str(folder), "--data", str(data)]) in (0, None)
    found = json.loads(data.read_text("utf-8"))
    assert (found["more_samples"], found["by_question"], found["checked"]) == ([], [], [])
