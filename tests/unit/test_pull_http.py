"""`outlay pull` over HTTP: resumption, hashes, room, and what people are told."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import threading
from pathlib import Path

import pytest

from outlay.errors import OutlayError, UsageError
from outlay.models import catalogue
from outlay.models import pull as pulling
from outlay.models.catalogue import Entry
from outlay.models.pull import Progress, pull

BODY = b"GGUF" + bytes(i * 7 % 251 for i in range(300_000))
SHA = hashlib.sha256(BODY).hexdigest()


class Shop:
    """A loopback file server with ranges and ETags that can break off; it notes every request's Range."""

    def __init__(self) -> None:
        self.body, self.tag, self.status = BODY, '"v1"', 200
        self.cuts: list[int] = []
        self.asked: list[str | None] = []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                shop.serve(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/tiny.gguf"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            request.send_error(self.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and request.headers.get("If-Range") != self.tag:
            start = 0
        if start and start >= len(self.body):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.body)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        piece = self.body[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        request.send_header("ETag", self.tag)
        request.send_header("Content-Length", str(len(piece)))
        request.end_headers()
        request.wfile.write(piece[: self.cuts.pop(0)] if self.cuts else piece)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


def listed(monkeypatch: pytest.MonkeyPatch, *sources: str) -> None:
    entry = Entry("tiny", "Tiny", len(BODY), SHA, "Apache-2.0", "", sources)
    monkeypatch.setitem(catalogue.CATALOGUE, "tiny", entry)


def left(home: Path) -> list[str]:
    return sorted(p.name for p in (home / "models").iterdir() if not p.name.endswith(".lock"))


def test_a_catalogue_name_is_fetched_checked_and_reported(shop: Shop, home: Path, monkeypatch):
    listed(monkeypatch, shop.url)
    seen: list[Progress] = []
    pulled = pull("tiny", on_progress=seen.append)
    assert pulled.path.read_bytes() == BODY
    assert (pulled.sha256, pulled.licence, pulled.source) == (SHA, "Apache-2.0", shop.url)
    assert seen[-1] == Progress(len(BODY), len(BODY), shop.url)
    assert left(home) == ["tiny.gguf"]


def test_what_is_there_is_not_fetched_again(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    pull("tiny")
    assert pull("tiny").source == ""
    assert len(shop.asked) == 1


def test_a_damaged_file_is_fetched_again(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    path = pull("tiny").path
    path.write_bytes(BODY[:-1] + b"x")
    assert pull("tiny").path.read_bytes() == BODY


def test_a_connection_that_breaks_off_is_opened_again_where_it_broke(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    shop.cuts = [100_000, 50_000]
    assert pull("tiny").path.read_bytes() == BODY
    assert shop.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_pull_goes_on_in_the_next_one(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    shop.cuts = [100_000, 0]
    with pytest.raises(OutlayError, match=r"broke off after 100,000 bytes.*goes on where it broke off"):
        pull("tiny")
    shop.asked.clear()
    assert pull("tiny").path.read_bytes() == BODY
    assert shop.asked == ["bytes=100000-"]


def test_a_file_that_changed_between_is_fetched_from_its_start(shop: Shop, monkeypatch):
    shop.cuts = [100_000, 0]
    with pytest.raises(OutlayError):
        pull(shop.url)
    shop.tag, shop.body = '"v2"', BODY[::-1].replace(BODY[:4][::-1], b"") + b"more"
    shop.body = b"GGUF" + shop.body
    assert pull(shop.url).path.read_bytes() == shop.body


def test_a_whole_partial_file_needs_only_the_servers_word(shop: Shop, home: Path, monkeypatch):
    listed(monkeypatch, shop.url)
    (home / "models").mkdir()
    (home / "models" / ".tiny.part0").write_bytes(BODY)
    (home / "models" / ".tiny.part0.etag").write_text(shop.tag)
    assert pull("tiny").path.read_bytes() == BODY
    assert shop.asked == [f"bytes={len(BODY)}-"]


def test_a_wrong_hash_says_both_and_keeps_nothing(shop: Shop, home: Path, monkeypatch):
    listed(monkeypatch, shop.url)
    shop.body = BODY[:-1] + b"x"
    got = hashlib.sha256(shop.body).hexdigest()
    with pytest.raises(OutlayError, match=f"has SHA-256 {got}, expected {SHA}") as failure:
        pull("tiny")
    assert failure.value.exit_code != 0
    assert left(home) == []


def test_the_next_source_is_tried_and_the_right_hash_wins(shop: Shop, monkeypatch):
    listed(monkeypatch, "http://127.0.0.1:9/tiny.gguf", shop.url)
    assert pull("tiny").source == shop.url


def test_a_source_of_the_wrong_length_is_left_at_once(shop: Shop, home: Path, monkeypatch):
    listed(monkeypatch, shop.url)
    shop.body = BODY * 2
    with pytest.raises(OutlayError, match="600,008 bytes long, expected 300,004"):
        pull("tiny")


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_refusal_is_one_sentence(shop: Shop, status: int, monkeypatch):
    listed(monkeypatch, shop.url)
    shop.status = status
    with pytest.raises(OutlayError, match=f"tiny could not be pulled: 127.0.0.1 answers {status}"):
        pull("tiny")


def test_an_address_may_pin_its_hash(shop: Shop):
    assert pull(f"{shop.url}#sha256={SHA.upper()}").name == "tiny"
    with pytest.raises(OutlayError, match="expected " + "0" * 64):
        pull(f"{shop.url}#sha256={'0' * 64}")


def test_what_is_not_a_model_file_is_refused(shop: Shop, home: Path):
    shop.body = b"<html>please log in</html>"
    with pytest.raises(OutlayError, match="not a GGUF model file"):
        pull(shop.url)
    assert left(home) == []


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("smollm2-135", "did you mean smollm2-135m"),
        ("/nowhere/x.gguf", "no model file /nowhere/x.gguf"),
        ("https://host/page.html", "does not end in the name of a .gguf file"),
        ("ftp://host/x.gguf", "not an http or https address"),
        ("https://host/x.gguf#main", "#main is not a hash"),
    ],
)
def test_bad_names_are_refused_with_a_sentence(model: str, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        pull(model)


def test_a_path_is_copied(tmp_path: Path, home: Path):
    (tmp_path / "mine.gguf").write_bytes(BODY)
    pulled = pull(tmp_path / "mine.gguf")
    assert pulled.path == home / "models" / "mine.gguf"
    assert pulled.path.read_bytes() == BODY


def test_a_disk_too_small_is_said_before_anything_is_fetched(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 1000))  # pyright: ignore
    with pytest.raises(
        OutlayError, match="is full: tiny needs 0 MB and 0 MB are free; make room, or set OUTLAY_HOME"
    ):
        pull("tiny")
    assert shop.asked == []


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path, shop: Shop, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "file"))
    listed(monkeypatch, shop.url)
    with pytest.raises(OutlayError, match="set OUTLAY_HOME to a folder of yours"):
        pull("tiny")


def test_two_pulls_at_once_fetch_once(shop: Shop, monkeypatch):
    listed(monkeypatch, shop.url)
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(pull("tiny").path.read_bytes())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [BODY, BODY]
    assert shop.asked == [None]
