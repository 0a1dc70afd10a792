"""The small parts of the command line: roles, safe text, colours, progress on a pipe, names of recordings."""

from __future__ import annotations

import io

import pytest

from outlay.cli import _progress, _terminal, commands
from outlay.cli._roles import split
from outlay.experiments import record


def test_models_named_alone_are_compared_and_roles_stand_beside_them():
    assert split(["a", "judge=b", "default=c", "a"]) == (("a", "c"), {"judge": "b"})


def test_a_path_with_an_equals_sign_is_no_role():
    assert split(["local/dir/x=y.gguf"]) == (("local/dir/x=y.gguf",), {})


def test_control_characters_are_dropped_and_lines_kept():
    assert _terminal.safe("a\x1b]0;title\x07b\tc\r\nd\u202e") == "a]0;titleb\tc\nd"


@pytest.mark.parametrize(
    "environment, coloured",
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colour_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _terminal.coloured(io.StringIO()) is coloured


def test_progress_on_a_pipe_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    seconds = iter(s for s in (0.0, 1.0, 6.0, 7.0) for _ in range(2))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(seconds))
    with _progress.progress("answers") as tell:
        for done in (10, 20, 70, 80):
            tell(done, 100, "50 % right")
    assert capsys.readouterr().err.splitlines() == [
        "10 of 100 answers, 50 % right",
        "70 of 100 answers, 50 % right, 0:03 left",
    ]


def test_one_of_an_unknown_number_is_told_in_the_singular(capsys: pytest.CaptureFixture[str]):
    with _progress.progress("purchases") as tell:
        tell(1, None, "")
    with _progress.progress("pools") as tell:
        tell(1, 60, "")
    assert capsys.readouterr().err.splitlines() == ["1 purchase", "1 of 60 pools"]


def test_bytes_are_told_as_megabytes(capsys: pytest.CaptureFixture[str]):
    with _progress.progress("bytes") as tell:
        tell(98_362_432, 98_362_432, "a hub")
        tell(5_000_000, None, "")
    assert capsys.readouterr().err == "98 of 98 MB, a hub\n"


def test_the_commands_are_the_public_files():
    assert {"ask", "bench", "report", "models", "strategies", "tasks", "pull", "ledger"} <= set(commands())
    assert not [name for name in commands() if name.startswith("_")]


@pytest.mark.parametrize(
    "name, plain",
    [("local/a.gguf", "local_a.gguf"), ("../../etc", "etc"), ("t?max=3&x=/", "t_max_3_x"), ("///", "unnamed")],
)
def test_a_recording_never_leaves_its_folder(name: str, plain: str):
    assert record._plain(name) == plain
