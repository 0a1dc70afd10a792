"""Recordings on disk: what is written is read, the older layout too, and malformed files name their place."""

import json
import os

import numpy as np
import pytest

from outlay.errors import OutlayError, UsageError
from outlay.models import recording_file
from outlay.models.recording import FORMAT, VERSION, RecordedQuestion, RecordedSample, Recording
from outlay.models.recording_file import read, shipped, write
from outlay.money import Price
from outlay.types import Sampling


def recording(samples=(2, 2)):
    drawn = (
        RecordedSample("Answer: 4.0", 3, "stop", True, "4.0", key="4", mean_logp=-0.25),
        RecordedSample("Answer: 4", 4, "length", False, "4"),
        RecordedSample("no idea", 2, "stop", False),
    )
    return Recording(
        format=FORMAT,
        version=VERSION,
        model="small",
        task="sums",
        price=Price(1, 2, source="by hand", date="2026-11-25"),
        sampling=Sampling(temperature=0.7, max_output_tokens=4),
        note="made up",
        questions=tuple(
            RecordedQuestion(f"q{i}", ({"role": "user", "content": "2 + 2 ="},), "number", "4", 9, drawn[:n])
            for i, n in enumerate(samples)
        ),
    )


def written(tmp_path, change):
    write(tmp_path / "r.json", recording())
    document = json.loads((tmp_path / "r.json").read_text())
    change(document)
    (tmp_path / "r.json").write_text(json.dumps(document))
    return tmp_path / "r.json"


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "new" / "r.json", recording())
    assert read(tmp_path / "new" / "r.json") == recording()
    assert os.listdir(tmp_path / "new") == ["r.json"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording_file.os, "fsync", full)
    with pytest.raises(OutlayError, match="No space left on device; free some space"):
        write(path, recording())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["r.json"]


def test_the_older_layout_is_read(tmp_path):
    old = [
        {
            "q": "2 + 2 =",
            "gold": "4",
            "u": {"prompt_tokens": 20},
            "outs": [
                {"a": "4", "ok": True, "n": 5, "fin": "stop", "mlp": -0.5, "t": "Answer: 4"},
                {"a": "", "ok": False, "n": 6, "fin": "stop", "mlp": -0.7, "t": "Hm."},
            ],
        }
    ]
    (tmp_path / "old.json").write_text(json.dumps(old))
    result = read(tmp_path / "old.json")
    only = result.questions[0]
    assert (only.id, only.reference, only.input_tokens, result.price) == ("old-000", "4", 20, None)
    assert [s.votes_for for s in only.samples] == ["4", None]
    assert only.kind == "number"


def test_the_older_layout_has_no_kind_where_references_are_no_numbers(tmp_path):
    sample = {"a": "1+2", "ok": True, "n": 5, "fin": "stop", "t": "1+2"}
    (tmp_path / "old.json").write_text(
        json.dumps([{"q": "Make 3.", "gold": "1+2", "u": {"prompt_tokens": 9}, "outs": [sample]}])
    )
    assert read(tmp_path / "old.json").questions[0].kind is None


def test_answerless_and_truncated_samples_have_no_class():
    full = recording(samples=(3, 3))
    arrays = full.arrays()
    assert arrays.class_QS.tolist() == [[0, -1, -1]] * 2
    assert arrays.correct_QS.tolist() == [[True, False, False]] * 2
    assert arrays.output_tokens_QS.tolist() == [[3, 4, 2]] * 2
    assert arrays.input_tokens_Q.tolist() == [9, 9]
    assert np.isnan(arrays.mean_logp_QS).sum() == 4
    assert [s.key for s in full.questions[0].pool().samples] == ["4", None, None]


def test_arrays_need_as_many_samples_everywhere():
    with pytest.raises(UsageError, match="different numbers of samples"):
        recording(samples=(1, 2)).arrays()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["questions"][1]["samples"][0].pop("text"), r"\$.questions\[1\].samples\[0\]"),
        (
            lambda d: d["questions"][0]["samples"][1].update(output_tokens=-1),
            r"\$.questions\[0\].samples\[1\].output_tokens",
        ),
        (lambda d: d["questions"][0].update(samples=[]), r"\$.questions\[0\].samples"),
        (lambda d: d.update(questions=[]), r"\$.questions"),
        (lambda d: d.update(format="something else"), r"\$.format"),
        (lambda d: d["questions"][1].update(id="q0"), r"'q0' twice \(at questions\[1\]\)"),
        (lambda d: d.update(version=99), "later outlay"),
        (lambda d: d.update(version=0), "version"),
    ],
)
def test_a_malformed_recording_names_the_file_and_the_place(tmp_path, change, place):
    path = written(tmp_path, change)
    with pytest.raises(UsageError, match=place) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_recording_is_one_sentence(tmp_path, content):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.json"):
        read(tmp_path / "bad.json")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_recording_is_priced_and_dated_and_whole(name):
    result = read(name)
    assert result.price is not None
    assert result.price.source
    assert result.price.date == "2026-11-25"
    assert result.note
    arrays = result.arrays()
    assert arrays.output_tokens_QS.max() <= (result.sampling.max_output_tokens or 0)
    assert (arrays.input_tokens_Q > 0).all()
    assert np.isfinite(arrays.mean_logp_QS).all()


def test_the_shipped_recordings_stay_small():
    assert 1 <= sum(path.stat().st_size for path in shipped().values()) < 1_500_000
