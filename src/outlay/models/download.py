"""A file fetched over HTTP, which goes on where it broke off."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from outlay.errors import OutlayError, UsageError

CONNECT_S = 3.0
SILENCE_S = 60.0
BLOCK_BYTES = 1 << 20


class SourceFailed(OutlayError):
    """One source did not give the file; the next one may."""


def download(url: str, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    """Fills the file `part` with what is at `url`, going on from what `part` holds already.

    It goes on only if the server says that the file is still the same (its ETag, kept beside `part`); otherwise
    it begins anew. A connection that breaks off after it brought something is opened again at once.

    Args:
        url: an http or https address.
        part: where the bytes go; kept when the download fails.
        on_bytes: called with the bytes there are and the bytes there will be, None while that is unknown.

    Raises:
        UsageError: the address is not http or https.
        SourceFailed: the server cannot be reached (3 s to connect), refuses, or is silent for a minute.
        OSError: `part` cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url} is not an http or https address.")
    before = -1
    while not _attempt(url, part, on_bytes):
        have = part.stat().st_size
        if have <= before:
            raise SourceFailed(f"{urlsplit(url).hostname} broke off after {have:,} bytes")
        before = have


def _attempt(url: str, part: Path, on_bytes: Callable[[int, int | None], None]) -> bool:
    """Whether the file is whole now."""
    mark = part.with_name(part.name + ".etag")
    tag = mark.read_text("utf-8") if mark.exists() and part.exists() else ""
    have = part.stat().st_size if tag else 0
    response = _opened(url, {"Range": f"bytes={have}-", "If-Range": tag} if have else {}, have)
    if response is None:
        return True
    with contextlib.closing(response):
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        done = have if goes_on else 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        with part.open("ab" if goes_on else "wb") as file:
            mark.write_text(_strong(response.headers.get("ETag")), "utf-8")
            on_bytes(done, total)
            for block in _blocks(response):
                file.write(block)
                done += len(block)
                on_bytes(done, total)
    return total is None or done >= total


def _opened(url: str, headers: dict[str, str], have: int) -> Any:
    """The server's response, or None when it says that nothing follows the `have` bytes."""
    opener = urllib.request.build_opener(_Http, _Https)
    request = urllib.request.Request(
        url, headers={"User-Agent": "outlay", "Accept-Encoding": "identity"} | headers
    )
    host = urlsplit(url).hostname
    try:
        return opener.open(request, timeout=CONNECT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
                return None
            raise SourceFailed(f"{host} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceFailed(f"{host} cannot be reached ({error.reason})") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceFailed(f"{host} cannot be reached ({str(error) or type(error).__name__})") from None


def _blocks(response: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            block = response.read(BLOCK_BYTES)
        except (OSError, http.client.HTTPException):
            return
        if not block:
            return
        yield block


def _strong(tag: str | None) -> str:
    """The ETag if it vouches for every byte, else nothing: a weak one may not be resumed on."""
    return tag if tag and not tag.startswith("W/") else ""


def _patient(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(SILENCE_S)


class _HttpConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _patient(self)


class _HttpsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _patient(self)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_HttpConnection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_HttpsConnection, req)
