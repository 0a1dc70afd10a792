"""Recordings on disk: one JSON object a file, in outlay's own versioned layout (the structs of `recording`).

The older layout, a bare list of questions with `q`, `gold` and `outs`, is read too. Whatever is malformed is
refused with the file and the place.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from outlay.errors import OutlayError, UsageError, nearest
from outlay.models.recording import FORMAT, VERSION, RecordedQuestion, RecordedSample, Recording, Whole
from outlay.types import Sampling

SHIPPED = Path(__file__).parent.parent / "recordings"
"""The recordings that come with outlay."""


def shipped() -> dict[str, Path]:
    """The recordings that come with outlay, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.json"))}


def locate(name: str | Path) -> Path:
    """The file that a user calls `name`: a path, or the name of a shipped recording.

    Raises:
        UsageError: there is neither; the sentence names the nearest shipped one.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = shipped()
    if str(name) in known:
        return known[str(name)]
    raise UsageError(
        f"There is no recording {str(name)!r}: no such file, and of the shipped ones "
        f"{nearest(str(name), known)}"
    )


def read(name: str | Path) -> Recording:
    """The recording in a file, or the shipped one of that name.

    Raises:
        UsageError: there is no such file, or it is malformed; the sentence names the file and the place.
    """
    path = locate(name)
    try:
        data = path.read_bytes()
        if data.lstrip()[:1] == b"[":
            return _checked(path, _from_list(path, msgspec.json.decode(data, type=list[_OldQuestion])))
        head = msgspec.json.decode(data, type=_Head)
        if head.format == FORMAT and head.version > VERSION:
            raise UsageError(
                f"{path} was written by a later outlay (version {head.version} of the layout, this one reads "
                f"{VERSION}); update outlay."
            )
        return _checked(path, msgspec.json.decode(data, type=Recording))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not a recording: {error}.") from None


def write(path: str | Path, recording: Recording) -> None:
    """Write a recording whole or not at all.

    Raises:
        OutlayError: the disk is full or the folder cannot be written; what was there before is still there.
    """
    path = Path(path)
    data = msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n"
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            partial = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
        partial = None
    except OSError as error:
        raise OutlayError(
            f"{path} cannot be written: {error.strerror}; free some space or choose another folder."
        ) from None
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)


class _Head(Struct):
    format: str = ""
    version: int = 0


class _OldSample(Struct):
    t: str
    ok: bool
    n: Whole
    fin: str
    a: str | None = None
    mlp: float | None = None


class _OldUsage(Struct):
    prompt_tokens: Whole


class _OldQuestion(Struct):
    q: str
    gold: str | int | float
    outs: Annotated[list[_OldSample], Meta(min_length=1)]
    u: _OldUsage


def _from_list(path: Path, questions: list[_OldQuestion]) -> Recording:
    """The older layout; it states neither model nor price nor settings, so those stay unknown."""
    kind = "number" if all(_is_number(q.gold) for q in questions) else None
    return Recording(
        format=FORMAT,
        version=VERSION,
        model=path.stem,
        task=path.stem,
        price=None,
        sampling=Sampling(),
        questions=tuple(_from_old(f"{path.stem}-{i:03d}", kind, q) for i, q in enumerate(questions)),
    )


def _from_old(id: str, kind: str | None, old: _OldQuestion) -> RecordedQuestion:
    samples = tuple(RecordedSample(s.t, s.n, s.fin, s.ok, s.a or None, mean_logp=s.mlp) for s in old.outs)
    return RecordedQuestion(
        id,
        ({"role": "user", "content": old.q},),
        kind,
        str(old.gold),
        old.u.prompt_tokens,
        samples,
    )


def _is_number(gold: str | int | float) -> bool:
    try:
        float(gold)
    except ValueError:
        return False
    return True


def _checked(path: Path, recording: Recording) -> Recording:
    price = recording.price
    if price is not None and min(price.input_nusd_per_mtok, price.output_nusd_per_mtok) < 0:
        raise UsageError(
            f"{path} states a negative price; write 0 for what is free, null for what is not known."
        )
    seen: set[str] = set()
    for i, question in enumerate(recording.questions):
        if question.id in seen:
            raise UsageError(
                f"{path} holds the question {question.id!r} twice (at questions[{i}]); ids must differ."
            )
        seen.add(question.id)
    if not recording.questions:
        raise UsageError(f"{path} holds no questions.")
    return recording
