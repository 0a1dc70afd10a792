"""A local model before its server starts: which file is meant, what it is, and what is missing."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pytest

from outlay.errors import MissingExtra, UsageError
from outlay.models import cores as cores_module
from outlay.models import digest
from outlay.models.cores import cores
from outlay.models.local import local
from outlay.models.local_process import LocalProcess
from outlay.money import FREE
from outlay.types import Request


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    return tmp_path


def test_a_model_that_was_not_pulled_is_never_downloaded():
    with pytest.raises(UsageError, match=r"run: outlay pull qwen2\.5-coder-0\.5b$"):
        local("qwen2.5-coder-0.5b")


def test_a_file_of_the_wrong_length_counts_as_not_pulled(home: Path):
    (home / "models").mkdir()
    (home / "models" / "smollm2-135m.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="run: outlay pull smollm2-135m"):
        local("smollm2-135m")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("qwen2.5-coder-0.5", "did you mean qwen2.5-coder-0.5b"),
        ("/nowhere/x.gguf", "There is no model file /nowhere/x.gguf"),
        ("../../etc/passwd", "There is no local model"),
        ("", "There is no local model"),
    ],
)
def test_what_is_no_model_is_said(model: str, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        local(model)


async def test_a_missing_engine_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (home / "x.gguf").write_bytes(b"GGUF")
    provider = local(home / "x.gguf", price=FREE)
    request = Request(({"role": "user", "content": "hi"},), max_output_tokens=4)
    with pytest.raises(MissingExtra, match=r'pip install "outlay\[local\]"'):
        _ = [delta async for delta in provider.stream(request)]
    await provider.close()


async def test_the_card_names_the_bytes_not_the_file(home: Path):
    for name in ("a.gguf", "b.gguf"):
        (home / name).write_bytes(b"GGUF same")
    cards = [await local(home / name, slots=3, price=FREE).card() for name in ("a.gguf", "b.gguf")]
    assert {card.identity for card in cards} == {"local/" + hashlib.sha256(b"GGUF same").hexdigest()[:16]}
    assert (cards[0].max_n, cards[0].concurrency, cards[0].shares_prompt, cards[0].price) == (3, 3, True, FREE)


async def test_closing_twice_or_unopened_does_no_harm(home: Path):
    (home / "x.gguf").write_bytes(b"GGUF")
    provider = local(home / "x.gguf", price=FREE)
    await provider.close()
    await provider.close()


def test_a_stopped_server_is_not_started_again(home: Path):
    process = LocalProcess(home / "x.gguf", 1, 64, 1)
    process.stop()
    with pytest.raises(Exception, match="was closed"):
        process.ensure()


def test_a_digest_is_remembered_until_the_file_changes(home: Path, monkeypatch: pytest.MonkeyPatch):
    file = home / "x.gguf"
    file.write_bytes(b"one")
    assert digest.sha256(file) == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(digest, "read", lambda path: pytest.fail("the file was read again"))
        assert digest.sha256(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"three")
    assert digest.sha256(file) == hashlib.sha256(b"three").hexdigest()
    (home / "digests.json").write_text("damaged")
    assert digest.sha256(file) == hashlib.sha256(b"three").hexdigest()


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 4), ("150000 100000", 2), ("50000 100000", 1), ("rubbish", 4)]
)
def test_cores_are_those_allowed_within_the_containers_quota(
    quota: str, expected: int, home: Path, monkeypatch: pytest.MonkeyPatch
):
    (home / "cpu.max").write_text(quota)
    monkeypatch.setattr(cores_module, "CGROUP_CPU", home / "cpu.max")
    monkeypatch.setattr(cores_module.os, "sched_getaffinity", lambda pid: set(range(4)), raising=False)
    assert cores() == expected
